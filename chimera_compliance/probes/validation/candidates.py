"""Wrong values for one field: just outside each bound, of another form or type, and beyond what a program can hold.

Each comes with what must become of it, since not everything that a schema refuses does harm when it is admitted: a
server may turn "5" into 5 and keep to its bounds all the same.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from chimera_compliance.probes.openapi.scalars import is_number
from chimera_compliance.probes.validation.schema import FORMS, kinds

REFUSE, CONVERT, SURVIVE = "refuse", "convert", "survive"
"""4xx · 4xx, or turned into the type that is asked for · anything but a failure of the server."""

BOUNDS, LENGTH, FORM, TYPE, REQUIRED, ITEMS, NUMBER, TEXT = (
    "bounds", "length", "form", "type", "required", "items", "number", "text",
)  # fmt: skip
BLANKS = "nothing but blanks"
_LARGE_TEXT = 500_000
_MANY_ITEMS = 2000
_HUGE = 10**20
_ENDLESS = 10**400
_NO_FORM = {
    "uuid": ("not-a-uuid", "zzzzzzzz-zzzz-4zzz-8zzz-zzzzzzzzzzzz"),
    "date": ("2030-02-30", "some day"),
    "date-time": ("2030-02-30T25:61:61Z", "some day"),
}


class Missing:
    """Stands for a member that is left out."""

    def __repr__(self) -> str:
        return "nothing"


@dataclass(frozen=True)
class Raw:
    """JSON that no value can stand for, such as ``NaN`` and ``1e309``."""

    text: str


MISSING = Missing()


@dataclass(frozen=True)
class Wrong:
    """A wrong value; ``label`` says what it is, ``rule`` what it offends against."""

    rule: str
    label: str
    value: Any
    must: str = REFUSE
    alone: bool = False
    """Whether the whole body is no JSON with it, so that nothing beside it would be looked at."""
    unbounded: bool = False
    """Whether the schema admits it for want of a bound."""
    documented: bool = True
    demanded: bool = False
    """Whether the document refuses it, and whether the target file's demands do."""


def candidates(schema: dict[str, Any], valid: Any, required: bool, name: str = "") -> Iterator[Wrong]:
    """Wrong values for a field of a schema (its parts merged), that has a valid value."""
    types = kinds(schema)
    if required:
        yield Wrong(REQUIRED, "nothing", MISSING)
    if "null" not in types:
        yield Wrong(TYPE, "null", None, REFUSE if required else SURVIVE)
    if types & {"integer", "number"}:
        yield from _numbers(schema, "number" not in types, valid)
    elif "string" in types:
        yield from _texts(schema, str(valid))
    elif "boolean" in types:
        yield Wrong(TYPE, "a word for a truth value", "maybe")
        yield Wrong(TYPE, "2 for a truth value", 2)
    elif "array" in types:
        yield from _arrays(schema, valid if isinstance(valid, list) else [])
    elif "object" in types:
        yield Wrong(TYPE, "a text for an object", "x")
        yield Wrong(TYPE, "a list for an object", ["x"])
    if types and "array" not in types and "object" not in types:
        yield Wrong(TYPE, "a list with the value", [valid])
    if types and "object" not in types:
        yield Wrong(TYPE, "an object for a value", {"value": valid})


def _numbers(schema: dict[str, Any], whole: bool, valid: Any) -> Iterator[Wrong]:
    low, high = bounds(schema)
    fraction = 0.01 if abs(low) >= 0.01 or math.isinf(low) or low == 0 else abs(low) / 2
    if not math.isinf(low):
        outside = low if _exclusive(schema, "exclusiveMinimum", low) else low - (1 if whole else fraction)
        yield Wrong(BOUNDS, f"{_plain(outside)}, below the least", _plain(outside))
        if low >= 0:
            yield Wrong(BOUNDS, "-1, below the least", -1)
    if not math.isinf(high):
        outside = high if _exclusive(schema, "exclusiveMaximum", high) else high + (1 if whole else 0.01)
        yield Wrong(BOUNDS, f"{_plain(outside)}, above the greatest", _plain(outside))
        yield Wrong(BOUNDS, f'"{_plain(outside)}" as text, above the greatest', str(_plain(outside)))
    if is_number(step := schema.get("multipleOf")) and step > 0 and is_number(valid):
        yield Wrong(BOUNDS, f"no multiple of {step}", valid + step / 2)
    yield Wrong(TYPE, "a word for a number", "twelve")
    if whole:
        yield Wrong(TYPE, "a fraction for a whole number", (valid if is_number(valid) else 1) + 0.5)
    bounded = not math.isinf(high)
    yield Wrong(NUMBER, "10^20", _HUGE, REFUSE if bounded else SURVIVE)
    if not bounded:
        yield Wrong(NUMBER, "10^400", _ENDLESS, SURVIVE)
        yield Wrong(NUMBER, "a million", 1_000_000, SURVIVE)
    yield Wrong(NUMBER, "1e309", Raw("1e309"))
    for constant in ("NaN", "Infinity"):
        yield Wrong(NUMBER, constant, Raw(constant), alone=True)
    yield Wrong(TYPE, "a number as text", str(valid), CONVERT)
    yield Wrong(TYPE, "true for a number", True, CONVERT)


