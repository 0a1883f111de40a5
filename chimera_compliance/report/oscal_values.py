"""The values that OSCAL's data types allow: strings on one line, tokens, moments in UTC, never an empty list."""

from datetime import UTC, datetime
from typing import Any

from chimera_compliance.report.untrusted import one_line

NAMESPACE = "urn:chimera-compliance:oscal"


def file(href: str, digest: str) -> dict[str, Any]:
    return {"href": href, "hashes": [{"algorithm": "SHA-256", "value": digest}]}


def prop(name: str, value: str, group: str = "") -> dict[str, str]:
    own = {"name": token(name), "ns": NAMESPACE, "value": text(value)}
    return own | ({"group": group} if group else {})


def token(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name.lower())


def text(value: str) -> str:
    """OSCAL's string: one line, neither empty nor padded."""
    return one_line(value) or "-"


def moment(value: str) -> str:
    """In UTC, since OSCAL's pattern knows only some offsets; what is no time becomes the epoch's beginning."""
    try:
        return datetime.fromisoformat(value).astimezone(UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError):
        return "1970-01-01T00:00:00Z"


def unless_empty(name: str, items: list) -> dict[str, list]:
    return {name: items} if items else {}
