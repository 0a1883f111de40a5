"""How a stack received a credential, told by comparing its answer with the one that the right credential gets.

A status alone does not say: 404 may be a refusal that hides the object, or what anybody gets for an id that does
not exist; 422 may be the word for a malformed token, or for a body that was read because the token was admitted.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import urlsplit

from chimera_compliance.outcomes import Problem, Severity
from chimera_compliance.probes.http.exchange import Exchange

# Answers that only the operation itself gives, so that whoever gets them has passed the guard.
_BEYOND_THE_GUARD = frozenset({402, 409, 410, 412, 423, 424, 428})


_PASSING = re.compile(rb"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{16,}|\d[\d:.TZ+ -]*")


class Reception(StrEnum):
    """What became of a credential."""

    REFUSED = "refused"
    ADMITTED = "admitted"
    BROKEN = "broken"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Answer:
    """An exchange and what it says about the credential that was presented; evidence for a check."""

    exchange: Exchange
    reception: Reception
    reason: str = ""

    @property
    def subject(self) -> str:
        """The operation."""
        return self.exchange.subject

    @property
    def actual(self) -> str:
        """The status, or what happened instead."""
        return self.exchange.actual

    @property
    def observation(self) -> str:
        """The id of the exchange's observation."""
        return self.exchange.observation

    @property
    def admitted(self) -> bool:
        """Whether the credential opened the operation."""
        return self.reception is Reception.ADMITTED

    @property
    def refused(self) -> bool:
        """Whether the credential was turned away."""
        return self.reception is Reception.REFUSED

    @property
    def broken(self) -> bool:
        """Whether the server failed over the credential (5xx)."""
        return self.reception is Reception.BROKEN

    @property
    def decided(self) -> bool:
        """Whether the answer tells anything."""
        return self.reception is not Reception.UNDECIDED


def received(right: Exchange | None, presented: Exchange) -> Answer:
    """Compare the answer to a credential with the `right` one's; None where the right one cannot be tried."""
    reception, reason = _compare(right, presented)
    return Answer(presented, reception, reason)


def plainly(right: Exchange) -> Answer:
    """How the right credential itself was received, by status alone: there is nothing to compare it with."""
    if right.status is None or right.status >= 500 or right.status == 429:
        return Answer(right, Reception.UNDECIDED, f"the right credential gets {right.actual}")
    return Answer(right, Reception.REFUSED if right.refused else Reception.ADMITTED)


def _compare(right: Exchange | None, presented: Exchange) -> tuple[Reception, str]:
    status = presented.status
    if status is None:
        return Reception.UNDECIDED, presented.error or "no answer"
    if right is not None and (problem := _useless(right)):
        return Reception.UNDECIDED, problem
    if status >= 500:
        return Reception.BROKEN, ""
    if presented.refused:
        return Reception.REFUSED, ""
    if status == 429:
        return Reception.UNDECIDED, "rate limited"
    if status < 300:
        return _success(right, presented)
    if status < 400:
        return (Reception.ADMITTED if _same_redirect(right, presented) else Reception.REFUSED), ""
    return _other_error(right, status)


def _useless(right: Exchange) -> str:
    """Why the right credential's answer is no measure."""
    if right.status is None:
        return f"the right credential got no answer: {right.error}"
    if right.refused:
        return f"the right credential is refused too: {right.actual}"
    if right.status >= 500 or right.status == 429:
        return f"the right credential gets {right.actual}"
    return ""


def media_type(exchange: Exchange) -> str:
    """``application/json`` of ``Content-Type: application/json; charset=utf-8``."""
    return (exchange.header("content-type") or "").partition(";")[0].strip().lower()


def _success(right: Exchange | None, presented: Exchange) -> tuple[Reception, str]:
    """A page for people where the right credential gets data is most often a log-in page."""
    if right is not None and right.ok and media_type(presented) == "text/html" != media_type(right):
        return Reception.UNDECIDED, "answered with an HTML page, unlike to the right credential"
    return Reception.ADMITTED, ""


def _same_redirect(right: Exchange | None, presented: Exchange) -> bool:
    return right is not None and right.status == presented.status and _goal(right) == _goal(presented)


def _goal(exchange: Exchange) -> str:
    return urlsplit(exchange.header("location") or "").path


def _other_error(right: Exchange | None, status: int) -> tuple[Reception, str]:
    if status in _BEYOND_THE_GUARD and not (right and right.status == status):
        return Reception.ADMITTED, ""
    if right is not None and right.status == status:
        return (
            Reception.UNDECIDED,
            f"{status} for this credential and the right one: give ids that exist (resources), or a body (api.bodies)",
        )
    return Reception.REFUSED, ""


def same_words(one: Exchange, other: Exchange) -> bool:
    """Whether two answers say the same, but for ids, times and numbers that differ from request to request."""
    if (one.status, media_type(one)) != (other.status, media_type(other)):
        return False
    return _PASSING.sub(b"", one.body) == _PASSING.sub(b"", other.body)


EVERYWHERE = "every operation"
_MOST_NAMED = 3


def problems(
    answers: Sequence[Answer], what: str, *, expected: str = "401 or 403", severity: Severity | None = None
) -> list[Problem]:
    """One problem for each operation that admitted the credential or broke over it.

    Where all of many did the same, one problem stands for all: a stack without a check has one fault, not forty.
    """
    admitted = [answer for answer in answers if answer.admitted]
    broken = [answer for answer in answers if answer.broken]
    many = len(answers) > _MOST_NAMED
    return [
        *_problems(admitted, f"admitted {what}", expected, severity, many and len(admitted) == len(answers)),
        *_problems(broken, f"broke over {what}", expected, Severity.MEDIUM, many and len(broken) == len(answers)),
    ]


def _problems(
    answers: Iterable[Answer], message: str, expected: str, severity: Severity | None, everywhere: bool
) -> Iterator[Problem]:
    for answer in answers:
        actual = f"{answer.actual}, {answer.reason}" if answer.reason else answer.actual
        problem = Problem(answer.subject, message, expected, actual, answer.observation, severity)
        yield replace(problem, subject=EVERYWHERE) if everywhere else problem
        if everywhere:
            return
