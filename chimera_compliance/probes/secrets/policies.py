"""Whom a resource policy admits: the public, other accounts, or nobody from outside.

Statements are read together: what a Deny takes back from everybody but one's own is not granted
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html).
"""

import fnmatch
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from chimera_compliance.probes.secrets.conditions import confined_to

_ACCOUNT = re.compile(r"\d{12}")
_ARN = re.compile(r"arn:[\w-]+:(?:iam|sts):[\w-]*:(\d{12}|\*|):(.+)")


@dataclass(frozen=True)
class Admission:
    """Somebody from outside whom a statement admits; `account` is empty for everybody."""

    principal: str
    statement: str
    actions: str
    account: str = ""

    @property
    def public(self) -> bool:
        """Whether it is everybody."""
        return not self.account


@dataclass(frozen=True)
class Trusted:
    """Whose own the resource is, and who else may be named."""

    account: str
    accounts: tuple[str, ...] = ()
    principals: tuple[str, ...] = ()

    def holds(self, account: str, principal: str) -> bool:
        """Whether this principal may be named."""
        return account in (self.account, *self.accounts) or any(
            fnmatch.fnmatchcase(principal, pattern) for pattern in self.principals
        )


def outsiders(text: str, trusted: Trusted) -> list[Admission]:
    """Everybody from outside whom the policy admits.

    Raises:
        ValueError: it is no policy document.
    """
    document = json.loads(text)
    statements = _listed(document.get("Statement")) if isinstance(document, dict) else []
    if not statements or not all(isinstance(statement, dict) for statement in statements):
        raise ValueError("it has no statements")
    denials = [statement for statement in statements if statement.get("Effect") == "Deny"]
    admitted = []
    for number, statement in enumerate(statements, 1):
        if statement.get("Effect") == "Allow":
            left = list(_admitted(statement, number, trusted))
            admitted += [
                one for one in left if not any(_takes_back(denial, statement, one, trusted) for denial in denials)
            ]
    return admitted


def _admitted(statement: dict, number: int, trusted: Trusted) -> Iterator[Admission]:
    label = str(statement.get("Sid") or f"number {number}")
    actions = ", ".join(map(str, _listed(statement.get("Action")))) or "NotAction"
    if "NotPrincipal" in statement:
        yield Admission("everybody but " + ", ".join(map(str, _named(statement["NotPrincipal"]))), label, actions)
        return
    confined = confined_to(statement.get("Condition"))
    for principal in _named(statement.get("Principal")):
        account = _account_of(principal)
        if account is None:  # a service, or the id of somebody who was deleted
            continue
        if account != "*":
            if not trusted.holds(account, principal):
                yield Admission(principal, label, actions, account)
        elif confined is None:
            yield Admission(principal, label, actions)
        else:
            foreign = [one for one in confined if not trusted.holds(_account_of(one) or one, one)]
            yield from (Admission(one, label, actions, _account_of(one) or one) for one in foreign)


def _named(principal: object) -> list[str]:
    """The principals of a statement that are no services: ``*``, accounts, ARNs, federated providers."""
    if isinstance(principal, str):
        return [principal]
    if not isinstance(principal, dict):
        return []
    kinds = ("AWS", "Federated", "CanonicalUser")
    return [str(one) for kind, named in principal.items() if kind in kinds for one in _listed(named)]


def _account_of(principal: str) -> str | None:
    """The account, ``*`` for every one, or None for what nobody can be."""
    if principal == "*" or _ACCOUNT.fullmatch(principal):
        return principal
    if arn := _ARN.fullmatch(principal):
        return arn[1] or "*"
    if re.fullmatch(r"[\w.-]+\.\w+", principal):  # a web identity provider, such as accounts.google.com
        return "*"
    return None


def _takes_back(denial: dict, statement: dict, admission: Admission, trusted: Trusted) -> bool:
    """Whether a Deny takes from this principal all that the statement gives."""
    if not _covers(denial, statement):
        return False
    spared = _named(denial.get("NotPrincipal")) if "NotPrincipal" in denial else None
    if spared is not None:
        everybody = {_account_of(one) for one in spared}
        return not denial.get("Condition") and "*" not in everybody and admission.principal not in spared
    if not {"*", admission.principal, admission.account} & set(_named(denial.get("Principal"))):
        return False
    condition = denial.get("Condition")
    if not condition:
        return True
    spared = confined_to(condition, negated=True)
    return spared is not None and all(trusted.holds(_account_of(one) or one, one) for one in spared)


def _covers(denial: dict, statement: dict) -> bool:
    if "NotAction" in denial or "NotResource" in denial:
        return False
    given = [str(action).lower() for action in _listed(statement.get("Action"))]
    taken = [str(action).lower() for action in _listed(denial.get("Action"))]
    whole = "*" in taken or f"{given[0].partition(':')[0]}:*" in taken if given else "*" in taken
    return whole or (bool(given) and all(any(fnmatch.fnmatchcase(one, other) for other in taken) for one in given))


def _listed(value: object) -> list:
    return value if isinstance(value, list) else [] if value is None else [value]
