"""When a rate limiter lets the suite in again: read from what the server says, bounded by our patience.

So that a limiter does not blur what other controls observe. Header forms: RFC 9110 10.2.3 (Retry-After, seconds or
a date), draft-ietf-httpapi-ratelimit-headers (RateLimit-Reset, seconds) and the customary X-RateLimit-Reset
(seconds, or a UNIX time).
"""

import time
from datetime import datetime
from email.utils import parsedate_to_datetime

from chimera_compliance.probes.http.exchange import Exchange

LONGEST_WAIT = 65.0
_UNKNOWN = 1.0
_MARGIN = 0.1
_EARLIEST_UNIX_TIME = 1e9


def reset_in(exchange: Exchange, now: float | None = None) -> float | None:
    """Seconds until the limiter resets, as the answer names them; None where it does not."""
    now = time.time() if now is None else now
    for name in ("Retry-After", "RateLimit-Reset", "X-RateLimit-Reset"):
        if (text := exchange.header(name)) is not None and (seconds := _seconds(text.strip(), now)) is not None:
            return max(0.0, seconds)
    return None


def _seconds(text: str, now: float) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return _until(text, now)
    if not number < 1e14:
        return None
    if number > _EARLIEST_UNIX_TIME * 1000:
        number /= 1000
    return number - now if number > _EARLIEST_UNIX_TIME else number


def _until(date: str, now: float) -> float | None:
    """An HTTP date, or one in the form of ISO 8601."""
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            return read(date).timestamp() - now
        except (ValueError, TypeError, OverflowError):
            continue
    return None


def wait_for(limited: list[Exchange], attempt: int) -> float:
    """Seconds to wait before limited requests are tried again: the longest reset named, or 1, 2, 4, … seconds."""
    named = [seconds for exchange in limited if (seconds := reset_in(exchange)) is not None]
    return min(max(named) + _MARGIN if named else _UNKNOWN * 2**attempt, LONGEST_WAIT)
