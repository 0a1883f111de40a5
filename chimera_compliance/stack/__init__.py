"""The parent's side of the reference stack: starts the supervisor, asks it for variants, and lets go of it.

Only the standard library is imported here, so that whoever verifies a stack of their own pays nothing for it.
Everything that runs hangs on one pipe: when this process ends, however it ends, the supervisor's reaper sees
the pipe close and removes servers, database and folders.
"""

import importlib.util
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

_NEEDED = ("fastapi", "limits", "moto", "psycopg", "sqlalchemy", "uvicorn")


class StackError(Exception):
    """The reference stack cannot be had; one line says why and what to do."""


@dataclass(frozen=True)
class Running:
    """A variant that answers: the target file describes it completely."""

    id: int
    variant: str | None
    target: Path
    boot_seconds: float


class Stack:
    """One supervisor with the PostgreSQL cluster that its variants share; a context manager."""

    def __init__(self, process: subprocess.Popen):
        self._process = process
        self._begun: tuple[str | None, float] = (None, 0.0)

    @classmethod
    def start(cls) -> "Stack":
        """Start the supervisor; the servers come with the first variant.

        Raises:
            StackError: the packages of the extra `reference` are not installed.
        """
        missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
        if missing:
            raise StackError(
                f"the reference stack needs {', '.join(missing)}: pip install 'chimera-compliance[reference]'"
            )
        # A session of its own: Ctrl-C belongs to the parent, which then ends the stack by closing the pipe.
        command = [sys.executable, "-m", "chimera_compliance.stack"]
        environment = _environment_with(Path(__file__).resolve().parents[2])
        return cls(
            subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                bufsize=1,
                start_new_session=True,
                env=environment,
            )
        )

    def boot(self, variant: str | None = None) -> Running:
        """Start a variant (the reference if none is named); its own database, login role, servers and folder.

        Raises:
            StackError: there is no such variant, or it did not start.
        """
        self.begin(variant)
        return self.booted()

    def begin(self, variant: str | None = None) -> None:
        """Begin to start a variant; `booted` waits for it.

        Raises:
            StackError: the supervisor has ended.
        """
        self._begun = variant, time.monotonic()
        self._tell({"boot": variant})

    def booted(self) -> Running:
        """The variant that was begun, once it answers.

        Raises:
            StackError: there is no such variant, or it did not start.
        """
        (variant, began), answer = self._begun, self._answer()
        return Running(answer["id"], variant, Path(answer["target"]), time.monotonic() - began)

    def stop(self, running: Running) -> None:
        """End a variant and drop its database and roles."""
        self._tell({"close": running.id})
        self._answer()

    def wait(self) -> None:
        """Return when the supervisor has ended, whoever ended it.

        Raises:
            StackError: it was not asked to.
        """
        if self._process.wait():
            raise StackError("the reference stack ended unexpectedly")

    def close(self) -> None:
        """End everything; returns when nothing is left. May be called twice."""
        if not self._process.stdin.closed:
            self._process.stdin.close()
            self._process.stdout.read()  # The reaper holds this end open until its work is done.
            self._process.stdout.close()
        self._process.wait()

    def __enter__(self) -> "Stack":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _tell(self, command: dict) -> None:
        try:
            self._process.stdin.write(json.dumps(command) + "\n")
        except (OSError, ValueError):
            raise StackError("the reference stack ended unexpectedly") from None

    def _answer(self) -> dict:
        try:
            answer = self._process.stdout.readline()
        except (OSError, ValueError):
            answer = ""
        if not answer:
            raise StackError("the reference stack ended unexpectedly")
        if "error" in (told := json.loads(answer)):
            raise StackError(told["error"])
        return told


def _environment_with(root: Path) -> dict[str, str]:
    """The environment in which the supervisor imports this very package."""
    import os

    paths = [str(root), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
