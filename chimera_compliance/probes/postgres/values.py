"""Values for planted rows: of the right type, recognisable, and obedient to the column's own constraints."""

import json
import re
import secrets
import uuid
from dataclasses import dataclass

from chimera_compliance.probes.postgres.catalog import Catalog, Column, Relation
from chimera_compliance.probes.postgres.expressions import Mentions

_TEXT = {"text", "varchar", "bpchar", "name", "citext"}
_INTEGERS = {"int2": 20_000, "int4": 1_500_000_000, "int8": 4_000_000_000_000}
_FIXED = {
    "bool": "false",
    "date": "2026-01-15",
    "timestamp": "2026-01-15 12:00:00",
    "timestamptz": "2026-01-15 12:00:00+00",
    "time": "12:00:00",
    "timetz": "12:00:00+00",
    "interval": "1 hour",
    "numeric": "1",
    "float4": "1",
    "float8": "1",
    "money": "1",
    "inet": "192.0.2.1",
    "cidr": "192.0.2.0/24",
    "macaddr": "02:00:00:00:00:01",
    "xml": "<canary/>",
    "bit": "0",
    "varbit": "0",
    "point": "(0,0)",
    "tsvector": "canary",
    "hstore": "",
    "ltree": "canary",
    "oid": "0",
}
_BOUND = re.compile(r"FROM \('?([^'),]+)'?.*?\)|IN \('?([^'),]+)'?", re.DOTALL)


@dataclass(frozen=True)
class Filler:
    """Makes values for one planted row; `marker` is part of every text in it."""

    catalog: Catalog
    marker: str

    def value(self, relation: Relation, column: Column) -> str | None:
        """A value as text that the column's type takes; None where we know of none."""
        allowed = self._allowed(relation, column)
        if allowed is not None:
            return allowed
        if column.kind == "e":
            return self.catalog.enum_labels.get(column.type_oid)
        if column.category == "A":
            return "{}"
        if column.kind in ("r", "m"):
            return "empty" if column.kind == "r" else "{}"
        return self._by_type(column)

    def _by_type(self, column: Column) -> str | None:
        base = column.base
        if base in _TEXT:
            return self._text(column)
        if base == "uuid":
            return str(uuid.uuid4())
        if base in _INTEGERS:
            return str(_INTEGERS[base] + secrets.randbelow(_INTEGERS[base] // 4))
        if base in ("json", "jsonb"):
            return json.dumps({"canary": self.marker})
        if base == "bytea":
            return f"\\x{self.marker.encode().hex()}"
        return _FIXED.get(base)

    def _text(self, column: Column) -> str:
        text = f"{self.marker}-{column.name}"
        limit = column.modifier - 4 if column.modifier > 4 else 63 if column.base == "name" else len(text)
        return text if len(text) <= limit else secrets.token_hex(32)[:limit]

    def _allowed(self, relation: Relation, column: Column) -> str | None:
        """A constant from a check constraint over the column, or from the bound of the partition."""
        checks = [check for check in relation.checks if re.search(rf"\b{re.escape(column.name)}\b", check)]
        checks += self.catalog.domain_checks.get(column.domain or 0, [])
        for check in checks:
            strings = Mentions(check).strings
            if strings and "~" not in check and column.category in "SE":
                return strings[0]
            if column.category == "N" and (number := within(check, column.name)) is not None:
                return number
            if "~" in check and strings and (made := matching(strings[0])):
                return made
        if relation.bound and (found := _BOUND.search(relation.bound)):
            keys = {name for parent in relation.parents for name in self._partition_key(parent)}
            if column.name in keys:
                return found.group(1) or found.group(2)
        return None

    def _partition_key(self, parent: int) -> set[str]:
        return self.catalog.partition_keys.get(parent, set())


def within(check: str, column: str) -> str | None:
    """A number that a check such as ``n > 0 AND n <= 10`` takes."""
    name = rf"\(?\b{re.escape(column)}\b\)?(?:::\w+)*"
    lowest = re.search(rf"{name} (>=?) \(*'?(-?\d+(?:\.\d+)?)", check)
    highest = re.search(rf"{name} (<=?) \(*'?(-?\d+(?:\.\d+)?)", check)
    if lowest is None and highest is None:
        return None
    if lowest is None:
        return str(min(1, float(highest.group(2)) - 1)).removesuffix(".0")
    least = float(lowest.group(2))
    if lowest.group(1) == ">":
        least += 1 if highest is None or float(highest.group(2)) > least + 1 else (float(highest.group(2)) - least) / 2
    return str(least).removesuffix(".0")


def matching(pattern: str) -> str | None:
    """A text that matches a simple regular expression: literals, classes, groups and counts; else None."""
    from re import _parser  # the parser has no public name; a pattern that it cannot read is given up

    try:
        made = "".join(map(_one, _parser.parse(pattern)))
        return made if re.search(pattern, made) else None
    except (re.error, ValueError, KeyError, AttributeError, OverflowError):
        return None


def _one(item: tuple) -> str:
    kind, value = str(item[0]), item[1]
    match kind:
        case "LITERAL":
            return chr(value)
        case "ANY":
            return "a"
        case "AT":
            return ""
        case "IN":
            return _of_class(value)
        case "MAX_REPEAT" | "MIN_REPEAT":
            least, most, inner = value
            times = max(least, min(int(most), 12) if int(most) < 1000 else least + 3)
            return "".join("".join(map(_one, inner)) for _ in range(times))
        case "SUBPATTERN":
            return "".join(map(_one, value[3]))
        case "BRANCH":
            return "".join(map(_one, value[1][0]))
    raise ValueError(kind)


def _of_class(members: list) -> str:
    for kind, value in members:
        match str(kind):
            case "RANGE":
                return chr(value[0] + secrets.randbelow(value[1] - value[0] + 1))
            case "LITERAL":
                return chr(value)
            case "CATEGORY":
                return {"CATEGORY_DIGIT": "7", "CATEGORY_WORD": "a", "CATEGORY_SPACE": " "}[str(value)]
    raise ValueError("empty class")
