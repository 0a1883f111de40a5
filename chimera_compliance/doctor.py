"""Reaches every facet of a target before a run does, and names what is missing. Changes nothing."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from chimera_compliance.errors import EXIT_CLEAN, EXIT_INCOMPLETE, ConfigurationError
from chimera_compliance.journal import Journal
from chimera_compliance.outcomes import Inconclusive, NotReviewed
from chimera_compliance.target import Target
from chimera_compliance.verdict import first_line


@dataclass(frozen=True)
class Diagnosis:
    """One thing that was tried: whether it works, and what was seen or must be done."""

    facet: str
    fine: bool
    text: str


def doctor(target_file: Path | None, write_line: Callable[[str], None]) -> int:
    """Examine a target, or the embedded reference stack if there is none; 0 if nothing is missing, else 2.

    Raises:
        ConfigurationError: the target file cannot be used.
    """
    with _target(target_file) as target:
        redact = Journal().redact
        diagnoses = []
        for diagnosis in examine(target):
            diagnoses.append(diagnosis)
            write_line(redact(f"{'ok  ' if diagnosis.fine else 'MISS'}  {diagnosis.facet:<5} {diagnosis.text}"))
    return EXIT_CLEAN if all(diagnosis.fine for diagnosis in diagnoses) else EXIT_INCOMPLETE


def iam_policy(target_file: Path | None) -> dict:
    """The IAM policy that the credentials of a target's aws section need, or of any account if there is no target.

    Raises:
        ConfigurationError: the target file cannot be used.
    """
    from chimera_compliance.probes.secrets.calls import policy

    return policy(Target.load(target_file).aws if target_file else None)


@contextmanager
def _target(file: Path | None) -> Iterator[Target]:
    if file is not None:
        yield Target.load(file)
        return
    from chimera_compliance.stack import Stack, StackError

    try:
        with Stack.start() as stack:
            yield Target.load(stack.boot().target)
    except StackError as error:
        raise ConfigurationError(str(error)) from None


def examine(target: Target) -> Iterator[Diagnosis]:
    """Each facet that the target has, one after the other; a failure of one does not hide the next."""
    for facet, examination in {"api": _api, "db": _db, "aws": _aws, "repo": _repo}.items():
        if facet not in target.facets:
            yield Diagnosis(facet, True, "not in the target file: its requirements will be not reviewed")
            continue
        try:
            yield from examination(target)
        except Exception as error:  # whatever a facet's library raises, the others are still examined
            yield Diagnosis(facet, False, f"{first_line(error)}")


def _api(target: Target) -> Iterator[Diagnosis]:
    from chimera_compliance.probes.http.api import Api
    from chimera_compliance.probes.openapi.operations import load_operations
    from chimera_compliance.probes.principals.principal import load_principals

    journal = Journal()
    with Api(target, journal) as api:
        principals = load_principals(target, journal)
        try:
            operations = load_operations(target, api, principals)
            public = sum(operation.public for operation in operations)
            yield Diagnosis(
                "api", True, f"{target.api.base_url}: {len(operations)} operations, {public} of them public"
            )
        except (Inconclusive, NotReviewed) as error:
            yield Diagnosis("api", False, first_line(error))
        for name in ("alice", "bob"):
            yield _principal(name, principals)
    if not target.scope.writes:
        yield Diagnosis("api", True, "scope.writes is off: operations that change data are only probed harmlessly")


def _principal(name: str, principals: dict) -> Diagnosis:
    if name not in principals:
        return Diagnosis("api", False, f"no principal {name}: name one under principals")
    try:
        return Diagnosis("api", bool(principals[name].token), f"a token for {name} was obtained")
    except Exception as error:
        return Diagnosis("api", False, f"no token for {name}: {first_line(error)}")


_ROLE = """
SELECT current_user, current_setting('server_version'), r.rolsuper, r.rolbypassrls,
       current_setting('is_superuser') = 'on', pg_is_in_recovery()
