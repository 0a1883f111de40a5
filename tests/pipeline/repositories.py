"""Small repositories, made of files, for the pipeline's tests."""

import textwrap
from pathlib import Path

from chimera_compliance.probes.pipeline.gates import Candidate, Gate
from chimera_compliance.probes.pipeline.pipeline import Pipeline
from chimera_compliance.stack.repository import git
from chimera_compliance.target.repo import RepoFacet

CHECKOUT = "      - uses: actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683\n        with: {fetch-depth: 0}\n"
SOURCES = {"src/app.py": "A = 1\n", "skills/rank.py": "B = 2\n"}


def make(folder: Path, files: dict[str, str], *, sources: bool = True) -> Path:
    """A repository with one commit."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet", "--initial-branch=main", "--template=")
    for name, text in {**(SOURCES if sources else {}), **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(textwrap.dedent(text))
        if text.startswith("#!"):
            (folder / name).chmod(0o755)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "-m", "Begin")
    return folder


def workflow(steps: str, *, on: str = "[push, pull_request]", job: str = "", before: str = "") -> dict[str, str]:
    """One workflow with one job that checks everything out and goes on with these steps."""
    job = textwrap.indent(textwrap.dedent(job), "    ")
    steps = textwrap.indent(textwrap.dedent(steps), "      ")
    head = f"name: CI\non: {on}\n{textwrap.dedent(before)}jobs:\n  scan:\n    runs-on: ubuntu-latest\n{job}    steps:\n"
    return {".github/workflows/ci.yml": head + CHECKOUT + steps}


def script(text: str, **more) -> dict[str, str]:
    """The same, with one step that runs a script."""
    return workflow("- run: |\n" + textwrap.indent(textwrap.dedent(text), "    "), **more)


def gates_of(folder: Path, files: dict[str, str], **settings) -> list[Gate]:
    """The gates of a repository made of these files."""
    pipeline = Pipeline.open(RepoFacet(path=str(folder), **settings), make(folder, files))
    try:
        return [gate for judged in pipeline.judged for gate in judged.gates]
    finally:
        pipeline.close()


def verdict(gate: Gate, tool: str) -> str:
    """`bites`, `lost`, `idle`, `open` or `none`: the best that a tool comes to for an event."""
    found = [_one(candidate) for candidate in gate.of(tool)]
    return min(found, key=["bites", "lost", "open", "idle"].index, default="none")


def _one(candidate: Candidate) -> str:
    states = (("idle", candidate.idle), ("open", candidate.open), ("lost", candidate.lost))
    return next((name for name, why in states if why), "bites")
