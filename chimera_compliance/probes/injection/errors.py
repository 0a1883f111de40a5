"""Answers that break when a quote comes: whether it was a statement that broke, or something else."""

import re
from typing import TYPE_CHECKING

from chimera_compliance.probes.http.exchange import Exchange, Request
from chimera_compliance.probes.injection.means import Hit, Means, Watched
from chimera_compliance.probes.injection.sightings import Sighting
from chimera_compliance.probes.injection.witness import broken_by

if TYPE_CHECKING:
    from chimera_compliance.probes.http.api import Api

_REFUSALS = (400, 401, 403, 405, 406, 411, 413, 414, 415, 422, 431)
_TIMES = 12
_MARKER = "zq7mark"
_SYNTAX = re.compile(
    rb"syntax error at or near|unterminated quoted (?:string|identifier)|near \\*\"[^\"]*\\*\": syntax error"
    rb"|unrecognized token: |error in your SQL syntax|ORA-0(?:0933|1756|0936)|Unclosed quotation mark"
    rb"|SQLSTATE\[?:? ?\[?42601|psycopg2?\.errors\.SyntaxError|each UNION query must have"
    rb"|incomplete input|SQLite3::SQLException|sqlite3\.OperationalError: near",
    re.IGNORECASE,
)


def refused(answer: Exchange) -> bool:
    """Whether the input was turned down as such."""
    return answer.status in _REFUSALS


def suspicious(answer: Exchange, base: Exchange | None) -> bool:
    """Whether something broke that the plain request does not break."""
    broken = (answer.status or 0) >= 500 or shows_syntax(answer)
    return broken and not (base is not None and (base.status or 0) >= 500)


def shows_syntax(answer: Exchange) -> bool:
    """Whether the answer itself tells of SQL that cannot be read."""
    return bool(_SYNTAX.search(answer.body))


def explain(api: "Api", means: Means, hit: Hit) -> Sighting | None:
    """The sighting that the broken answer amounts to; None where nothing shows that SQL broke."""
    point = hit.shot.aims[0][0]
    operation = hit.shot.visit.operation.id
    if isinstance(means, Watched) and (statement := _stare(api, means, hit)):
        proof = "the database was sent a statement in which a value has left its literal"
        return Sighting(operation, point.entry, point.label, "", proof, hit.exchange.observation, statement)
    return told(hit) if shows_syntax(hit.exchange) else None


def told(hit: Hit) -> Sighting:
    """The sighting of an answer that tells of broken SQL."""
    point, form = hit.shot.aims[0]
    words = _SYNTAX.search(hit.exchange.body).group().decode("latin-1")
    proof = f"{hit.exchange.actual}, and the answer tells of broken SQL: {words}"
    return Sighting(hit.shot.visit.operation.id, "error", point.label, form.name, proof, hit.exchange.observation)


def _stare(api: "Api", means: Watched, hit: Hit) -> str | None:
    """The statement that a quote and a word that is nobody's lead to, looked for while it is sent again and again.

    A session keeps the text of its last statement until its next one, so that some of a dozen are seen.
    """
    point, visit = hit.shot.aims[0][0], hit.shot.visit
    text = leaving(point.value)
    return stared(api, means, [visit.with_([(point, text)], f"{point.label}: a quote") for _ in range(_TIMES)])


def leaving(value: str) -> str:
    """A value with every quote there is, and a word that is nobody's."""
    return f"{value}\\'\"{_MARKER}"


def stared(api: "Api", means: Watched, requests: list[Request]) -> str | None:
    """The statement in which the word stands outside every literal, if one is seen while the requests are sent."""
    with means.witness.watching([], _MARKER) as watch:
        api.send(requests)
    return broken_by(watch.stray, _MARKER)
