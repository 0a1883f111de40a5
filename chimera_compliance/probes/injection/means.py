"""By what one knows that a request's text was run as SQL: the database's word, or the time that it took."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from chimera_compliance.probes.http.exchange import Exchange
from chimera_compliance.probes.injection.visits import Shot
from chimera_compliance.probes.injection.witness import Witness, chunks

if TYPE_CHECKING:
    from chimera_compliance.probes.http.api import Api


@dataclass(frozen=True)
class Hit:
    """A shot, its answer, and the statement that it became; `told` says whether it became one."""

    shot: Shot
    exchange: Exchange
    told: bool = False
    statement: str = ""


class Means(Protocol):
    """Sends shots and says which were run."""

    proof: str

    def fire(self, shots: Sequence[Shot], besides: Sequence[int] = ()) -> list[Hit]:
        """Send all; `besides` are numbers of earlier shots that are still watched."""
        ...


class Watched:
    """The database says it."""

    proof = "the database ran it"

    def __init__(self, api: "Api", witness: Witness) -> None:
        self._api, self.witness = api, witness
        self.late: dict[int, str] = {}
        """Numbers of earlier shots that were asked for after all, and the statements."""

    def fire(self, shots: Sequence[Shot], besides: Sequence[int] = ()) -> list[Hit]:
        """Send all while their numbers are held."""
        hits = []
        for part in chunks(list(shots)):
            numbers = [self.witness.number() for _ in part]
            requests = [shot.request(self.witness.call(n)) for shot, n in zip(part, numbers, strict=True)]
            with self.witness.watching([*numbers, *besides]) as watch:
                exchanges = self._api.send(requests)
            caught = watch.caught
            self.late |= {number: caught[number] for number in besides if number in caught}
            for shot, number, exchange in zip(part, numbers, exchanges, strict=True):
                fired = Shot(shot.visit, shot.aims, number)
                hits.append(Hit(fired, exchange, number in caught, caught.get(number, "")))
        return hits


class Timed:
    """The answer that comes late says it; whoever uses it asks again, for other reasons make answers late as well."""

    proof = "the answer waits as long as it was told to"
    SECONDS = 0.6

    def __init__(self, api: "Api") -> None:
        self._api = api

    def fire(self, shots: Sequence[Shot], besides: Sequence[int] = (), seconds: float = SECONDS) -> list[Hit]:
        """Send all with a call that waits."""
        call = f"pg_sleep({seconds:g})"
        exchanges = self._api.send([shot.request(call) for shot in shots])
        return [
            Hit(shot, exchange, exchange.seconds >= seconds) for shot, exchange in zip(shots, exchanges, strict=True)
        ]

    def confirmed(self, hit: Hit) -> bool:
        """Whether the answer waits as long as it is told to, twice over, and not at all when it is told not to."""
        for _ in range(2):
            times = [self.fire([hit.shot], seconds=seconds)[0].exchange.seconds for seconds in (0, 0.4, 0, 0.8)]
            idle = max(times[0], times[2])
            if not (
                times[1] >= 0.4 and times[3] >= 0.8 and idle < 0.35 and times[1] - idle >= 0.3 <= times[3] - times[1]
            ):
                return False
        return True
