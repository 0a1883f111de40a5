"""What an answer says of the caller's rate limit, in all the spellings that servers use.

Retry-After is RFC 9110 10.2.3; `RateLimit-Limit`, `-Remaining`, `-Reset` and the later `RateLimit` with
`RateLimit-Policy` are drafts of draft-ietf-httpapi-ratelimit-headers; the X- forms are custom.
"""

import math
import re
import time
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

from chimera_compliance.probes.http.exchange import Exchange

_FIELD = re.compile(r"(?:x-)?rate-?limit-(limit|remaining|reset)(?:-\w+)?", re.IGNORECASE)
_STRUCTURED = {"ratelimit", "ratelimit-policy"}
_PARAMETER = re.compile(r"\b(limit|remaining|reset|q|r|t)\s*=\s*(\d+)")
_MEANING = {"q": "limit", "r": "remaining", "t": "reset"}
_EARLIEST_UNIX_TIME = 1e9
CLOCKS_DIFFER = 5.0


@dataclass(frozen=True)
class Told:
    """The limits named, the least that is said to remain, and the resets: header and seconds from the answer on."""

    limits: tuple[float, ...] = ()
    remaining: float | None = None
    resets: tuple[tuple[str, float], ...] = ()

    @property
    def reset(self) -> float | None:
        """Seconds until a request is free again: Retry-After if there is one, else the first reset named."""
        retry_after = [seconds for name, seconds in self.resets if name.lower() == "retry-after"]
        return min(retry_after or [seconds for _, seconds in self.resets], default=None)


def told(exchange: Exchange, now: float | None = None) -> Told:
    """Read the headers of an answer that came at `now`, in UNIX time."""
    at = _server_time(exchange, time.time() if now is None else now)
    found: dict[str, list[tuple[str, float]]] = {"limit": [], "remaining": [], "reset": []}
    for name, value in exchange.headers:
        for meaning, number in _read(name, value.strip(), at):
            found[meaning].append((name, number))
    limits = tuple(dict.fromkeys(number for _, number in found["limit"]))
    return Told(limits, min((number for _, number in found["remaining"]), default=None), tuple(found["reset"]))


def _server_time(exchange: Exchange, now: float) -> float:
    """Our clock, or the server's where the two differ; by less than five seconds, a busy server's Date is just old."""
    date = _date(exchange.header("Date") or "")
    return date if date is not None and abs(date - now) > CLOCKS_DIFFER else now


def _read(name: str, value: str, now: float):
    """(meaning, number) for everything that one header says."""
    if name.lower() in _STRUCTURED:
        for key, number in _PARAMETER.findall(value):
            yield _MEANING.get(key, key), float(number)
        if name.lower() == "ratelimit-policy" and value[:1].isdigit():
            yield "limit", float(re.match(r"\d+", value)[0])
    elif name.lower() == "retry-after" or ((field := _FIELD.fullmatch(name)) and field[1].lower() == "reset"):
        if (seconds := _seconds(value, now)) is not None:
            yield "reset", seconds
    elif field and (number := _number(value.partition(",")[0].partition(";")[0])) is not None:
        yield field[1].lower(), number


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _seconds(text: str, now: float) -> float | None:
    """Seconds, a UNIX time in seconds or milliseconds, or a date; what lies in the past is negative."""
    number = _number(text)
    if number is None:
        date = _date(text)
        return None if date is None else date - now
    if number > _EARLIEST_UNIX_TIME * 1000:
        number /= 1000
    return number - now if number > _EARLIEST_UNIX_TIME else number


def _date(text: str) -> float | None:
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            return read(text).timestamp()
        except (ValueError, TypeError, OverflowError):
            continue
    return None
