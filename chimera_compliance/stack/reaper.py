"""The process that cleans up, however the others end.

It is forked before anything else, owns nothing but a pipe from the supervisor, and watches two ends: the
supervisor's, and the parent's (standard input). When either closes, it kills every process that it was told of
and removes the run folder. A graceful end and a SIGKILL take the same way out.
"""

import contextlib
import os
import resource
import select
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

_GRACE_SECONDS = 1.0
"""How long a supervisor whose parent is gone may take to leave by itself."""


class Reaper:
    """The supervisor's handle: tell it of each process as soon as it exists."""

    def __init__(self, pipe: int):
        self._pipe = pipe

    @classmethod
    def start(cls, folder: Path, lifeline: int = 0) -> "Reaper":
        """Fork the reaper; it removes `folder` when the supervisor ends or `lifeline`'s writers are gone."""
        supervisor, (read_end, write_end), (all_gone, alive) = os.getpid(), os.pipe(), os.pipe()
        if os.fork() == 0:
            os.close(write_end)
            os.close(alive)
            _until_gone(read_end, lifeline, supervisor, all_gone)
            shutil.rmtree(folder, ignore_errors=True)
            os._exit(0)
        os.close(read_end)
        os.close(all_gone)
        os.set_inheritable(alive, True)  # Whoever runs holds it, also after an exec: it closes when none is left.
        return cls(write_end)

    def fork(self, work: Callable[[], None]) -> int:
        """Run `work` in a child that never returns; it leads a process group, which ends with the stack."""
        pid = os.fork()
        if pid == 0:
            os.setsid()
            os.write(self._pipe, b"+%d\n" % os.getpid())
            os.close(self._pipe)
            _detach_standard_streams()
            _run_and_exit(work)
        return pid

    def kill(self, pid: int) -> None:
        """End a forked child and its group now."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)
        os.write(self._pipe, b"-%d\n" % pid)


def _detach_standard_streams() -> None:
    """Commands and answers belong to the supervisor alone; a log is where standard error goes."""
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(2, 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _run_and_exit(work: Callable[[], None]) -> None:
    status = 1
    try:
        work()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(status)


def _until_gone(control: int, lifeline: int, supervisor: int, all_gone: int) -> None:
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    watched: set[int] = set()
    _follow(control, lifeline, watched)
    _follow(control, None, watched, deadline=time.monotonic() + _GRACE_SECONDS)
    if os.getppid() == supervisor:
        os.kill(supervisor, signal.SIGKILL)
    for number in (signal.SIGQUIT, signal.SIGKILL):  # The first lets PostgreSQL free its shared memory.
        _signal_groups(watched, number)
        _hangs_up(all_gone, seconds=0.5)


def _follow(control: int, lifeline: int | None, watched: set[int], deadline: float | None = None) -> None:
    """Keep the list of processes until an end closes or the deadline passes."""
    poll, rest = select.poll(), b""
    poll.register(control, select.POLLIN)
    if lifeline is not None:
        poll.register(lifeline, 0)  # Only that it hangs up; what it says is for the supervisor.
    while deadline is None or time.monotonic() < deadline:
        ready = dict(poll.poll(None if deadline is None else 50))
        if lifeline in ready and lifeline is not None:
            return
        if control in ready:
            if not (read := os.read(control, 4096)):
                return
            *lines, rest = (rest + read).split(b"\n")
            for line in lines:
                (watched.add if line[:1] == b"+" else watched.discard)(int(line[1:]))


def _signal_groups(leaders: set[int], number: int) -> None:
    """Whole groups go, whether or not their leader is still there."""
    for leader in leaders:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, number)


def _hangs_up(pipe: int, seconds: float) -> None:
    """Wait until nobody holds the pipe's other end. (A process id would still be there for a zombie.)"""
    poll = select.poll()
    poll.register(pipe, 0)
    poll.poll(seconds * 1000)