def _texts(schema: dict[str, Any], valid: str) -> Iterator[Wrong]:
    shortest, longest = schema.get("minLength"), schema.get("maxLength")
    free = not ({"enum", "const", "pattern"} & schema.keys()) and schema.get("format") not in FORMS
    if is_number(shortest) and shortest > 0:
        count = int(shortest) - 1
        yield Wrong(LENGTH, f"{count} characters" if count else "an empty text", filled(valid, count))
    if is_number(longest) and longest < _LARGE_TEXT:
        yield Wrong(LENGTH, f"{int(longest) + 1} characters", filled(valid, int(longest) + 1))
    elif free and schema.get("format") not in ("binary", "byte", "password"):
        yield Wrong(LENGTH, f"{_LARGE_TEXT:,} characters, to which no bound is set", "x" * _LARGE_TEXT, unbounded=True)
    if {"enum", "const"} & schema.keys():
        yield Wrong(FORM, "none of the values that are listed", "chimera-compliance")
        yield Wrong(FORM, "an empty text for one of a list", "")
    elif "pattern" in schema:
        for label, text in (("a character more", valid + "!"), ("one character", "?"), ("spaces", " " * len(valid))):
            yield Wrong(FORM, f"{label} than the pattern", text)
    for text in _NO_FORM.get(str(schema.get("format")), ("neither here nor there",)):
        if schema.get("format") in FORMS:
            yield Wrong(FORM, f'"{text}" for a {schema["format"]}', text)
    if free and schema.get("format") not in ("binary", "byte"):
        room = int(longest) if is_number(longest) else None
        if is_number(shortest) and shortest > 0:
            yield Wrong(LENGTH, BLANKS, " " * int(shortest), CONVERT)
        for label, odd in (("a NUL", "\0"), ("half of a surrogate pair", "\ud800")):
            yield Wrong(TEXT, label, _with(valid, odd, room), SURVIVE)
    yield Wrong(TYPE, "a number for a text", 12345, CONVERT)


def _arrays(schema: dict[str, Any], valid: list) -> Iterator[Wrong]:
    fewest, most = schema.get("minItems"), schema.get("maxItems")
    one = valid[:1] or ["x"]
    if is_number(fewest) and fewest > 0:
        yield Wrong(ITEMS, f"{int(fewest) - 1} items", (valid or one)[: int(fewest) - 1])
    if is_number(most) and most < _MANY_ITEMS:
        yield Wrong(ITEMS, f"{int(most) + 1} items", (valid + one * (int(most) + 1))[: int(most) + 1])
    elif valid:
        yield Wrong(ITEMS, f"{_MANY_ITEMS:,} items, to which no bound is set", one * _MANY_ITEMS, unbounded=True)
    if schema.get("uniqueItems") is True:
        yield Wrong(ITEMS, "an item twice", one * 2)
    yield Wrong(TYPE, "a text for a list", "x")


def bounds(schema: dict[str, Any]) -> tuple[float, float]:
    """The stricter of each bound, exclusive or not."""
    lows = [schema[key] for key in ("minimum", "exclusiveMinimum") if is_number(schema.get(key))]
    highs = [schema[key] for key in ("maximum", "exclusiveMaximum") if is_number(schema.get(key))]
    return max(lows, default=-math.inf), min(highs, default=math.inf)


def _exclusive(schema: dict[str, Any], key: str, bound: float) -> bool:
    return schema.get(key) is True or (is_number(schema.get(key)) and schema[key] == bound)


def filled(text: str, length: int) -> str:
    """The text cut, or lengthened with letters: spaces at its ends may not count."""
    return text[:length].strip().ljust(length, "x")


def _with(text: str, odd: str, room: int | None) -> str:
    kept = text if room is None else text[: max(0, room - len(odd))]
    return kept[: len(kept) // 2] + odd + kept[len(kept) // 2 :]


def _plain(number: float) -> float | int:
    number = round(number, 9)
    return int(number) if number == int(number) else number
