"""Whether alice gets at what is bob's through the API."""
