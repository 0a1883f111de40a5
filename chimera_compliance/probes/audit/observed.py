"""Runs every sensitive operation once, some again in disguise, some so that they are refused; all checks judge this.

A tenant's rate limit is shared by all of it, so that one request serves as many requirements as it can.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from chimera_compliance.journal import Journal
from chimera_compliance.outcomes import Inconclusive, NotReviewed
from chimera_compliance.probes.audit import disguises
from chimera_compliance.probes.audit.cases import USED_UP, Case, Population, Supply, load_cases
from chimera_compliance.probes.audit.refusals import Attempt, attempts
from chimera_compliance.probes.audit.runs import Reader, Run, Who, new_agent, with_late
from chimera_compliance.probes.audit.trail import Mark, Trail
from chimera_compliance.probes.http.exchange import Headers, Request
from chimera_compliance.probes.openapi.operations import Operation
from chimera_compliance.probes.openapi.thrift import Thrift
from chimera_compliance.probes.ownership.estate import token_for
from chimera_compliance.probes.ownership.throwaway import Workshop
from chimera_compliance.probes.principals.principal import Principal
from chimera_compliance.target import Target

if TYPE_CHECKING:
    from chimera_compliance.probes.http.api import Api

Change = Callable[[Request], Request | None]


def unchanged(request: Request) -> Request:
    """The plain request."""
    return request


@dataclass
class Observed:
    """Everything that was seen; `undone` says why a case could not be run."""

    runs: list[Run] = field(default_factory=list)
    undone: dict[str, str] = field(default_factory=dict)
    strangers: list[Run] = field(default_factory=list)
    lying: list[Run] = field(default_factory=list)
    asserting: list[Run] = field(default_factory=list)
    hostile: list[Run] = field(default_factory=list)
    refused: list[Attempt] = field(default_factory=list)
    canaries: dict[str, str] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)

    @property
    def done(self) -> list[Run]:
        """The plain runs that succeeded and left at least one row."""
        return [run for run in self.runs if run.done and run.rows]

    @property
    def everything(self) -> list[Run]:
        """Every run that was made as somebody who may."""
        return [*self.runs, *self.strangers, *self.lying, *self.asserting, *self.hostile]


@dataclass
class Observer:
    """Makes the runs, one after the other: what comes in meanwhile is the run's own."""

    api: "Api"
    target: Target
    journal: Journal
    trail: Trail
    operations: Sequence[Operation]
    alice: Principal
    bob: Principal | None

    def __post_init__(self) -> None:
        self.supply = Supply(self.api, {item.id: item for item in self.operations}, self.alice, self.bob)
        self.reader = Reader(self.trail, self.journal)
        self.began: Mark | None = None
        for principal in filter(None, (self.alice, self.bob)):
            token = principal.token if principal.has_token else None
            self.reader.people.append(Who.of(self.target, principal, token))

    def others_at_work(self) -> bool:
        """Whether somebody else has left rows since the first of ours, whom an interruption could disturb."""
        return any(not self.reader.is_anybodys(row) for row in self.trail.since(self.began)) if self.began else True

    def observe(self) -> Observed:
        """All of it.

        Raises:
            NotReviewed: the scope forbids writes.
            Inconclusive: there is no sensitive operation to run.
        """
        if not self.target.scope.writes:
            raise NotReviewed("scope.writes is false, and an operation that is not run leaves no row")
        self.began = self.trail.mark()
        population = load_cases(self.target, self.operations)
        if not population.cases:
            raise Inconclusive("the API has no sensitive operation: name them under `sensitive` in the target file")
        return self._observed(population)

    def _observed(self, population: Population) -> Observed:
        seen = Observed(undone=dict.fromkeys(population.missing, "the API has no such operation"))
        for case in population.cases:
            seen.runs += self._plain(case, seen)
        again = self._again([run.case for run in seen.runs if run.done])
        for case in again[:1]:
            if self.bob is not None and self.bob.has_token:
                seen.strangers += self.run(case, self.bob)
            seen.lying += self._lying(case)
        seen.asserting += self._asserting(again)
        seen.hostile += self._hostile(again, seen)
        seen.refused = attempts(self, [run for run in seen.runs if run.done])
        self._put_away(seen)
        self._add_late_rows(seen)
        return seen

    def _add_late_rows(self, seen: Observed) -> None:
        """Rows that came in after they were looked for: the second of two, or one of an attempt that was refused."""
        rows = self.trail.since(self.began)
        for found in (seen.runs, seen.strangers, seen.lying, seen.asserting, seen.hostile, seen.refused):
            found[:] = [replace(item, rows=with_late(item, rows)) for item in found]

    def _again(self, cases: list[Case]) -> list[Case]:
        """The cases that are good for another run, the best first: what changes an object and makes none."""
        usable = [case for case in cases if case.operation.method != "DELETE"]
        order = Thrift(self.target).least_limited([case.operation for case in usable])
        makes = lambda case: (not case.repeatable, case.parameter is None, order.index(case.operation))  # noqa: E731
        return sorted(usable, key=makes)

    def _plain(self, case: Case, seen: Observed) -> list[Run]:
        found = self.run(case, self.alice)
        if not found:
            seen.undone[case.subject] = "there is no object to run it on"
        elif not found[0].done:
            seen.undone[case.subject] = f"it was not done for who may do it: {found[0].exchange.actual}"
        return found

    def run(self, case: Case, principal: Principal, change: Change = unchanged, agent: str = "") -> list[Run]:
        """The case run once, on another object where one is used up; empty where there is none, or no such request."""
        runs: list[Run] = []
        choices = self.supply.choices(case) if principal is self.alice else iter([{}])
        for ids in choices:
            request = change(self.request(case, principal, **ids))
            if request is None:
                return []
            runs = [self.send(case, principal, request, agent)]
            if runs[0].exchange.status not in USED_UP:
                break
        return runs

    def request(self, case: Case, principal: Principal, of: Principal | None = None, **ids: str) -> Request:
        """What the principal sends, with a token of a role that may; `of` is whose objects it is about."""
        token = token_for(principal, case.operation)
        return case.request(of or principal, headers=self.api.authorization(token) if token else (), **ids)

    def send(self, case: Case, principal: Principal, request: Request, agent: str = "") -> Run:
        """One request, under a user agent of its own, and what it has left."""
        agent = agent or new_agent()
        named = (*[(n, v) for n, v in request.headers if n.lower() != "user-agent"], ("User-Agent", agent))
        mark = self.trail.mark()
        [exchange] = self.api.send([replace(request, headers=named)])
        ended = self.trail.clock()
        rows = tuple(self.reader.of_run(mark, agent, exchange))
        who = Who.of(self.target, principal, token_for(principal, case.operation))
        kept = self.reader.keep(case, exchange, rows, request.note)
        return Run(case, exchange, who, agent, mark.clock, ended, rows, kept)

    def _lying(self, case: Case) -> list[Run]:
        """Another address, time and identity in headers and query; where that is refused, another address alone."""

        def lie(request: Request) -> Request:
            said = (*request.headers, *disguises.lying_headers(self.bob))
            lied = disguises.lying_query(replace(request, headers=said), self.bob)
            return replace(lied, note="another address, time and identity in headers and query")

        runs = self.run(case, self.alice, lie)
        if runs and runs[0].done:
            return runs
        plain = lambda request: replace(  # noqa: E731
            request, headers=(*request.headers, *disguises.address_headers()), note="another address in headers"
        )
        return self.run(case, self.alice, plain)

    def _asserting(self, cases: list[Case]) -> list[Run]:
        """Somebody else's identity in the body, on her objects and on his; only what is let in tells anything."""
        if self.bob is None:
            return []
        bob, runs = self.bob, []
        for case in _of_each_operation(cases):
            his = disguises.lying_body(self.request(case, self.alice, of=bob), bob)
            runs += self.run(case, self.alice, _asserted(bob))
            runs += [self.send(case, self.alice, his)] if his else []
        return [run for run in runs if run.done]

    def _hostile(self, cases: list[Case], seen: Observed) -> list[Run]:
        """Hostile texts in the user agent, and in prose where a case has any; secrets where they belong."""
        canaries = disguises.Canaries.new()
        self._keep_secret(canaries.values, seen)
        written = [case for case in cases if disguises.prose_of(self.request(case, self.alice))]
        written.sort(key=lambda case: case.parameter is None)
        runs: list[Run] = []
        for case, change in [*((case, _texts) for case in written[:1]), *((case, unchanged) for case in cases[:1])]:
            agent = disguises.hostile_agent(new_agent())
            runs += self.run(case, self.alice, _carrying(change, canaries.headers), agent)
        for case in written[:1]:
            hard = self.run(case, self.alice, lambda request: disguises.hostile_texts(request, hard=True))
            runs += [run for run in hard if run.done or run.rows]
        for case in _of_each_operation(cases):
            if found := disguises.secret_members(case, self.request(case, self.alice)):
                self._keep_secret(found[1], seen)
                runs += self.run(case, self.alice, lambda request, found=found: replace(request, body=found[0].body))
        return [run for run in runs if run.done or run.rows]

    def _keep_secret(self, values: dict[str, str], seen: Observed) -> None:
        seen.canaries |= values
        for name, value in values.items():
            self.journal.redact.add(value, name)

    def _put_away(self, seen: Observed) -> None:
        """Delete what has been made, and name what the API gives no way to delete."""
        workshop = Workshop(self.api, self.operations)
        for run in seen.everything:
            if run.done and run.case.operation.method == "POST" and run.case.parameter is None:
                principal = self.bob if self.bob and run.who.name == self.bob.name else self.alice
                workshop.discard_new(run.case.operation, run.exchange, principal)
        seen.left = workshop.left


def _texts(request: Request) -> Request | None:
    return disguises.hostile_texts(request)


def _carrying(change: Change, headers: Headers) -> Change:
    def carried(request: Request) -> Request | None:
        changed = change(request)
        return changed and replace(changed, headers=(*changed.headers, *headers), note="hostile texts")

    return carried


def _asserted(stranger: Principal) -> Change:
    return lambda request: disguises.lying_body(request, stranger)


def _of_each_operation(cases: list[Case]) -> list[Case]:
    """One case of each operation that does not use an object up."""
    return list({case.operation.id: case for case in reversed(cases) if not case.lists}.values())
