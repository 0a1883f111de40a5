"""The API as a client sees it: requests, answers, and the engine that sends many of them at once."""
