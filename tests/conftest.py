"""Tests of the suite itself."""

import signal

pytest_plugins = ["pytester"]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background, and children would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)
