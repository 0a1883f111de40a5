"""AWS Secrets Manager as a store of secrets."""

import fnmatch
from dataclasses import replace
from datetime import UTC, datetime

from chimera_compliance.probes.secrets.account import Account, attempt
from chimera_compliance.probes.secrets.needles import SecretValue
from chimera_compliance.probes.secrets.store import Holdings, Rotation, StoredSecret, StoredValue
from chimera_compliance.probes.secrets.unseen import Unseen
from chimera_compliance.target.aws import RequiredSecret

_EXTERNAL = ("ExternalSecretRotationRoleArn", "ExternalSecretRotationMetadata")


class SecretsManager:
    """The secrets of an account in its region."""

    def __init__(self, account: Account):
        self._account = account

    def holdings(self) -> Holdings:
        """What the account holds of what the target file requires; of everything if it requires nothing.

        Secrets are listed once; each required one is then described by itself, for its replicas and in case that
        listing is denied.
        """
        required = self._account.settings.required
        listed = attempt(self._listed)
        if not required:
            if isinstance(listed, Unseen):
                raise listed
            return Holdings([replace(secret, wanted=RequiredSecret(name=secret.name)) for secret in listed], [], {}, [])
        present, absent, unseen = [], [], {}
        for wanted, found in self._account.each(
            lambda wanted: self._found(wanted, listed), _unpacked(required, listed)
        ):
            match found:
                case Unseen():
                    unseen[wanted.name] = found
                case None:
                    absent.append(wanted)
                case StoredSecret():
                    present.append(found)
        if isinstance(listed, Unseen):
            return Holdings(present, absent, unseen, listed)
        taken = {secret.arn for secret in present}
        return Holdings(present, absent, unseen, [secret for secret in listed if secret.arn not in taken])

    def value(self, secret: StoredSecret, stage: str = "AWSCURRENT") -> StoredValue:
        """The value of the version with a staging label.

        Raises:
            Unseen: it cannot be read, or there is none.
        """
        answer = self._account.call("secretsmanager", "get_secret_value", SecretId=secret.arn, VersionStage=stage)
        text = answer.get("SecretString")
        label = secret.name if stage == "AWSCURRENT" else f"{secret.name} ({stage.removeprefix('AWS').lower()})"
        value = SecretValue(
            label, text.encode("utf-8", "surrogatepass") if text is not None else answer.get("SecretBinary", b"")
        )
        return StoredValue(value, _time(answer.get("CreatedDate")), answer["observation"])

    def version_created(self, secret: StoredSecret, version: str) -> datetime | None:
        """When a version was made.

        Raises:
            Unseen: versions cannot be listed.
        """
        versions = self._account.pages("secretsmanager", "list_secret_version_ids", "Versions", SecretId=secret.arn)
        return next((_time(one.get("CreatedDate")) for one in versions if one.get("VersionId") == version), None)

    def policy(self, secret: StoredSecret) -> tuple[str, str]:
        """Its resource policy, empty if it has none, and the observation.

        Raises:
            Unseen: it cannot be read.
        """
        answer = self._account.call("secretsmanager", "get_resource_policy", SecretId=secret.arn)
        return answer.get("ResourcePolicy") or "", answer["observation"]

    def _listed(self) -> list[StoredSecret]:
        options = {"IncludePlannedDeletion": True, "MaxResults": 100}
        return [
            _stored(item) for item in self._account.pages("secretsmanager", "list_secrets", "SecretList", **options)
        ]

    def _found(self, wanted: RequiredSecret, listed: list[StoredSecret] | Unseen):
        """A required secret, None if there is none, or why that is not known."""
        if isinstance(listed, list) and not any(_is(secret, wanted.name) for secret in listed):
            return wanted, None
        if _is_pattern(wanted.name):
            return wanted, listed  # whoever cannot list does not know what a pattern stands for
        try:
            answer = self._account.call("secretsmanager", "describe_secret", SecretId=wanted.name)
        except Unseen as unseen:
            return wanted, None if unseen.absent else unseen
        return wanted, replace(_stored(answer), wanted=wanted)


def _unpacked(required: list[RequiredSecret], listed: list[StoredSecret] | Unseen) -> list[RequiredSecret]:
    """Each pattern replaced by the names that it stands for, if it stands for any."""
    unpacked: dict[str, RequiredSecret] = {}
    for wanted in required:
        names = [wanted.name]
        if _is_pattern(wanted.name) and isinstance(listed, list):
            names = [secret.name for secret in listed if fnmatch.fnmatchcase(secret.name, wanted.name)] or names
        for name in names:
            unpacked.setdefault(name, wanted.model_copy(update={"name": name}))
    return list(unpacked.values())


def _is_pattern(name: str) -> bool:
    return not name.startswith("arn:") and any(sign in name for sign in "*?[")


def _is(secret: StoredSecret, name: str) -> bool:
    """Whether a name, an ARN or an ARN without its random end is this secret's."""
    return name in (secret.name, secret.arn, secret.arn.rpartition("-")[0])


def _stored(item: dict) -> StoredSecret:
    managed = item.get("OwningService") or next((name for name in _EXTERNAL if item.get(name)), "")
    return StoredSecret(
        name=item.get("Name", ""),
        arn=item.get("ARN", ""),
        rotation=Rotation(
            on=bool(item.get("RotationEnabled")),
            rules=dict(item.get("RotationRules") or {}),
            function=item.get("RotationLambdaARN") or "",
            managed=managed,
            last=_time(item.get("LastRotatedDate")),
            next=_time(item.get("NextRotationDate")),
        ),
        created=_time(item.get("CreatedDate")),
        deleted=_time(item.get("DeletedDate")),
        key=item.get("KmsKeyId") or "",
        stages=item.get("VersionIdsToStages") or item.get("SecretVersionsToStages") or {},
        replicas={one.get("Region", ""): one.get("Status", "") for one in item.get("ReplicationStatus") or []},
        observation=item.get("observation", ""),
    )


def _time(value: object) -> datetime | None:
    """Emulators answer with numbers where botocore makes no date of them."""
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC)
    return value if isinstance(value, datetime) else None
