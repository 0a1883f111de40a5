"""Tests of the suite itself."""

pytest_plugins = ["pytester"]
