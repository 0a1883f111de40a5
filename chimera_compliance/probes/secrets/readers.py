"""Who may read the secrets, as IAM itself decides: policies, boundaries and organisation rules together.

The simulation is AWS's own (iam:SimulatePrincipalPolicy); nothing is read. Resource policies are judged by themselves.
"""

import fnmatch
from dataclasses import dataclass

from chimera_compliance.probes.secrets.account import Account, attempt
from chimera_compliance.probes.secrets.store import StoredSecret
from chimera_compliance.probes.secrets.unseen import Unseen

READ = "secretsmanager:GetSecretValue"
_MOST = 300


@dataclass(frozen=True)
class Reader:
    """A role or user, and the secrets that it may read."""

    arn: str
    name: str
    may_read: tuple[str, ...]
    observation: str

    @property
    def subject(self) -> str:
        """How findings name it."""
        return f"{'role' if ':role/' in self.arn else 'user'} {self.name}"

    @property
    def actual(self) -> str:
        """What it may read."""
        return f"{len(self.may_read)} secrets, such as {self.may_read[0]}" if self.may_read else "none"

    def is_among(self, patterns: list[str]) -> bool:
        """Whether it is declared, by name or ARN."""
        return any(fnmatch.fnmatchcase(one, pattern) for pattern in patterns for one in (self.name, self.arn))


@dataclass(frozen=True)
class Readers:
    """Everybody whose access was simulated, and those whose was not, with the reason."""

    readers: list[Reader]
    unseen: dict[str, Unseen]


def readers(account: Account, secrets: list[StoredSecret]) -> Readers:
    """Ask IAM for each role and user.

    Raises:
        Unseen: nobody can be listed or simulated here.
    """
    found = [
        (item["Arn"], item[name], item.get("Path", "/"))
        for operation, key, name in (("list_roles", "Roles", "RoleName"), ("list_users", "Users", "UserName"))
        for item in account.pages("iam", operation, key, MaxItems=100)
    ]
    own = [one for one in found if not one[2].startswith("/aws-service-role/")]
    if not own or not secrets:
        return Readers([], {})
    first = _simulated(account, secrets, own[0])  # what is unsupported for one is for all of them
    rest = account.each(lambda one: attempt(_simulated, account, secrets, one), own[1:_MOST])
    results = [first, *rest]
    unseen = {one[1]: result for one, result in zip(own, results, strict=False) if isinstance(result, Unseen)}
    for one in own[_MOST:]:
        unseen[one[1]] = Unseen("iam:SimulatePrincipalPolicy", "many", f"there are more than {_MOST} roles and users")
    return Readers([result for result in results if isinstance(result, Reader)], unseen)


def _simulated(account: Account, secrets: list[StoredSecret], one: tuple[str, str, str]) -> Reader:
    names = {secret.arn: secret.name for secret in secrets}
    allowed: list[str] = []
    observation = ""
    arns = list(names)
    for at in range(0, len(arns), 50):
        answer = account.call(
            "iam",
            "simulate_principal_policy",
            PolicySourceArn=one[0],
            ActionNames=[READ],
            ResourceArns=arns[at : at + 50],
        )
        observation = observation or answer["observation"]
        for result in answer.get("EvaluationResults", []):
            specific = result.get("ResourceSpecificResults") or []
            for single in specific or [{**result, "EvalResourceDecision": result.get("EvalDecision")}]:
                arn = single.get("EvalResourceName", "")
                allowed += [names.get(arn, arn)] if single.get("EvalResourceDecision") == "allowed" else []
    return Reader(one[0], one[1], tuple(dict.fromkeys(allowed)), observation)
