"""Single values of a JSON Schema: numbers within their bounds, texts of their format, pattern and length."""

import math
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from chimera_compliance.probes.openapi.pattern import matching

_LONGEST_TEXT = 100_000


def integer(schema: dict[str, Any]) -> int:
    """The smallest whole number from 1 up that the bounds admit, or the greatest below 1."""
    low, high = _whole(schema)
    value = int(max(1, low) if max(1, low) <= high else high)
    step = schema.get("multipleOf")
    return math.ceil(value / step) * int(step) if is_number(step) and step >= 1 and step == int(step) else value


def number(schema: dict[str, Any]) -> float | int:
    """A whole number where the bounds admit one, else the middle of the bounds."""
    low, high = _whole(schema)
    if low <= high:
        return integer(schema)
    low, high = _bounds(schema)
    return (low + high) / 2


def _bounds(schema: dict[str, Any]) -> tuple[float, float]:
    """The stricter of each bound; OpenAPI 3.0 writes an exclusive one as a flag, 3.1 as a number."""
    lows = [value for key in ("minimum", "exclusiveMinimum") if is_number(value := schema.get(key))]
    highs = [value for key in ("maximum", "exclusiveMaximum") if is_number(value := schema.get(key))]
    return max(lows, default=-math.inf), min(highs, default=math.inf)


def _whole(schema: dict[str, Any]) -> tuple[float, float]:
    """The least and the greatest whole number within the bounds."""
    low, high = _bounds(schema)
    without_low = schema.get("exclusiveMinimum") in (True, low)
    without_high = schema.get("exclusiveMaximum") in (True, high)
    return _above(low, without_low), -_above(-high, without_high)


def _above(bound: float, without: bool) -> float:
    if math.isinf(bound):
        return bound
    return math.floor(bound) + 1 if without else math.ceil(bound)


def is_number(value: Any) -> bool:
    """Whether JSON would call it a number, and a program could calculate with it."""
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False


def text(schema: dict[str, Any], name: str = "") -> str:
    """A text of the schema's format, pattern and length; `name` helps where the schema says little."""
    shortest = bounded(schema.get("minLength"), 0, _LONGEST_TEXT)
    longest = bounded(schema.get("maxLength"), _LONGEST_TEXT, _LONGEST_TEXT)
    pattern = schema.get("pattern")
    if isinstance(pattern, str):
        if "{36}" in pattern and "a-f" in pattern:
            return str(uuid.uuid4())
        if (sample := matching(pattern, max(shortest, 1))) is not None:
            return sample
    made = _formatted(str(schema.get("format", "")), name.lower())
    if made is None:
        made = f"compliance probe {uuid.uuid4().hex[:8]}"
    return made.ljust(shortest, "x")[: max(longest, shortest)]


def _formatted(kind: str, name: str) -> str | None:
    moment = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30 if "end" in name else 1)
    made = {
        "uuid": lambda: str(uuid.uuid4()),
        "date": lambda: moment.date().isoformat(),
        "date-time": lambda: moment.isoformat().replace("+00:00", "Z"),
        "time": lambda: "12:00:00Z",
        "duration": lambda: "P1D",
        "email": lambda: f"probe-{uuid.uuid4().hex[:10]}@example.com",
        "uri": lambda: "https://example.com/probe",
        "hostname": lambda: "example.com",
        "ipv4": lambda: "192.0.2.1",
        "ipv6": lambda: "2001:db8::1",
        "byte": lambda: "cHJvYmU=",
        "binary": lambda: "probe",
        "password": lambda: f"Aa1-{uuid.uuid4().hex[:16]}",
    }
    aliases = {"url": "uri", "uri-reference": "uri", "idn-email": "email", "uuid4": "uuid", "datetime": "date-time"}
    maker = made.get(aliases.get(kind, kind)) or (made[_guess(name)] if not kind and _guess(name) else None)
    return maker() if maker else None


def _guess(name: str) -> str:
    """The format that a property's name suggests."""
    hints = {"email": "email", "password": "password", "url": "uri", "uri": "uri", "date": "date", "uuid": "uuid"}
    if name.endswith(("_at", "datetime", "timestamp")):
        return "date-time"
    if name.endswith("_id"):
        return "uuid"
    return next((kind for hint, kind in hints.items() if hint in name), "")


def bounded(value: Any, default: int, most: int) -> int:
    """A length or count of a schema, held within reason."""
    return min(int(value), most) if is_number(value) and value >= 0 else default
