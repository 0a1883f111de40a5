"""What came of an operation that was run while its audit row could not be written."""

from dataclasses import dataclass

from chimera_compliance.outcomes import Inconclusive
from chimera_compliance.probes.audit.cases import Case
from chimera_compliance.probes.audit.trail import Row
from chimera_compliance.probes.http.exchange import Exchange

REFUSED = range(400, 500)


@dataclass(frozen=True)
class Held:
    """What happened while the table was held.

    ``early``: the operation answered before the table was given free. ``waited``: an insert was seen to wait.
    ``together``: the waiting transaction had written to other tables; ``split``: another, which did not wait, had
    written to the operation's own. ``cancelled``: how often an insert was made to fail.
    """

    early: bool = False
    waited: bool = False
    together: bool = False
    split: bool = False
    cancelled: int = 0


@dataclass(frozen=True)
class Interrupted:
    """An operation that was run while its row could not be written; ``effect`` is what it has left in spite of that."""

    case: Case
    exchange: Exchange
    held: Held
    rows: tuple[Row, ...]
    effect: str = ""
    unseen: str = ""
    observation: str = ""

    @property
    def subject(self) -> str:
        """The operation, and its action where it has several."""
        return self.case.subject

    @property
    def actual(self) -> str:
        """What came of it."""
        held = self.held
        did = (
            "its insert was cancelled" if held.cancelled else "its insert waited" if held.waited else "no insert waited"
        )
        did += ", while its own writes stood in another transaction" if held.split else ""
        answered = f"answered {self.exchange.actual}" + (" before the row could be written" if held.early else "")
        left = f"; {self.effect}" if self.effect else ""
        return f"{did}; {answered}; {'a row' if self.rows else 'no row'}{left}"

    @property
    def lost(self) -> bool:
        """Whether it says that it was done, or has left its effect, and there is no row of it."""
        return (self.exchange.ok or bool(self.effect)) and not self.rows

    @property
    def apart(self) -> bool:
        """Whether it was done outside of the transaction that writes its row."""
        unprompted = self.lost and not (self.held.together and self.held.cancelled)
        return unprompted or self.held.split or (self.held.early and self.exchange.ok and not self.held.cancelled)

    @property
    def undecided(self) -> str:
        """Why nothing follows from it; empty where something does."""
        if self.lost or self.apart or self.held.together or self.exchange.ok:
            return ""
        if not self.held.waited and (self.exchange.status in REFUSED or not self.exchange.answered):
            return f"it was refused for another reason: {self.exchange.actual}"
        return self.unseen


def require_seen(found: list[Interrupted]) -> list[Interrupted]:
    """The interrupted operations.

    Raises:
        Inconclusive: there is none.
    """
    if not found:
        raise Inconclusive("no sensitive operation was done and recorded, so that none could be interrupted")
    return found
