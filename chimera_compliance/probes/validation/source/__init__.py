"""The request handlers in a source tree, and what they take from bodies; read from the syntax, nothing is run.

A handler is a function that a framework's decorator gives a path and a method that has a body. What it takes is
modelled where a class describes it (Pydantic, msgspec, dataclass, TypedDict, a Django or marshmallow schema), and not
where it is a bare dict, Any, or what the request happens to hold and nothing looks at before it is used.
"""

from dataclasses import dataclass, field
from pathlib import Path

from chimera_compliance.journal import Journal
from chimera_compliance.outcomes import NotReviewed
from chimera_compliance.probes.validation.source.annotations import Names
from chimera_compliance.probes.validation.source.handlers import Handler, handlers_in
from chimera_compliance.probes.validation.source.tree import Module, modules
from chimera_compliance.target import Target


@dataclass(frozen=True)
class Unmodelled:
    """A handler with a body that nothing describes; evidence with a place in the repository."""

    subject: str
    actual: str
    observation: str
    file: str
    line: int


@dataclass
class Handlers:
    """All handlers that were read, and those whose bodies have no model."""

    judged: list[str] = field(default_factory=list)
    unmodelled: list[Unmodelled] = field(default_factory=list)


def read_handlers(target: Target, journal: Journal) -> Handlers:
    """Read the repository of the target file.

    Raises:
        NotReviewed: there is no Python, or no handler in it.
    """
    assert target.repo is not None
    root = target.file(target.repo.path)
    if not root.is_dir():
        raise NotReviewed(f"repo.path: there is no folder {root}")
    read = list(modules(root))
    found = [handler for module in read for handler in handlers_in(module, Names.of(read))]
    if not found:
        raise NotReviewed(f"no request handler was recognised in {len(read)} Python files")
    return _told(found, read, root, journal)


def _told(found: list[Handler], read: list[Module], root: Path, journal: Journal) -> Handlers:
    seen = Handlers([handler.subject for handler in found])
    told = {"files": len(read), "handlers": len(found)}
    journal.record("source", "request handlers", sent={"read": "decorated functions"}, received=told)
    for handler in found:
        for problem in handler.problems:
            place = f"{handler.file}:{problem.line}"
            observation = journal.record(
                "source",
                handler.subject,
                sent={"read": place},
                received={"code": problem.code, "why": problem.why},
                reproduce=f"sed -n {problem.line}p {handler.file!r}",
            )
            actual = f"{problem.why}: {problem.code}"
            seen.unmodelled.append(Unmodelled(handler.subject, actual, observation, handler.file, problem.line))
    return seen
