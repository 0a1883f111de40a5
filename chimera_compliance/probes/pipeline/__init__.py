"""What a repository's pipeline does with a change: read from its files, and tried in a throw-away clone."""
