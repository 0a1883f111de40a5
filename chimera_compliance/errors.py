"""What can be wrong before anything is verified; each becomes one line and a documented exit code."""

EXIT_CLEAN = 0
EXIT_FINDINGS = 1
EXIT_INCOMPLETE = 2
EXIT_EXPIRED_WAIVER = 3
EXIT_BAD_CONFIGURATION = 4
EXIT_INTERRUPTED = 130


class ConfigurationError(Exception):
    """The target file, the command line or the environment cannot be used; says what to do. Exit code 4."""


class OutOfScope(ConfigurationError):
    """A request would have left the hosts that the target file's scope names. Exit code 4."""
