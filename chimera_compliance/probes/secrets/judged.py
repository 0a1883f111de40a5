"""What of the facts about stored secrets offends, as problems that a check can reject."""

from collections.abc import Callable, Iterator
from contextlib import suppress

from chimera_compliance.coverage import Coverage
from chimera_compliance.outcomes import Problem
from chimera_compliance.probes.secrets.estate import Estate
from chimera_compliance.probes.secrets.guards import AWS_KEY, Function, Key
from chimera_compliance.probes.secrets.needles import is_placeholder
from chimera_compliance.probes.secrets.schedule import longest_days
from chimera_compliance.probes.secrets.store import StoredSecret, StoredValue, days_since
from chimera_compliance.probes.secrets.unseen import Unseen
from chimera_compliance.target.aws import AwsFacet

_WINDOW_DAYS = 1.0  # rotation comes within a window of the day that it is due
_IN_PROGRESS_DAYS = 1 / 24


def values(aws: Estate, secrets: list[StoredSecret], coverage: Coverage) -> Iterator[Problem]:
    """Values that cannot be what the stack uses."""
    owners: dict[bytes, str] = {}
    for secret in (one for one in secrets if one.deleted is None):
        match found := aws.vault.current[secret.name]:
            case Unseen() if found.absent:
                coverage.tested(secret)
                yield Problem(secret.subject, "has no value in force", "a value", "none", secret.observation)
            case Unseen():
                coverage.untested(secret, found.reason)
            case StoredValue():
                coverage.tested(secret)
                if fault := _fault(aws, secret, found.value.octets, owners):
                    yield Problem(
                        secret.subject, "does not hold the real secret", "its own value", fault, found.observation
                    )


def _fault(aws: Estate, secret: StoredSecret, octets: bytes, owners: dict[bytes, str]) -> str:
    text = octets.decode("utf-8", "replace")
    if is_placeholder(text):
        return "a placeholder" if text.strip() else "an empty value"
    if (other := owners.setdefault(octets, secret.name)) != secret.name:
        return f"the same value as {other}"
    own = secret.wanted.value if secret.wanted else None
    if own and aws.account.target.secret(own) not in text:
        return "another value than the stack uses"
    return ""


def slow_rules(settings: AwsFacet, secrets: list[StoredSecret], coverage: Coverage) -> Iterator[Problem]:
    """Rules that let a value live for too long."""
    for secret in secrets:
        most = _most(settings, secret)
        try:
            days = longest_days(secret.rotation.rules)
        except ValueError as error:
            coverage.untested(secret, str(error))
            continue
        if days is None and not secret.rotation.managed:
            coverage.untested(secret, "its rotation has no rule that can be read")
        if days is not None and days > most:
            text = f"every {days:g} days ({secret.rotation.text})"
            yield Problem(secret.subject, "is rotated too seldom", f"every {most} days", text, secret.observation)


def overdue(aws: Estate, secrets: list[StoredSecret], coverage: Coverage) -> Iterator[Problem]:
    """Secrets whose value is older than their rule, or than is allowed at all."""
    for secret in secrets:
        most, rule = float(_most(aws.settings, secret)), secret.rotation
        with suppress(ValueError):  # a rule that cannot be read is told by the requirement about rules
            most = min(most, (longest_days(rule.rules) if rule.on else None) or most)
        found = aws.vault.current.get(secret.name)
        last = rule.last or (found.created if isinstance(found, StoredValue) else None) or secret.created
        age = days_since(last)
        if age is None:
            coverage.untested(secret, "the store does not say when it was made or rotated")
            continue
        never = rule.on and rule.last is None and (days_since(secret.created) or 0) > most + _WINDOW_DAYS
        missed = rule.on and rule.next is not None and (days_since(rule.next) or 0) > _WINDOW_DAYS
        if age > most + _WINDOW_DAYS or missed or (never and rule.next is None):
            seen = f"last rotated {age:.0f} days ago" if rule.last else f"never rotated, in force for {age:.0f} days"
            yield Problem(secret.subject, "was not rotated in time", f"within {most:g} days", seen, secret.observation)


def unchanged(aws: Estate, secrets: list[StoredSecret], coverage: Coverage) -> Iterator[Problem]:
    """Secrets that hold after a rotation what they held before."""
    for secret in secrets:
        before, now = aws.vault.previous.get(secret.name), aws.vault.current.get(secret.name)
        unseen = next((one for one in (before, now) if isinstance(one, Unseen) and not one.absent), None)
        if unseen:
            coverage.untested(secret, unseen.reason)
            continue
        coverage.tested(secret)
        if isinstance(before, StoredValue) and isinstance(now, StoredValue) and before.value.octets == now.value.octets:
            yield Problem(
                secret.subject, "was rotated into the same value", "a new value", "the previous one", now.observation
            )


