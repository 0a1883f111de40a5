"""Text that is stored first and becomes SQL later: what was made is read again, and by other operations too."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chimera_compliance.probes.http.exchange import Exchange
from chimera_compliance.probes.injection.means import Hit, Means
from chimera_compliance.probes.injection.sightings import Findings, Sighting
from chimera_compliance.probes.injection.tidying import Tidier
from chimera_compliance.probes.injection.visits import Shot, Visit
from chimera_compliance.probes.openapi.operations import PATH_PARAMETER
from chimera_compliance.probes.ownership.throwaway import identifier_of

if TYPE_CHECKING:
    from chimera_compliance.probes.http.api import Api


class Stored:
    """The shots whose text was taken, and the objects that were made of it."""

    def __init__(self, api: "Api", means: Means, found: Findings, tidier: Tidier) -> None:
        self._api, self._means, self._found, self._tidier = api, means, found, tidier
        self._shots: dict[int, Shot] = {}
        self._made: list[tuple[Visit, Exchange]] = []

    @property
    def numbers(self) -> list[int]:
        """Of the shots whose text may be run at any time from now on."""
        return list(self._shots)

    def keep(self, hit: Hit) -> None:
        """What a text was stored with is read again later, and put away after that."""
        visit, stores = hit.shot.visit, any(point.where in ("body", "header") for point, _ in hit.shot.aims)
        if visit.operation.unsafe and hit.exchange.ok and not hit.told and stores:
            self._made.append((visit, hit.exchange))
            self._shots[hit.shot.number] = hit.shot
            self._found.stored.append(visit.operation.id)
        else:
            self._tidier.discard(visit, hit.exchange)

    def read_again(self, reading: Sequence[Visit]) -> None:
        """What was made is asked for by its own id, for that is when its texts are used."""
        made = [(visit, own) for visit in reading if (own := self.made_for(visit))]
        shots = [Shot(Visit(self._api, visit.operation, visit.principal, own=own), ()) for visit, own in made]
        self._means.fire(shots, self.numbers)

    def look_for_late(self, visits: Sequence[Visit]) -> None:
        """Stored text that was run when something else was asked for: read again, one operation at a time."""
        late = getattr(self._means, "late", {})
        for number, statement in list(late.items()):
            shot = self._shots[number]
            for visit in visits:
                if visit.operation.unsafe:
                    continue
                late.pop(number, None)
                asked = self._means.fire([Shot(self._at_what_was_made(visit), ())], [number])
                if number in late:
                    self._saw_stored(shot, visit, asked[0].exchange, late[number])
                    break
            else:
                self._saw_stored(shot, shot.visit, None, statement)

    def _at_what_was_made(self, visit: Visit) -> Visit:
        own = self.made_for(visit)
        return Visit(self._api, visit.operation, visit.principal, own=own) if own else visit

    def made_for(self, visit: Visit) -> str | None:
        """The id of what was made here, for an operation on one such thing."""
        parent, _, last = visit.operation.path.rpartition("/")
        if not PATH_PARAMETER.fullmatch(last):
            return None
        made = (answer for maker, answer in self._made if maker.operation.path == parent and answer.ok)
        told = (identifier_of(answer, last[1:-1]) for answer in made)
        return next((found for found in told if found and "(" not in found), None)  # no text of ours for an id

    def _saw_stored(self, shot: Shot, visit: Visit, exchange: Exchange | None, statement: str) -> None:
        places = ", ".join(point.name for point, _ in shot.aims if point.documented) or "a header"
        self._found.saw(
            Sighting(
                visit.operation.id,
                "stored",
                f"text that {shot.visit.operation.id} stored ({places})",
                "",
                self._means.proof,
                exchange.observation if exchange else "",
                statement,
            )
        )

    def discard(self) -> None:
        """Undo all that was made."""
        for visit, answer in self._made:
            self._tidier.discard(visit, answer)
