"""Goes through every operation and every place, and comes back with what became SQL.

Requests are few, as a tenant's rate limit is: one request carries a form in all places of an operation that take any
text, and is only taken apart where its answer differs from the plain one's or the database has noticed it. Places
that a schema binds (ids, numbers, choices) are asked one by one, since one refusal would hide all others.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from chimera_compliance.outcomes import Inconclusive
from chimera_compliance.probes.http.exchange import Exchange
from chimera_compliance.probes.injection import errors
from chimera_compliance.probes.injection.claims import Forger
from chimera_compliance.probes.injection.differential import Comparison
from chimera_compliance.probes.injection.means import Hit, Means, Timed
from chimera_compliance.probes.injection.payloads import (
    STACKED,
    Form,
    first_forms,
    further_forms,
    packed_form,
    second_form,
)
from chimera_compliance.probes.injection.points import Point
from chimera_compliance.probes.injection.sightings import Findings, Sighting
from chimera_compliance.probes.injection.stored import Stored
from chimera_compliance.probes.injection.tidying import Tidier
from chimera_compliance.probes.injection.visits import Shot, Visit, changes_a_credential, may_visit, siblings
from chimera_compliance.probes.injection.wildcards import Wildcards

if TYPE_CHECKING:
    from chimera_compliance.probes.http.api import Api
    from chimera_compliance.probes.openapi.operations import Operation
    from chimera_compliance.probes.principals.principal import Principal

_REACHED_BUT_NOTHING_THERE = (404, 409, 410)
_OPEN = (404, 409)
_MOST_BROKEN = 12
_REFUSED_EVERYWHERE = 2


class Survey:
    """The rounds, in their order, over one API."""

    def __init__(
        self, api: "Api", operations: Sequence["Operation"], principals: Sequence["Principal"], means: Means
    ) -> None:
        self.api, self.means, self.found = api, means, Findings(means=means.proof)
        self._principals = list(principals) or [None]
        self._tidier = Tidier(api, operations, self.found.left)
        self._stored = Stored(api, means, self.found, self._tidier)
        self._broken: list[Hit] = []
        self._refused: Counter[tuple[str, bool]] = Counter()
        self._open: dict[tuple[str, str], Shot] = {}
        self._others: dict[tuple[str, str], Visit] = {}
        self.visits = list(self._plan(operations))

    def _plan(self, operations: Sequence["Operation"]) -> Iterable[Visit]:
        for operation in operations:
            reason = may_visit(operation, self.api.target.scope.writes)
            if reason == "nothing":
                continue
            visit = Visit(self.api, operation, self._principals[0])
            if reason:
                self.found.leave_open(visit.operation.id, visit.points, reason)
            elif not changes_a_credential(visit):
                yield visit

    def run(self) -> Findings:
        """All rounds."""
        self._find_spares()
        making = [visit for visit in self.visits if visit.operation.unsafe and visit.operation.method == "POST"]
        changing = [visit for visit in self.visits if visit.operation.unsafe and visit not in making]
        reading = [visit for visit in self.visits if not visit.operation.unsafe]
        self._packed(making, stores=True)
        for visit in changing:
            visit.own = self._stored.made_for(visit)
        self._packed(changing, stores=True)
        self._packed(reading)
        self._stored.read_again(reading)
        self._packed([visit for visit in reading if visit.base is not None and visit.base.ok], form=second_form)
        self._stored.look_for_late(self.visits)
        self.found.no_claims = Forger(self.api, self.visits, self.means, self.found).run()
        self._single(self._bound_places())
        self._further()
        if isinstance(self.means, Timed):
            Comparison(self.api, self.found).run(self.visits)
        self._look_at_errors()
        Wildcards(self.api, self.found).run(reading)
        self._stored.discard()
        return self.found

    # What is asked

    def _find_spares(self) -> None:
        """For operations like a decision, which each object allows once."""
        wanting = [v for v in self.visits if v.operation.method == "POST" and v.operation.path.count("{") == 1]
        for visit in wanting:
            first = visit.operation.path.lstrip("/").partition("/")[0]
            lists = [
                v for v in self.visits if v.operation.path.startswith(f"/{first}/") and "{" not in v.operation.path
            ]
            asked = [v.request("objects to decide about") for v in lists if v.operation.method == "GET"]
            visit.spares = siblings(visit, self.api.send(asked))

    def _packed(
        self, visits: Sequence[Visit], *, stores: bool = False, form: Callable[[Point], Form] = packed_form
    ) -> None:
        """One request an operation, with a form in every place that takes any text."""
        shots = []
        for visit in visits:
            taking = [p for p in visit.points if p.where != "path" and (p.free or not p.documented)]
            shots.append(Shot(visit, tuple((point, form(point)) for point in taking)))
        for hit in self.means.fire(shots, self._stored.numbers):
            self._digest(hit, stores=stores)

    def _digest(self, hit: Hit, *, stores: bool) -> None:
        visit, answer = hit.shot.visit, hit.exchange
        if hit.told or not answer.ok or not stores:
            self._tidier.discard(visit, answer)
        if hit.told:
            self._apart(hit.shot)
            return
        if answer.ok or (visit.deletes and answer.status in _REACHED_BUT_NOTHING_THERE):
            visit.base = visit.base or answer
            if stores:
                self._stored.keep(hit)
            self.found.decide(visit.operation.id, [point for point, _ in hit.shot.aims])
            return
        base = self._plain(visit)
        if base.status == answer.status or len(hit.shot.aims) == 1:
            self._settle(hit, base)
        else:
            self._apart(hit.shot)

    def _plain(self, visit: Visit) -> Exchange:
        """The plain request's answer, asked for once."""
        if visit.base is None:
            [visit.base] = self.api.send([visit.request("plain")])
            self._tidier.discard(visit, visit.base)
            if visit.base.status in (403, 409):
                self._hand_over(visit)
        return visit.base

    def _hand_over(self, visit: Visit) -> None:
        """What one principal may not do any more, another may: a quota is a tenant's own."""
        for other in self._principals:
            if other is not visit.principal and other is not None:
                instead = self._as(visit, other)
                [answer] = self.api.send([instead.request("plain")])
                self._tidier.discard(instead, answer)
                if answer.ok:
                    visit.become(other, answer)
                    return

    def _apart(self, shot: Shot) -> None:
        """By kinds of places first, then each place alone."""
        groups = _groups(shot)
        worthy = tuple(self._worth_asking(shot))
        alone = [Shot(shot.visit, (aim,)) for aim in worthy]
        if len(groups) > 1:
            parts = groups
        elif worthy and len(worthy) < len(shot.aims):
            parts = [Shot(shot.visit, worthy)]
        else:
            parts = alone
        for hit in self.means.fire(parts):
            self._stored.keep(hit)
            if len(hit.shot.aims) == 1:
                self._settle(hit, self._plain(hit.shot.visit))
                self._note_refusal(hit)
            elif hit.told or not hit.exchange.ok:
                self._apart(hit.shot)
            else:
                self.found.decide(hit.shot.visit.operation.id, [point for point, _ in hit.shot.aims])

    def _worth_asking(self, shot: Shot) -> Iterator[tuple[Point, Form]]:
        """Without the customary names that something before the application has refused twice already."""
        for point, form in shot.aims:
            if point.documented or self._refused[point.label, form.quotes] < _REFUSED_EVERYWHERE:
                yield point, form
            else:
                self.found.decide(shot.visit.operation.id, [point])

    def _note_refusal(self, hit: Hit) -> None:
        point, form = hit.shot.aims[0]
        if hit.exchange.status in (400, 403, 406) and not point.documented:
            self._refused[point.label, form.quotes] += 1

    def _settle(self, hit: Hit, base: Exchange) -> None:
        """What one place, or an operation that cannot be reached, has shown."""
        visit, answer = hit.shot.visit, hit.exchange
        if hit.told:
            for point, form in hit.shot.aims:
                self._saw(hit, point, form)
            return
        places = [point for point, _ in hit.shot.aims]
        reason = self._unreached(visit, base, answer)
        if reason:
            self.found.leave_open(visit.operation.id, places, reason)
        else:
            self.found.decide(visit.operation.id, places)
        if errors.suspicious(answer, base):
            self._broken.append(hit)

    def _unreached(self, visit: Visit, base: Exchange, answer: Exchange) -> str:
        if not answer.answered or answer.status == 429:
            return f"answered {answer.actual}"
        if base.ok or base.status in _REACHED_BUT_NOTHING_THERE or visit.operation.public:
            return ""
        return f"the plain request was answered {base.actual}"

    def _bound_places(self) -> list[Shot]:
        """Places that a schema binds, and paths: each alone, by everybody in turn."""
        shots = []
        for visit in self.visits:
            for point in visit.points:
                if point.documented and (not point.free or point.where == "path"):
                    who = self._principals[len(shots) % len(self._principals)] if not visit.spares else visit.principal
                    own = self._as(visit, who)
                    mine = next((p for p in own.points if p.label == point.label), point)
                    shots += [Shot(own, ((mine, form),)) for form in first_forms(point)]
        return shots

    def _as(self, visit: Visit, principal: "Principal | None") -> Visit:
        """The same operation by somebody else; visits are kept, as their plain answers are."""
        if principal is visit.principal:
            return visit
        key = (visit.operation.id, principal.name if principal else "")
        return self._others.setdefault(key, Visit(self.api, visit.operation, principal))

    def _single(self, shots: Sequence[Shot]) -> list[Hit]:
        shots = [shot for shot in shots if not self._known(shot)]
        hits = self.means.fire(shots)
        for hit in hits:
            self._tidier.discard(hit.shot.visit, hit.exchange)
            if hit.told:
                for point, form in hit.shot.aims:
                    self._saw(hit, point, form)
            else:
                self.found.decide(hit.shot.visit.operation.id, [point for point, _ in hit.shot.aims])
                if errors.suspicious(hit.exchange, hit.shot.visit.base):
                    self._broken.append(hit)
                if not errors.refused(hit.exchange):
                    self._open.setdefault((hit.shot.visit.operation.id, hit.shot.aims[0][0].label), hit.shot)
        return hits

    def _known(self, shot: Shot) -> bool:
        return all(self.found.knows(shot.visit.operation.id, point.label) for point, _ in shot.aims)

    def _further(self) -> None:
        """Rarer forms, where any text has got through so far: all texts of a body at once, others one by one."""
        shots = []
        for visit in self.visits:
            texts = [p for p in visit.points if p.where == "body" and p.free and p.documented]
            forms = {form.name + form.text("", ""): form for point in texts for form in further_forms(point)}
            other = visit if visit.spares else self._as(visit, self._principals[-1])
            for form in forms.values() if visit.base is not None and visit.base.ok else ():
                carried = [p for p in other.points if p.where in ("header", "cookie")] if form is STACKED else []
                shots.append(Shot(other, tuple((point, form) for point in [*texts, *carried])))
        self._pack_again(shots)
        alone = [shot for (_, _), shot in self._open.items()]
        alone += [
            Shot(visit, ((point, packed_form(point)),))
            for visit in self.visits
            for point in visit.points
            if point.documented and point.free and point.where in ("query", "header", "cookie")
        ]
        self._single([Shot(s.visit, ((s.aims[0][0], form),)) for s in alone for form in further_forms(s.aims[0][0])])

    def _pack_again(self, shots: Sequence[Shot]) -> None:
        fresh = [shot for shot in shots if not self._known(shot)]
        for hit in self.means.fire(fresh):
            self._tidier.discard(hit.shot.visit, hit.exchange)
            broken = (hit.exchange.status or 0) >= 500
            if hit.told or broken:
                self._apart(hit.shot)

    # What comes of it

    def _saw(self, hit: Hit, point: Point, form: Form) -> None:
        operation = hit.shot.visit.operation.id
        if isinstance(self.means, Timed) and (
            self.found.knows(operation, point.label) or not self._waits(hit, point, form)
        ):
            return
        proof, observation = self.means.proof, hit.exchange.observation
        self.found.saw(Sighting(operation, point.entry, point.label, form.name, proof, observation, hit.statement))
        self.found.decide(operation, [point])

    def _waits(self, hit: Hit, point: Point, form: Form) -> bool:
        return isinstance(self.means, Timed) and self.means.confirmed(
            replace(hit, shot=Shot(hit.shot.visit, ((point, form),)))
        )

    def _look_at_errors(self) -> None:
        """Answers that broke: whether it was a statement that broke."""
        seen: dict[str, Hit] = {}
        for hit in self._broken:
            point = hit.shot.aims[0][0]
            if not self.found.knows(hit.shot.visit.operation.id, point.label):
                seen.setdefault(f"{hit.shot.visit.operation.id} {point.label}", hit)
        broken = list(seen.values())[:_MOST_BROKEN]
        aims = [(hit.shot.visit, hit.shot.aims[0][0]) for hit in broken]
        self._single([Shot(visit, ((point, form),)) for visit, point in aims for form in further_forms(point)])
        for hit in broken:
            if self.found.knows(hit.shot.visit.operation.id, hit.shot.aims[0][0].label):
                continue
            if sighting := errors.explain(self.api, self.means, hit):
                self.found.saw(sighting)
        for hit in broken:
            if errors.shows_syntax(hit.exchange):
                self.found.saw(errors.told(hit))


def _groups(shot: Shot) -> list[Shot]:
    """The shot's places by kind: body, documented ones, headers and cookies, names that no document tells."""
    kinds: dict[str, list] = {}
    for point, form in shot.aims:
        kind = "customary" if not point.documented and point.where == "query" else point.where
        kinds.setdefault("header" if kind == "cookie" else kind, []).append((point, form))
    return [Shot(shot.visit, tuple(aims)) for aims in kinds.values()]


def survey(api: "Api", operations: Sequence["Operation"], principals: Sequence["Principal"], means: Means) -> Findings:
    """What was seen.

    Raises:
        Inconclusive: no operation let a right request through, so that nothing has reached a statement.
    """
    made = Survey(api, operations, principals, means)
    found = made.run()
    if not any(visit.base is not None and visit.base.ok for visit in made.visits):
        raise Inconclusive("no operation let a plain request through")
    return found