def stuck(aws: Estate, secrets: list[StoredSecret], coverage: Coverage) -> Iterator[Problem]:
    """Secrets of which a version waits longer than a rotation takes."""
    since = aws.pending_since
    for secret in secrets:
        made = since.get(secret.name)
        if secret.name not in since:
            coverage.tested(secret)
        elif isinstance(made, Unseen):
            coverage.untested(secret, made.reason)
        elif made is not None and days_since(made) < _IN_PROGRESS_DAYS and _is_due(secret):
            coverage.untested(secret, "a rotation is in progress: run again in an hour")
        else:
            text = f"AWSPENDING for {days_since(made):.0f} days" if made else "AWSPENDING"
            yield Problem(
                secret.subject, "is stuck half-way through a rotation", "no pending version", text, secret.observation
            )


def _is_due(secret: StoredSecret) -> bool:
    """Whether a rotation is due now, so that one may be seen half-way; a version that nobody ordered is none."""
    until = days_since(secret.rotation.next)
    return until is None or abs(until) <= _WINDOW_DAYS


def broken_functions(aws: Estate, secrets: list[StoredSecret], coverage: Coverage) -> Iterator[Function | Problem]:
    """Functions that cannot rotate, each told once; secrets that have none and need one."""
    functions = aws.functions
    for secret in secrets:
        rotation = secret.rotation
        if rotation.function:
            found = functions[rotation.function]
            if isinstance(found, Unseen):
                coverage.untested(f"rotation function of {secret.name}", found.reason)
                continue
        elif not rotation.managed:
            yield Problem(secret.subject, "has no rotation function", "a function", "none", secret.observation)
        coverage.tested(secret)
    used = {secret.rotation.function for secret in secrets}
    yield from (one for arn, one in functions.items() if arn in used and isinstance(one, Function) and one.fault)


def bad_keys(aws: Estate, secrets: list[StoredSecret], coverage: Coverage) -> Iterator[Problem]:
    """Keys that are missing, disabled or going, and AWS's own where one's own is required."""
    keys = aws.keys
    for secret in secrets:
        found, name = keys[secret.key or AWS_KEY], secret.key or AWS_KEY
        if isinstance(found, Unseen) and not found.absent:
            coverage.untested(secret, found.reason)
            continue
        coverage.tested(secret)
        own = secret.wanted.customer_managed_key if secret.wanted else None
        if isinstance(found, Unseen):
            yield Problem(
                secret.subject, "is encrypted with a key that is gone", "an enabled key", name, secret.observation
            )
        elif found.state != "Enabled":
            text = f"{name}: {found.state}"
            yield Problem(secret.subject, "is encrypted with a bad key", "an enabled key", text, found.observation)
        elif not found.customer and (aws.settings.customer_managed_key if own is None else own):
            yield Problem(
                secret.subject, "is encrypted with AWS's key", "a customer-managed key", name, secret.observation
            )


def still_keys(aws: Estate, secrets: list[StoredSecret], coverage: Coverage) -> list[Key]:
    """Customer-managed keys that could rotate and do not."""
    offending = []
    for name in dict.fromkeys(secret.key or AWS_KEY for secret in secrets):
        found = aws.keys[name]
        if isinstance(found, Unseen):
            coverage.untested(f"key {name}", found.reason)
        elif found.state == "Enabled":  # imported or external material has nobody to turn it but its owner
            coverage.tested(found)
            offending += [found] if found.turns is False else []
    if not coverage.decided and not coverage.undecided:
        coverage.untested("the keys", "none of them is enabled")
    return offending


def admitted(
    aws: Estate, secrets: list[StoredSecret], find: Callable[[str], list], coverage: Coverage
) -> Iterator[Problem]:
    """Whom the policies of secrets and of their keys admit, as `find` picks them."""
    policies = [(secret.subject, aws.policies[secret.name]) for secret in secrets]
    policies += [
        (key.subject, key.policy if isinstance(key.policy, Unseen) else (key.policy, key.observation))
        for key in aws.keys.values()
        if isinstance(key, Key)
    ]
    for subject, policy in policies:
        if isinstance(policy, Unseen):
            coverage.untested(f"policy of {subject}", policy.reason)
            continue
        text, observation = policy
        try:
            found = find(text) if text else []
        except ValueError:
            coverage.untested(f"policy of {subject}", "it cannot be read as a policy")
            continue
        coverage.tested(subject)
        for one in found:
            seen = f"{one.principal} may {one.actions} (statement {one.statement})"
            whom = "everybody" if one.public else f"account {one.account}"
            yield Problem(subject, f"admits {whom} by its policy", "principals of this account", seen, observation)


def missing_replicas(settings: AwsFacet, secrets: list[StoredSecret]) -> Iterator[Problem]:
    """Required regions without a replica that is in step."""
    for secret in secrets:
        own = secret.wanted.replica_regions if secret.wanted else None
        for region in settings.replica_regions if own is None else own:
            if (status := secret.replicas.get(region, "none")) != "InSync":
                yield Problem(secret.subject, f"has no replica in {region}", "InSync", status, secret.observation)


def _most(settings: AwsFacet, secret: StoredSecret) -> int:
    own = secret.wanted.max_rotation_days if secret.wanted else None
    return settings.max_rotation_days if own is None else own
