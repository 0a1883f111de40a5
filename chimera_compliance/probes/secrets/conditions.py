"""What a condition confines a statement to: an organisation, accounts, networks; or nothing that binds.

Keys that the caller's context may lack do not bind under ``…IfExists`` or ``ForAllValues:``, which hold without them
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition.html).
"""

import ipaddress
import re

_POSITIVE = ("stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike", "ipaddress")
_NEGATIVE = (
    "stringnotequals",
    "stringnotequalsignorecase",
    "stringnotlike",
    "arnnotequals",
    "arnnotlike",
    "notipaddress",
)
_ACCOUNTS = ("aws:principalaccount", "aws:sourceaccount", "aws:sourceowner", "kms:calleraccount")
_ARNS = ("aws:principalarn", "aws:sourcearn")
_PLACES = (
    *("aws:principalorgid", "aws:principalorgpaths", "aws:sourceorgid", "aws:sourceorgpaths"),
    *("aws:sourcevpc", "aws:sourcevpce", "aws:sourcevpcarn", "aws:userid", "aws:sourceip"),
)
_BARE = re.compile(r"[*?/]*")


def confined_to(condition: object, *, negated: bool = False) -> list[str] | None:
    """The accounts and principals that a condition confines to, none of them for an organisation or a network.

    `negated` is for a Deny: whom it spares. None if the condition confines to nothing.
    """
    if not isinstance(condition, dict):
        return None
    found = []
    for operator, keys in condition.items():
        for key, values in keys.items() if isinstance(keys, dict) else ():
            listed = [str(one) for one in (values if isinstance(values, list) else [values])]
            found.append(_confined(operator.lower(), key.lower(), listed, negated))
    if negated:  # all of a Deny's conditions must hold for it to deny, so each of them may spare somebody
        return found[0] if len(found) == 1 else None
    binding = [one for one in found if one is not None]
    return min(binding, key=len) if binding else None


def _confined(operator: str, key: str, values: list[str], negated: bool) -> list[str] | None:
    qualifier, _, bare = operator.rpartition(":")
    if not negated and (bare.endswith("ifexists") or qualifier == "forallvalues"):
        return None
    if bare.removesuffix("ifexists") not in (_NEGATIVE if negated else _POSITIVE) or not values:
        return None
    if any(_BARE.fullmatch(value) for value in values):
        return None
    if key in _ACCOUNTS:
        return values if all(re.fullmatch(r"\d{12}", value) for value in values) else None
    if key in _ARNS:
        return values if all(re.match(r"arn:[\w-]+:[\w-]+:[\w-]*:\d{12}:", value) for value in values) else None
    if key == "aws:sourceip":
        return [] if all(map(_is_narrow, values)) else None
    return [] if key in _PLACES else None


def _is_narrow(network: str) -> bool:
    """Not the whole internet, nor a half or an eighth of it."""
    try:
        parsed = ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
    return parsed.prefixlen >= (8 if parsed.version == 4 else 16)