FROM pg_roles r WHERE r.rolname = current_user
"""

_BECOMES = "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s AND pg_has_role(current_user, oid, 'MEMBER'))"


def _db(target: Target) -> Iterator[Diagnosis]:
    import psycopg

    settings, application = target.db, ""
    for label, dsn in (("application's login", settings.dsn), ("catalog login", settings.catalog_dsn)):
        if dsn is None:
            yield Diagnosis(
                "db", False, "no catalog_dsn: canary rows cannot be planted, so behaviour is judged less deeply"
            )
            continue
        try:
            with psycopg.connect(target.dsn(dsn), connect_timeout=int(target.scope.timeout_seconds)) as connection:
                connection.read_only = True
                user, version, superuser, bypass, *_, replica = connection.execute(_ROLE).fetchone()
                becomes = not application or connection.execute(_BECOMES, [application]).fetchone()[0]
        except psycopg.Error as error:
            yield Diagnosis("db", False, f"{label}: {first_line(error)}")
            continue
        yield Diagnosis(
            "db", True, f"{label}: {user} on PostgreSQL {version}{', a read-only replica' if replica else ''}"
        )
        if label == "catalog login" and not (superuser or bypass):
            yield Diagnosis("db", False, f"catalog login: {user} does not see every row: give it BYPASSRLS")
        if label == "catalog login" and not becomes:
            yield Diagnosis(
                "db", False, f"catalog login: {user} may not become {application}: GRANT {application} TO {user}"
            )
        application = application or user


def _aws(target: Target) -> Iterator[Diagnosis]:
    from chimera_compliance.probes.secrets.account import Account, attempt
    from chimera_compliance.probes.secrets.secrets_manager import SecretsManager
    from chimera_compliance.probes.secrets.unseen import Unseen

    with Account(target, Journal()) as account:
        yield Diagnosis("aws", True, f"the credentials are those of account {account.identify()}")
        for action, look in _LOOKS.items():
            seen = attempt(look, account)
            yield Diagnosis(
                "aws", not isinstance(seen, Unseen), seen.reason if isinstance(seen, Unseen) else f"{action} is allowed"
            )
        holdings = SecretsManager(account).holdings()
        for name in [wanted.name for wanted in holdings.absent] + list(holdings.unseen):
            yield Diagnosis("aws", False, f"required secret {name} is not in {account.region}, or cannot be described")
    if target.aws.application is None:
        yield Diagnosis("aws", True, "no aws.application: how the application keeps its secrets will be not reviewed")


_LOOKS = {
    "secretsmanager:ListSecrets": lambda account: account.call("secretsmanager", "list_secrets", MaxResults=1),
    "cloudtrail:DescribeTrails": lambda account: account.call("cloudtrail", "describe_trails"),
    "iam:ListRoles": lambda account: account.call("iam", "list_roles", MaxItems=1),
    "lambda:ListFunctions": lambda account: account.call("lambda", "list_functions"),
    "ecs:ListTaskDefinitions": lambda account: account.call("ecs", "list_task_definitions"),
    "ssm:DescribeParameters": lambda account: account.call("ssm", "describe_parameters", MaxResults=1),
    "ec2:DescribeInstances": lambda account: account.call("ec2", "describe_instances", MaxResults=5),
}


def _repo(target: Target) -> Iterator[Diagnosis]:
    path = target.file(target.repo.path)
    for question, wrong in (("--git-dir", None), ("--is-shallow-repository", "true")):
        answer = subprocess.run(
            ["git", "-C", path, "rev-parse", question], capture_output=True, text=True, timeout=30, check=False
        )
        if answer.returncode:
            yield Diagnosis("repo", False, f"{path} is not a git repository")
            return
        if answer.stdout.strip() == wrong:
            yield Diagnosis("repo", False, f"{path} is a shallow clone: fetch the whole history")
            return
    yield Diagnosis("repo", True, f"{path} is a git repository with its history")
