"""What was seen: text of a request that became SQL, where it entered, and how one knows."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chimera_compliance.probes.injection.points import Point

_LONGEST = 260


@dataclass(frozen=True)
class Sighting:
    """One place of one operation at which text becomes SQL.

    `entry` is the kind of place: path, query, ordering, body, header, claim, stored, error, wildcard.
    """

    operation: str
    entry: str
    place: str
    form: str
    proof: str
    observation: str = ""
    statement: str = ""

    @property
    def subject(self) -> str:
        """``GET /tasks, query status``."""
        return f"{self.operation}, {self.place}"

    @property
    def actual(self) -> str:
        """How one knows, and the statement where it was seen."""
        told = f"{self.proof} (a value that {self.form})" if self.form else self.proof
        return f"{told}: {excerpt(self.statement)}" if self.statement else told


def excerpt(statement: str) -> str:
    """The part of a statement around what was put into it."""
    text = " ".join(statement.split())
    place = max(0, text.find("pg_advisory_xact") - _LONGEST // 2)
    return ("…" if place else "") + text[place : place + _LONGEST] + ("…" if len(text) > place + _LONGEST else "")


@dataclass
class Findings:
    """All that was seen, and what was looked at: place to why it could not be decided, by kind of place."""

    seen: list[Sighting] = field(default_factory=list)
    tested: dict[str, dict[str, None]] = field(default_factory=dict)
    untested: dict[str, dict[str, str]] = field(default_factory=dict)
    means: str = ""
    left: list[str] = field(default_factory=list)
    stored: list[str] = field(default_factory=list)
    """The operations that stored text which was then read again."""
    no_claims: str = ""
    """Why the claims of a token could not be looked at."""

    def of(self, *entries: str) -> list[Sighting]:
        """The sightings at these kinds of places, one a place."""
        chosen = {item.subject: item for item in reversed(self.seen) if item.entry in entries}
        return list(reversed(chosen.values()))

    def saw(self, sighting: Sighting) -> None:
        """Keep a sighting."""
        if sighting not in self.seen:
            self.seen.append(sighting)

    def knows(self, operation: str, place: str) -> bool:
        """Whether something was seen there already."""
        return any(item.operation == operation and item.place == place for item in self.seen)

    def decide(self, operation: str, places: "Iterable[Point]") -> None:
        """These places were looked at."""
        for point in places:
            name = f"{operation}, {point.label}"
            self.tested.setdefault(point.entry, {})[name] = None
            self.untested.get(point.entry, {}).pop(name, None)

    def leave_open(self, operation: str, places: "Iterable[Point]", reason: str) -> None:
        """These could not be, unless they were already; names that no document tells need not be."""
        for point in places:
            name = f"{operation}, {point.label}"
            if point.documented and name not in self.tested.get(point.entry, {}):
                self.untested.setdefault(point.entry, {})[name] = reason
