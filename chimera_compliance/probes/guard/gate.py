"""The guard of every operation, tried with credentials good and bad.

An operation that changes data is first sent harmlessly (an invalid body, made-up ids): a right credential gets as
far as the validation, a bad one must not. Where a request without a credential does not, whoever is told the same
as the right credential was admitted. Only where validation comes before the guard, and the scope allows writes, is
the whole request sent.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from chimera_compliance.outcomes import Inconclusive
from chimera_compliance.probes.guard.credentials import Credential, with_headers
from chimera_compliance.probes.guard.reception import Answer, Reception, plainly, received, same_words
from chimera_compliance.probes.http.exchange import Exchange, Request
from chimera_compliance.probes.jwt.foreign_keys import FOREIGN_KEY
from chimera_compliance.probes.jwt.forgeries import Forgery
from chimera_compliance.probes.jwt.papers import Papers
from chimera_compliance.probes.openapi.thrift import Thrift

if TYPE_CHECKING:
    from chimera_compliance.journal import Journal
    from chimera_compliance.probes.http.api import Api
    from chimera_compliance.probes.openapi.operations import Operation

Present = Callable[["Operation", Request], Request | None]
"""Adds a credential to a request that has none; None where it cannot be presented to this operation."""

_KNOWN_OPEN = "not tried again: it has admitted several others like it"
_WITHHELD = "scope.writes is false, and it cannot be sent without changing data"
_NO_TOKEN = "the target file gives no token of a role that it admits"


class Gate:
    """Presents credentials to guarded operations and compares what comes back with what the right one gets."""

    def __init__(self, api: "Api", journal: "Journal", operations: Sequence["Operation"], papers: Papers) -> None:
        self.api, self.operations, self.papers = api, list(operations), papers
        self.target = papers.target
        self._journal = journal
        self._right: dict[tuple[str, bool], Exchange] = {}
        self._first: set[str] = set()
        """The operations whose guard comes before their validation."""
        self.lesser: dict[str, Exchange] = {}
        """What a token of a role that is not admitted got, by operation."""
        self.thrift = Thrift(self.target)

    def right(self, operations: Iterable["Operation"], *, careful: bool = True) -> dict[str, Exchange]:
        """What the right credential gets, by operation; asked once for each."""
        wanted = {operation.id: operation for operation in operations}
        missing = [operation for operation in wanted.values() if (operation.id, careful) not in self._right]
        asked = [(operation, self._with_right(operation, careful)) for operation in missing]
        sent = [(operation, request) for operation, request in asked if request is not None]
        for (operation, _), exchange in zip(sent, self.api.send(request for _, request in sent), strict=True):
            self._right[operation.id, careful] = exchange
        return {name: self._right[name, careful] for name in wanted if (name, careful) in self._right}

    def _with_right(self, operation: "Operation", careful: bool) -> Request | None:
        token = self.papers.token_for(operation)
        if token is None or operation.changes or (operation.method == "DELETE" and not careful):
            return None
        return self.bare(operation, careful, self.api.authorization(token), "the right token")

    def bare(self, operation: "Operation", careful: bool = True, headers=(), note: str = "") -> Request | None:
        """The operation's request; None where it may not be sent."""
        if operation.unsafe and not operation.can_be_harmless and not self.target.scope.writes:
            return None
        harmless = careful and operation.unsafe and operation.can_be_harmless
        return operation.request(self.papers.alice, harmless=harmless, headers=headers, note=note)

    def admission(self) -> list[Answer]:
        """How the right credential itself is received, by every operation that may be asked more than once."""
        asked = [operation for operation in self.operations if not operation.changes]
        seen = self.right(asked)
        if self.target.scope.writes:  # what exists nowhere may be forbidden to everybody
            seen |= self.right((o for o in asked if o.unsafe and o.id in seen and seen[o.id].refused), careful=False)
        return [plainly(seen[o.id]) if o.id in seen else not_sent(o, self._why_not(o)) for o in asked]

    def require_control(self) -> None:
        """Make sure that the stack admits somebody at all.

        Raises:
            Inconclusive: no operation admits the right token.
        """
        if not any(answer.admitted for answer in self.admission()):
            raise Inconclusive("no operation admits the right token, so a refusal says nothing")

    def _why_not(self, operation: "Operation") -> str:
        return _NO_TOKEN if self.bare(operation) else _WITHHELD

    @cached_property
    def anonymous(self) -> list[Answer]:
        """How each operation receives a request without a credential; what may reset the stack comes last."""
        first = [operation for operation in self.operations if not operation.changes]
        last = [operation for operation in self.operations if operation.changes]
        self._guard_first(first)
        answers = [a for group in (first, last) for a in self.present(lambda _, request: request, "no token", group)]
        promised = {operation.id for operation in self.operations if operation.secured}
        told = "though the document says that it needs a token"
        return [replace(a, reason=told) if a.admitted and a.subject in promised else a for a in answers]

    def _guard_first(self, operations: Sequence["Operation"]) -> None:
        """Learn which operations turn away both no token and a stranger's before they validate anything."""
        stranger = self._forged(FOREIGN_KEY[0])
        tried = (lambda _, request: request, stranger)
        seen = [self._attempt(credential, "a stranger", operations, careful=True) for credential in tried]
        refused = [{name for name, answer in answers.items() if answer.refused} for answers in seen]
        self._first = set.intersection(*refused)

    @cached_property
    def closed(self) -> list["Operation"]:
        """The operations that are not open to everybody; whatever else the others admit says nothing new.

        Raises:
            Inconclusive: there is none.
        """
        opened = {answer.subject for answer in self.anonymous if answer.admitted}
        closed = [operation for operation in self.operations if operation.id not in opened and not operation.changes]
        if not closed:
            raise Inconclusive("no operation refuses a request without a token, so none is left to try others on")
        return closed

    def present(
        self, credential: Present, note: str, operations: Sequence["Operation"] | None = None, *, kin: str = ""
    ) -> list[Answer]:
        """Present a credential to the operations and tell how each received it.

        `kin` names the credentials that are admitted for the same reason; those of one requirement are.
        """
        kin = kin or self._journal.requirement
        asked = self.thrift.affordable(self.closed) if operations is None else list(operations)
        chosen = self.thrift.worth_asking(asked, kin)
        answers = self._attempt(credential, note, chosen, careful=True)
        answers = {name: self._past_the_guard(name, answer) for name, answer in answers.items()}
        if self.target.scope.writes:
            unclear = [o for o in chosen if o.unsafe and o.id in answers and self._worth_another(o, answers[o.id])]
            whole = self._attempt(credential, note, unclear, careful=False)
            self.thrift.wrote(name for name, answer in whole.items() if answer.admitted)
            answers |= whole
        self.thrift.admitted(kin, [name for name, answer in answers.items() if answer.admitted])
        return [*answers.values(), *(not_sent(o, _KNOWN_OPEN) for o in asked if answers and o not in chosen)]

    def _attempt(
        self, credential: Present, note: str, operations: Sequence["Operation"], *, careful: bool
    ) -> dict[str, Answer]:
        right = self.right(operations, careful=careful)
        answers, sent = {}, []
        for operation in operations:
            bare = self.bare(operation, careful)
            request = credential(operation, replace(bare, note=note)) if bare else None
            if bare is None:
                answers[operation.id] = not_sent(operation, _WITHHELD)
            elif request is None:
                continue
            elif careful and operation.id not in right and not operation.changes:
                answers[operation.id] = not_sent(operation, _NO_TOKEN)
            else:
                sent.append((operation, request))
        for (operation, _), exchange in zip(sent, self.api.send(request for _, request in sent), strict=True):
            answers[operation.id] = received(right.get(operation.id), exchange)
        return answers

    def _past_the_guard(self, name: str, answer: Answer) -> Answer:
        """Admitted, if it is told what the right credential is told, and strangers are not."""
        right = self._right.get((name, True))
        if answer.decided or name not in self._first or right is None or right.refused:
            return answer
        same = same_words(right, answer.exchange)
        return replace(answer, reception=Reception.ADMITTED, reason="") if same else answer

    def _worth_another(self, operation: "Operation", answer: Answer) -> bool:
        """Whether the whole request may tell more, and may be sent.

        What deletes is not tried with the right credential, so that what that one got for made-up ids must show that it
        is admitted at all.
        """
        if answer.decided or answer.exchange.status is None:
            return False
        right = self._right.get((operation.id, True))
        admitted = operation.method != "DELETE" or (right is not None and not right.refused)
        return admitted and self.thrift.may_write(operation, self.papers.alice)

    def forge(self, forgery: Forgery, operations: Sequence["Operation"] | None = None) -> list[Answer]:
        """Present a forged token in the genuine one's place; no answers where it cannot be made of the genuine one."""
        kin = "" if forgery.issued else "forged"
        return self.present(self._forged(forgery), forgery.what, operations, kin=kin) or self.cannot(forgery)

    def _forged(self, forgery: Forgery) -> Present:
        """The forgery made of the right token for each operation, once a role."""
        made: dict[str | None, str | None] = {}

        def credential(operation: "Operation", request: Request) -> Request | None:
            role = self.papers.role_for(operation)
            if role not in made:
                made[role] = forgery.make(self.papers.genuine(operation))
            token = made[role]
            return token and with_headers(request, *self.api.authorization(token))

        return credential

    def try_out(self, credential: Credential, operations: Sequence["Operation"] | None = None) -> list[Answer]:
        """Present something other than a forged token."""
        present = lambda operation, request: credential.present(request, self.papers.bearer(operation))  # noqa: E731
        return self.present(present, credential.what, operations) or self.cannot(credential)

    def cannot(self, what: object) -> list[Answer]:
        """Leave as an observation that something cannot be tried on this stack, and the claims that show why.

        Raises:
            Inconclusive: no operation admits the right token, so that its claims show nothing.
        """
        self.require_control()
        claims = ", ".join(sorted(self.papers.token.claims))
        self._journal.record("token", "the genuine token", sent={"tried": str(what)}, received={"claims": claims})
        return []

    @property
    def restricted(self) -> list["Operation"]:
        """The closed operations that admit some roles and not all.

        Raises:
            Inconclusive: there are some, and all of them are open to everybody.
        """
        declared = [o for o in self.operations if o.roles is not None and set(self.target.roles) - set(o.roles)]
        closed = [operation for operation in declared if operation in self.closed]
        if declared and not closed:
            raise Inconclusive("every operation that is closed to some roles is open to everybody")
        return closed

    @property
    def restricted_sample(self) -> list["Operation"]:
        """One operation for each set of roles."""
        return list({o.roles: o for o in reversed(self.restricted)}.values())

    def some(self, most: int = 6) -> list["Operation"]:
        """At most so many of the closed operations, others every time, until all have had their turn."""
        return self.thrift.some(self.closed, most)


def not_sent(operation: "Operation", why: str) -> Answer:
    """An answer for what was left out, and why."""
    exchange = Exchange(Request(operation.method, operation.path, operation=operation.id), error=why)
    return Answer(exchange, Reception.UNDECIDED, why)
