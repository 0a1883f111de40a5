"""What of the population a check has decided, so that nothing passes for not having been looked at."""

from dataclasses import dataclass, field

import pytest


def _name(subject: object) -> str:
    for attribute in ("subject", "id"):
        if (name := getattr(subject, attribute, None)) is not None:
            return str(name)
    return str(subject)


@dataclass
class Coverage:
    """The subjects of one test case; `unit` says what they are (operations, tables, responses)."""

    unit: str = ""
    decided: dict[str, None] = field(default_factory=dict)
    undecided: dict[str, str] = field(default_factory=dict)

    def tested(self, *subjects: object) -> None:
        """These were decided, one way or the other; lists are taken item by item."""
        for subject in subjects:
            if isinstance(subject, list | tuple | set | frozenset):
                self.tested(*subject)
            else:
                self.decided[_name(subject)] = None

    def untested(self, subject: object, reason: str) -> None:
        """This one could not be decided, and why; the requirement is then inconclusive unless it failed."""
        self.undecided[_name(subject)] = reason


COVERAGE = pytest.StashKey[Coverage]()
