"""Where values lie in plain text: task definitions, functions, parameters, user data; each setting with its value.

Values are held in memory for comparing and are not part of any representation.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from chimera_compliance.probes.secrets.account import Account, attempt
from chimera_compliance.probes.secrets.unseen import Unseen
from chimera_compliance.probes.secrets.user_data import decoded

_MOST = 500


@dataclass(frozen=True)
class Setting:
    """One value in plain text: `place` says of what, `name` what it is called there (empty for a whole script)."""

    place: str
    name: str
    value: str | bytes = field(repr=False)
    observation: str = ""

    @property
    def subject(self) -> str:
        """How findings name it."""
        return f"{self.place} {self.name}".strip()


@dataclass(frozen=True)
class Places:
    """Everything of one kind: the places looked at, the settings in them, and what could not be looked at."""

    kind: str
    looked_at: list[str]
    settings: list[Setting]
    unseen: dict[str, Unseen]


def _gathered(kind: str, account: Account, look) -> Places:
    """The same look into every region."""
    looked_at, settings, unseen = [], [], {}
    for region in account.regions:
        found = attempt(look, account, region)
        if isinstance(found, Unseen):
            unseen[f"{kind} of {region}"] = found
            continue
        for place, inside in found:
            if isinstance(inside, Unseen):
                unseen[place] = inside
            else:
                looked_at.append(place)
                settings += inside
    return Places(kind, looked_at, settings, unseen)


def task_definitions(account: Account) -> Places:
    """What containers get from active ECS task definitions: environment, command, labels, log options."""
    return _gathered("task definitions", account, _task_definitions)


def functions(account: Account) -> Places:
    """The environments of Lambda functions, published versions included."""
    return _gathered("functions", account, _functions)


def parameters(account: Account) -> Places:
    """Parameters of Systems Manager that are not encrypted (String and StringList)."""
    return _gathered("parameters", account, _parameters)


def user_data(account: Account) -> Places:
    """What instances and launch templates are started with."""
    return _gathered("user data", account, _user_data)


def _task_definitions(account: Account, region: str) -> Iterable:
    arns = list(account.pages("ecs", "list_task_definitions", "taskDefinitionArns", region=region, status="ACTIVE"))
    found = account.each(lambda arn: (_short(arn), attempt(_containers, account, region, arn)), arns[-_MOST:])
    return [*found, *(_too_many(arn) for arn in arns[:-_MOST])]


def _containers(account: Account, region: str, arn: str) -> list[Setting]:
    answer = account.call("ecs", "describe_task_definition", region=region, taskDefinition=arn)
    place = _short(arn)
    return [
        Setting(f"{place} container {container.get('name')}", name, value, answer["observation"])
        for container in answer["taskDefinition"].get("containerDefinitions", [])
        for name, value in _in_container(container)
    ]


def _in_container(container: dict) -> Iterator[tuple[str, str]]:
    for one in container.get("environment") or []:
        yield one.get("name", ""), one.get("value", "")
    yield from (container.get("dockerLabels") or {}).items()
    yield from ((container.get("logConfiguration") or {}).get("options") or {}).items()
    for words in ("command", "entryPoint"):
        yield from from_words(container.get(words) or [], words)
    yield from from_words((container.get("healthCheck") or {}).get("command") or [], "healthCheck")


def from_words(words: list[str], name: str) -> Iterator[tuple[str, str]]:
    """The options of a command line: `--password x`, `--password=x`, `PASSWORD=x`; other words stand for themselves."""
    before = ""
    for word in map(str, words):
        option, equals, value = word.partition("=")
        if equals and option.lstrip("-").replace("-", "").replace("_", "").isalnum():
            yield f"{name} {option}", value
        elif before.startswith("-") and not word.startswith("-"):
            yield f"{name} {before}", word
        else:
            yield name, word
        before = word


def _functions(account: Account, region: str) -> Iterable:
    for item in account.pages("lambda", "list_functions", "Functions", region=region, FunctionVersion="ALL"):
        version = item.get("Version", "$LATEST")
        place = f"function {item['FunctionName']}" + ("" if version == "$LATEST" else f" version {version}")
        environment = item.get("Environment") or {}
        if error := environment.get("Error"):
            code = str(error.get("ErrorCode", "an error"))
            yield place, Unseen("lambda:ListFunctions", code, f"its environment cannot be decrypted ({code})")
            continue
        variables = environment.get("Variables") or {}
        yield place, [Setting(place, name, value, item["observation"]) for name, value in variables.items()]


def _parameters(account: Account, region: str) -> Iterable:
    plain = [
        item["Name"]
        for item in account.pages("ssm", "describe_parameters", "Parameters", region=region, MaxResults=50)
        if item.get("Type") != "SecureString"
    ]
    batches = [plain[at : at + 10] for at in range(0, len(plain), 10)]
    for batch, answer in zip(
        batches, account.each(lambda names: _values(account, region, names), batches), strict=True
    ):
        for name in batch:
            if isinstance(answer, Unseen):
                yield f"parameter {name}", answer
            elif name in answer:
                value, observation = answer[name]
                yield f"parameter {name}", [Setting(f"parameter {name}", "", value, observation)]
            else:
                yield f"parameter {name}", Unseen("ssm:GetParameters", "missing", "it was not returned")


def _values(account: Account, region: str, names: list[str]) -> dict[str, tuple[str, str]] | Unseen:
    answer = attempt(account.call, "ssm", "get_parameters", region=region, Names=names)
    if isinstance(answer, Unseen):
        return answer
    return {one["Name"]: (one.get("Value", ""), answer["observation"]) for one in answer.get("Parameters", [])}


def _user_data(account: Account, region: str) -> Iterable:
    reservations = account.pages("ec2", "describe_instances", "Reservations", region=region, MaxResults=1000)
    instances = [
        instance["InstanceId"]
        for reservation in reservations
        for instance in reservation.get("Instances", [])
        if instance.get("State", {}).get("Name") != "terminated"
    ]
    yield from account.each(lambda id: (f"instance {id}", attempt(_started_with, account, region, id)), instances)
    versions = account.pages(
        "ec2",
        "describe_launch_template_versions",
        "LaunchTemplateVersions",
        region=region,
        Versions=["$Latest", "$Default"],
    )
    seen = set()
    for version in versions:
        place = f"launch template {version.get('LaunchTemplateName')} version {version.get('VersionNumber')}"
        if place not in seen:
            text = (version.get("LaunchTemplateData") or {}).get("UserData") or ""
            yield place, decoded(place, text, version["observation"])
        seen.add(place)


def _started_with(account: Account, region: str, instance: str) -> list[Setting]:
    answer = account.call(
        "ec2", "describe_instance_attribute", region=region, InstanceId=instance, Attribute="userData"
    )
    return decoded(f"instance {instance}", (answer.get("UserData") or {}).get("Value") or "", answer["observation"])


def _short(arn: str) -> str:
    return f"task definition {arn.rpartition('/')[2]}"


def _too_many(arn: str) -> tuple[str, Unseen]:
    return _short(arn), Unseen("ecs:DescribeTaskDefinition", "many", f"only the last {_MOST} are looked at")
