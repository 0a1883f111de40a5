"""The tenants that rows are planted for: A, who looks, and others chosen to be mistaken for A.

A comparison by prefix, suffix, case or pattern tells A from a tenant with nothing in common, and not from one
that differs in its last character only.
"""

import re
import secrets
import uuid
from collections import Counter
from dataclasses import dataclass, field

from chimera_compliance.probes.postgres.expressions import Mentions
from chimera_compliance.probes.postgres.tenancy import Tenancy
from chimera_compliance.probes.postgres.values import matching

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_MOST_NAMED = 3


@dataclass(frozen=True)
class Tenants:
    """A's identifier and the others' by label; B, the first of them, is the one every check uses.

    `close` differ from A as little as possible; `named` are constants found in policies.
    """

    a: str
    b: str
    close: dict[str, str] = field(default_factory=dict)
    named: dict[str, str] = field(default_factory=dict)

    @property
    def others(self) -> dict[str, str]:
        """Every tenant but A, by label."""
        return {"tenant B": self.b, **self.close, **self.named}


def choose_tenants(tenancy: Tenancy) -> Tenants:
    """New tenants of the type that most tenant columns have."""
    tables = list(tenancy.tables.values())
    columns = [table.relation.columns[table.column] for table in tables if table.column and not table.path]
    base = Counter(column.base.lstrip("_") for column in columns).most_common(1)
    mentions = tenancy.expressions.everywhere([table.relation for table in tables])
    kind = base[0][0] if base else "text"
    if kind == "uuid" or (not base and not mentions.strings):
        return _uuids(mentions)
    if kind in ("int2", "int4", "int8"):
        return _numbers(mentions, kind)
    limits = [column.modifier - 4 for column in columns if column.modifier > 4]
    return _texts(mentions, min(limits, default=60), _patterns(tenancy))


def _patterns(tenancy: Tenancy) -> list[str]:
    """Regular expressions that the constraints hold tenants' identifiers to."""
    pairs = [(table.relation, table.column) for table in tenancy.tables.values() if table.column and not table.path]
    checks = [check for relation, column in pairs for check in relation.checks if f"{column} ~ " in check]
    return [text for check in checks for text in Mentions(check).strings[:1]]


def _uuids(mentions: Mentions) -> Tenants:
    digits = uuid.uuid4().hex
    middle = "f" if digits[16] != "f" else "8"
    a = str(uuid.UUID("a" + digits[1:16] + middle + digits[17:31] + "a"))
    named = [text.lower() for text in mentions.strings if _UUID.fullmatch(text)]
    return Tenants(a, a[:-1] + "b", {"tenant with another first digit": "b" + a[1:]}, _labelled(named))


def _numbers(mentions: Mentions, kind: str) -> Tenants:
    first = {"int2": 11_001, "int4": 1_200_000_001, "int8": 1_200_000_001}[kind]
    a = first + 10 * secrets.randbelow(500)
    named = [number for number in mentions.numbers if 1 < int(number) < 2**31 and int(number) != a]
    return Tenants(
        str(a), str(a + 1), {"tenant with another first digit": str(a + first // 2 // 10 * 10)}, _labelled(named)
    )


def _texts(mentions: Mentions, limit: int, patterns: list[str]) -> Tenants:
    a = ("canary" + secrets.token_hex(4))[: max(limit - 3, 2)]
    if not all(re.search(pattern, a) for pattern in patterns):
        a = next((text for pattern in patterns if (text := matching(pattern))), a)
    close = {
        "tenant whose name begins with A's": a + "-eu",
        "tenant with the beginning of A's name": a[:-1],
        "tenant whose name ends with A's": ("x-" + a)[:limit],
        "tenant with A's name in capitals": a.upper(),
        "tenant with another last letter": a[:-1] + ("y" if a.endswith("z") else "z"),
    }
    fitting = [label for label, text in close.items() if all(re.search(pattern, text) for pattern in patterns)]
    b = close.pop(fitting[0] if fitting else "tenant whose name begins with A's")
    return Tenants(a, b, close, _labelled([text for text in mentions.strings if re.fullmatch(r"[\w-]{2,40}", text)]))


def _labelled(named: list[str]) -> dict[str, str]:
    return {f"tenant {value}, named in a policy": value for value in dict.fromkeys(named[:_MOST_NAMED])}
