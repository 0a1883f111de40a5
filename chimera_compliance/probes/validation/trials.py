"""One request with wrong fields in it, and what became of each of them."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from chimera_compliance.probes.http.exchange import Exchange, Request
from chimera_compliance.probes.validation.candidates import BLANKS, CONVERT, REFUSE, Wrong
from chimera_compliance.probes.validation.fields import Field
from chimera_compliance.probes.validation.forging import Change, Whole

ACCEPTED, CRASHED, REFUSED, UNDECIDED = "accepted", "crashed", "refused", "undecided"
REFUSALS = frozenset({400, 404, 405, 406, 411, 412, 413, 414, 415, 416, 417, 422, 431})
CONFLICT = 409
_PERHAPS_BUSY = (502, 503, 504)


@dataclass(frozen=True)
class Trial:
    """A request that is wrong in these fields; `whole` is what it was made of."""

    whole: Whole
    changes: tuple[Change, ...]
    request: Request

    @property
    def operation(self) -> str:
        """Its operation."""
        return self.whole.operation.id

    @property
    def wrong(self) -> bool:
        """Whether it must be refused, and is not merely odd."""
        return any(wrong.must == REFUSE for _, wrong in self.changes)


@dataclass(frozen=True)
class Seen:
    """What became of one wrong value of one field: evidence for a check."""

    whole: Whole
    place: Field
    wrong: Wrong
    outcome: str
    exchange: Exchange
    together: bool = False
    """Whether other fields of the request were wrong as well, and all of it was accepted."""
    why: str = ""

    @property
    def operation(self) -> str:
        """Its operation."""
        return self.whole.operation.id

    def became(self, outcome: str, why: str = "") -> "Seen":
        """The same with another outcome."""
        return replace(self, outcome=outcome, why=why)

    @property
    def subject(self) -> str:
        """The operation and the field."""
        return f"{self.operation} {self.place.shown}"

    @property
    def actual(self) -> str:
        """The answer to the wrong value."""
        beside = ", among other wrong fields" if self.together else ""
        return f"{self.exchange.actual} for {self.wrong.label}{beside}" + (f", {self.why}" if self.why else "")

    @property
    def observation(self) -> str:
        """The exchange."""
        return self.exchange.observation


def outcome(exchange: Exchange) -> str:
    """What an answer says of the request as a whole, by its status alone."""
    status = exchange.status
    if status is None:
        return UNDECIDED
    if status >= 500:
        return UNDECIDED if status in _PERHAPS_BUSY else CRASHED
    if exchange.ok:
        return ACCEPTED
    return REFUSED if status in REFUSALS else UNDECIDED


def kept_as_sent(place: Field, wrong: Wrong, exchange: Exchange) -> bool:
    """Whether an answer shows the field as it must not be: of the wrong type that was sent, or stripped too short."""
    shown = members(exchange.json(), place.name) if wrong.must == CONVERT else []
    if wrong.label == BLANKS:
        return any(isinstance(value, str) and len(value) < len(wrong.value) for value in shown)
    return any(type(value) is type(wrong.value) and value == wrong.value for value in shown)


def members(document: object, name: str) -> list[object]:
    """Every value that an answer has under a name."""
    queue, found = [document], []
    for _ in range(2000):
        if not queue:
            break
        node = queue.pop()
        if isinstance(node, dict):
            found += [value for key, value in node.items() if key == name]
            queue += node.values()
        elif isinstance(node, list):
            queue += node
    return found


@dataclass
class Bench:
    """Sends trials and remembers how often an operation has accepted what it should not: that is not repeated."""

    send: Callable[[list[Request]], list[Exchange]]
    enough: int = 2
    accepted: dict[str, int] = field(default_factory=dict)

    def run(self, trials: list[Trial]) -> list[tuple[Trial, Exchange]]:
        """Each trial that is still worth it, with its answer."""
        wanted = [trial for trial in trials if self.accepted.get(trial.operation, 0) < self.enough]
        done = list(zip(wanted, self.send([trial.request for trial in wanted]), strict=True))
        for trial, exchange in done:
            if outcome(exchange) == ACCEPTED and trial.whole.operation.unsafe and trial.wrong:
                self.accepted[trial.operation] = self.accepted.get(trial.operation, 0) + 1
        return done
