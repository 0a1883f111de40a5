"""Facts as the probes hand them to checks: what was seen, on what, and what could not be looked at."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from chimera_compliance.journal import Journal


@dataclass(frozen=True)
class Sighting:
    """One thing that was seen about one subject, kept as an observation."""

    subject: str
    actual: str
    observation: str = ""
    statements: tuple[str, ...] = ()


@dataclass
class Facts:
    """What one look at the database gave; subjects in `undecided` carry the reason."""

    seen: list[Sighting] = field(default_factory=list)
    decided: dict[str, None] = field(default_factory=dict)
    undecided: dict[str, str] = field(default_factory=dict)
    samples: list[Sighting] = field(default_factory=list)
    nothing: str = ""

    def saw(self, subject: str, actual: str, statements: Iterable[str] = ()) -> None:
        """Keep a fact, once for each subject and wording."""
        sighting = Sighting(subject, actual, statements=tuple(statements))
        if not any((known.subject, known.actual) == (subject, actual) for known in self.seen):
            self.seen.append(sighting)
        self.decided[subject] = None

    def looked_at(self, subject: str, statements: Iterable[str] = (), outcome: str = "") -> None:
        """The subject was decided; the first few looks are kept as samples of what was done."""
        self.decided[subject] = None
        if statements and len(self.samples) < 3:
            self.samples.append(Sighting(subject, outcome or "nothing of another tenant", statements=tuple(statements)))

    def none_there(self, kind: str, query: str) -> None:
        """There is nothing of a kind to look at, as the catalog says; kept unless something was looked at."""
        if not (self.decided or self.undecided):
            self.looked_at(kind, (query,), "there is none that the application can reach")

    def could_not(self, subject: str, reason: str) -> None:
        """The subject was not decided."""
        self.undecided[subject] = reason

    def take(self, other: "Facts") -> None:
        """Add what another look at other tables has given; what one of the two decided is decided."""
        for sighting in other.seen:
            self.saw(sighting.subject, sighting.actual, sighting.statements)
        self.decided |= other.decided
        undecided = self.undecided | other.undecided
        self.undecided = {name: reason for name, reason in undecided.items() if name not in self.decided}
        self.samples = (self.samples + other.samples)[:3]
        self.nothing = self.nothing and other.nothing

    def saw_about(self, subject: str) -> bool:
        """Whether anything was seen about it."""
        return any(sighting.subject == subject for sighting in self.seen)


@dataclass
class Notebook:
    """Turns facts into observations of the requirement that asks for them."""

    journal: Journal

    def recorded(self, facts: Facts) -> list[Sighting]:
        """The sightings, each with its observation; samples of what was looked at in vain are kept as well."""
        for sample in facts.samples:
            self._record(sample)
        return [Sighting(item.subject, item.actual, self._record(item), item.statements) for item in facts.seen]

    def _record(self, item: Sighting) -> str:
        return self.journal.record(
            "sql",
            item.subject,
            sent={"statements": list(item.statements)[-12:]},
            received={"seen": item.actual},
            raw=item.actual.encode(),
            reproduce=_psql(item.statements),
        )


def _psql(statements: tuple[str, ...]) -> str:
    if not statements:
        return ""
    script = "\n".join(f"{line.strip().rstrip(';')};" for line in statements)
    return f"psql \"$CATALOG_DSN\" <<'SQL'\nBEGIN;\n{script}\nROLLBACK;\nSQL"


def shown(items: Iterable[str], most: int = 5) -> str:
    """The first few of a list, and how many more there are."""
    listed = list(items)
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more
