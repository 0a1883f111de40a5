"""What stands around the secrets: their keys, the functions that rotate them, and the trail of who read them."""

from dataclasses import dataclass

from chimera_compliance.probes.secrets.account import Account, attempt
from chimera_compliance.probes.secrets.store import StoredSecret
from chimera_compliance.probes.secrets.unseen import Unseen

AWS_KEY = "alias/aws/secretsmanager"
SERVICE = "secretsmanager.amazonaws.com"


@dataclass(frozen=True)
class Key:
    """A KMS key; `turns` is None where it cannot rotate by itself (another origin, or not symmetric)."""

    id: str
    state: str
    customer: bool
    turns: bool | None
    policy: str | Unseen
    observation: str

    @property
    def subject(self) -> str:
        """How findings name it."""
        return f"key {self.id}"

    @property
    def actual(self) -> str:
        """Its state."""
        return self.state


def key(account: Account, identifier: str) -> Key:
    """The key that an id, alias or ARN stands for.

    Raises:
        Unseen: it does not exist, or may not be looked at.
    """
    if identifier == AWS_KEY:  # made by AWS when it is first used, and turned every year
        return Key(identifier, "Enabled", False, True, "", "")
    answer = account.call("kms", "describe_key", KeyId=identifier)
    told = answer["KeyMetadata"]
    customer = told.get("KeyManager", "CUSTOMER") == "CUSTOMER" and not identifier.startswith("alias/aws/")
    found = Key(identifier, told.get("KeyState", "unknown"), customer, True, "", answer["observation"])
    if not customer or found.state != "Enabled":
        return found
    symmetric = told.get("KeySpec", "SYMMETRIC_DEFAULT") == "SYMMETRIC_DEFAULT" and told.get("Origin") == "AWS_KMS"
    arn = told.get("Arn", identifier)
    turns = account.call("kms", "get_key_rotation_status", KeyId=arn)["KeyRotationEnabled"] if symmetric else None
    policy = attempt(account.call, "kms", "get_key_policy", KeyId=arn, PolicyName="default")
    text = policy if isinstance(policy, Unseen) else policy.get("Policy", "")
    return Key(identifier, found.state, customer, turns, text, found.observation)


@dataclass(frozen=True)
class Function:
    """A rotation function: `fault` says why it cannot rotate."""

    arn: str
    fault: str
    observation: str

    @property
    def subject(self) -> str:
        """How findings name it."""
        return f"rotation function {self.arn.rpartition(':function:')[2] or self.arn}"

    @property
    def actual(self) -> str:
        """What is wrong with it."""
        return self.fault


def function(account: Account, arn: str) -> Function:
    """The function that rotates secrets.

    Raises:
        Unseen: it may not be looked at; one that does not exist is a fault.
    """
    try:
        answer = account.call("lambda", "get_function_configuration", FunctionName=arn)
    except Unseen as unseen:
        if unseen.absent:
            return Function(arn, "it does not exist", "")
        raise
    reserved = account.call("lambda", "get_function_concurrency", FunctionName=arn)
    return Function(arn, _fault(account, arn, answer, reserved), answer["observation"])


def _fault(account: Account, arn: str, configuration: dict, reserved: dict) -> str:
    if configuration.get("State", "Active") in ("Failed", "Pending"):
        return f"its state is {configuration['State']}"
    if configuration.get("LastUpdateStatus") == "Failed":
        return "its last update failed"
    if reserved.get("ReservedConcurrentExecutions") == 0:
        return "it is disabled: its reserved concurrency is 0"
    try:
        policy = account.call("lambda", "get_policy", FunctionName=arn).get("Policy", "")
    except Unseen as unseen:
        if not unseen.absent:
            raise
        policy = ""
    return "" if SERVICE in policy else "Secrets Manager may not invoke it"


@dataclass(frozen=True)
class Trail:
    """A CloudTrail trail that covers the region; `gap` says what of the reads of secrets it does not record."""

    name: str
    validated: bool
    gap: str
    observation: str

    @property
    def subject(self) -> str:
        """How findings name it."""
        return f"trail {self.name}"

    @property
    def actual(self) -> str:
        """What is missing."""
        return self.gap or "log file validation is off"


def trails(account: Account) -> list[Trail | Unseen]:
    """Every trail that covers the region, or why one cannot be looked at (another account's may not be).

    Raises:
        Unseen: trails may not be looked at.
    """
    answer = account.call("cloudtrail", "describe_trails", includeShadowTrails=True)
    covering = [
        trail
        for trail in answer.get("trailList", [])
        if trail.get("IsMultiRegionTrail") or trail.get("HomeRegion") == account.region
    ]
    return account.each(lambda trail: attempt(_trail, account, trail, answer["observation"]), covering)


def _trail(account: Account, trail: dict, observation: str) -> Trail:
    arn, home = trail.get("TrailARN") or trail["Name"], trail.get("HomeRegion")
    status = account.call("cloudtrail", "get_trail_status", region=home, Name=arn)
    gap = "it is not logging" if not status.get("IsLogging") else ""
    if error := status.get("LatestDeliveryError"):
        gap = gap or f"it cannot deliver its log files ({error})"
    gap = gap or _unselected(account.call("cloudtrail", "get_event_selectors", region=home, TrailName=arn))
    return Trail(trail["Name"], bool(trail.get("LogFileValidationEnabled")), gap, observation)


def _unselected(selectors: dict) -> str:
    """What keeps a read of a secret, which is a management event, out of the trail."""
    basic, advanced = selectors.get("EventSelectors") or [], selectors.get("AdvancedEventSelectors") or []
    if not basic and not advanced:
        return ""
    for selector in basic:
        kept = selector.get("IncludeManagementEvents", True) and selector.get("ReadWriteType", "All") != "WriteOnly"
        if kept and SERVICE not in (selector.get("ExcludeManagementEventSources") or []):
            return ""
    if any(_selects_reads(selector.get("FieldSelectors") or []) for selector in advanced):
        return ""
    return "it does not record reads of secrets (management events that read)"


def _selects_reads(fields: list[dict]) -> bool:
    named = {field.get("Field"): field for field in fields}
    if "Management" not in named.get("eventCategory", {}).get("Equals", []):
        return False
    reads = named.get("readOnly", {}).get("Equals", ["true"])
    source = named.get("eventSource", {})
    kept = SERVICE not in source.get("NotEquals", []) and SERVICE in source.get("Equals", [SERVICE])
    names = named.get("eventName", {})
    return "true" in reads and kept and "GetSecretValue" not in names.get("NotEquals", []) and not names.get("Equals")


def keys_of(account: Account, secrets: list[StoredSecret]) -> dict[str, Key | Unseen]:
    """The keys that encrypt some secrets, by what the secrets call them."""
    names = list(dict.fromkeys(secret.key or AWS_KEY for secret in secrets))
    return dict(zip(names, account.each(lambda name: attempt(key, account, name), names), strict=True))


def functions_of(account: Account, secrets: list[StoredSecret]) -> dict[str, Function | Unseen]:
    """The functions that rotate some secrets, by ARN."""
    arns = list(dict.fromkeys(secret.rotation.function for secret in secrets if secret.rotation.function))
    return dict(zip(arns, account.each(lambda arn: attempt(function, account, arn), arns), strict=True))
