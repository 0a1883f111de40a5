"""The emulated account of a deployment as it should be: everything that stands around thirteen secrets.

moto keeps it; what moto cannot be told (dates, schedules) is set on its objects, and what it does not do at all
(denying, throttling, simulating policies) is in `account_front.py`.
"""

import io
import json
import time
import zipfile
from datetime import timedelta

REGION = "us-east-1"
REPLICA_REGION = "us-west-2"
NUMBER = "123456789012"
PREFIX = "chimera/production/"
KEY_ALIAS = "alias/chimera-secrets"
ROTATION = "chimera-secret-rotation"
ROTATION_DAYS = 90
_DAY = timedelta(days=1).total_seconds()
_TASKS = {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
_TRUST = {"Version": "2012-10-17", "Statement": [_TASKS]}
_ENVIRONMENT = {
    "AWS_REGION": REGION,
    "SECRETS_PREFIX": PREFIX,
    "TOKEN_LIFETIME_SECONDS": "3600",
    "LOG_LEVEL": "info",
}
_USER_DATA = """#!/bin/bash
set -euo pipefail
export AWS_REGION=us-east-1
export SECRETS_PREFIX=chimera/production
systemctl enable --now chimera-worker
"""


class Account:
    """What a variant may bend in its own account, from inside the process that serves it."""

    def __init__(self) -> None:
        self.denied: set[str] = set()
        """Actions that are answered with AccessDenied, such as `kms:DescribeKey`."""
        self.throttled: dict[str, int] = {}
        """Actions, and how often each is throttled before it is answered."""
        self.unsupported: set[str] = set()
        """Actions that are answered as moto answers what it does not know."""

    def client(self, service: str):
        """A boto3 client that stays inside the process."""
        import boto3

        return boto3.client(service, region_name=REGION)

    def secret(self, name: str):
        """moto's object of a secret."""
        return self._stored(PREFIX + name)

    def _stored(self, full_name: str):
        from moto.secretsmanager.models import secretsmanager_backends

        return secretsmanager_backends[NUMBER][REGION].secrets[full_name]

    def arn(self, name: str) -> str:
        """A secret's ARN."""
        return self.secret(name).arn

    def value(self, name: str) -> str:
        """A secret's value."""
        return self.client("secretsmanager").get_secret_value(SecretId=PREFIX + name)["SecretString"]

    def store(self, name: str, value: str, before: str | None = None, **more) -> None:
        """A secret under its full name, created long ago and rotated since."""
        import secrets

        client = self.client("secretsmanager")
        client.create_secret(Name=name, SecretString=before or secrets.token_urlsafe(32), KmsKeyId=self.key, **more)
        client.put_secret_value(SecretId=name, SecretString=value)
        self._stored(name).secret_string = value  # moto would go on with the first one
        self.rotates(name)

    def rotates(self, name: str) -> None:
        """Rotated by the function, every ninety days, the last time twenty days ago."""
        stored = self._stored(name)
        stored.rotation_requested = stored.rotation_enabled = True
        stored.rotation_lambda_arn = f"arn:aws:lambda:{REGION}:{NUMBER}:function:{ROTATION}"
        stored.auto_rotate_after_days = ROTATION_DAYS
        self.aged(stored, created=200, rotated=20)

    def aged(self, stored, created: float, rotated: float | None, due: float | None = None) -> None:
        """As if made, and rotated, so many days ago."""
        now = time.time()
        stored.created_date = now - created * _DAY
        stored.last_rotation_date = None if rotated is None else now - rotated * _DAY
        since = created if rotated is None else rotated
        stored.last_changed_date = now - since * _DAY
        stored.next_rotation_date = now + (ROTATION_DAYS - since if due is None else due) * _DAY
        for version in stored.versions.values():
            version["createdate"] = int(now - since * _DAY)

    @property
    def key(self) -> str:
        """The ARN of the customer-managed key."""
        return self.client("kms").describe_key(KeyId=KEY_ALIAS)["KeyMetadata"]["Arn"]

    def fill(self) -> None:
        """Key, roles, rotation function and trail: what is cheap to make."""
        self._key()
        roles = self._roles()
        self._function(roles["chimera-rotation"])
        self._trail()

    def fill_slowly(self) -> None:
        """Parameters, containers and instances, for which moto loads half of EC2."""
        self._parameters()
        self.task_definition()
        ec2 = self.client("ec2")
        ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1, UserData=_USER_DATA)
        self.launch_template("chimera-worker", _USER_DATA)

    def _key(self) -> None:
        kms = self.client("kms")
        key = kms.create_key(Description="Chimera's secrets")["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName=KEY_ALIAS, TargetKeyId=key)
        kms.enable_key_rotation(KeyId=key)

    def _roles(self) -> dict[str, str]:
        reading = ("chimera-api", "chimera-rotation")
        return {name: self.role(name, may_read=name in reading) for name in (*reading, "chimera-deploy")}

    def role(self, name: str, *, may_read: bool) -> str:
        """A role, and whether its policy lets it read the secrets."""
        iam = self.client("iam")
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(_TRUST))["Role"]["Arn"]
        resource = f"arn:aws:secretsmanager:{REGION}:{NUMBER}:secret:{PREFIX}*"
        statement = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": resource}
        if may_read:
            document = {"Version": "2012-10-17", "Statement": [statement]}
            iam.put_role_policy(RoleName=name, PolicyName="secrets", PolicyDocument=json.dumps(document))
        return arn

    def _function(self, role: str) -> None:
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as packed:
            packed.writestr("rotate.py", "def handler(event, context):\n    ...\n")
        self.client("lambda").create_function(
            FunctionName=ROTATION,
            Runtime="python3.12",
            Role=role,
            Handler="rotate.handler",
            Code={"ZipFile": archive.getvalue()},
            Environment={"Variables": {"EXCLUDE_CHARACTERS": "/@\"'\\", "PASSWORD_LENGTH": "48", "LOG_LEVEL": "INFO"}},
        )
        self.client("lambda").add_permission(
            FunctionName=ROTATION,
            StatementId="secretsmanager",
            Action="lambda:InvokeFunction",
            Principal="secretsmanager.amazonaws.com",
        )

    def _trail(self) -> None:
        self.client("s3").create_bucket(Bucket="chimera-trail")
        trail = self.client("cloudtrail")
        trail.create_trail(
            Name="chimera", S3BucketName="chimera-trail", IsMultiRegionTrail=True, EnableLogFileValidation=True
        )
        trail.start_logging(Name="chimera")

    def _parameters(self) -> None:
        ssm = self.client("ssm")
        ssm.put_parameter(Name="/chimera/production/log-level", Value="INFO", Type="String")
        reference = f"arn:aws:secretsmanager:{REGION}:{NUMBER}:secret:{PREFIX}database-password"
        ssm.put_parameter(Name="/chimera/production/database-password", Value=reference, Type="String")
        ssm.put_parameter(Name="/chimera/production/alert-address", Value="ops@chimera.example", Type="SecureString")

    def task_definition(self, **container) -> None:
        """A revision of the API's task definition; the last word on its container is the caller's."""
        secrets = [
            {"name": name, "valueFrom": f"arn:aws:secretsmanager:{REGION}:{NUMBER}:secret:{PREFIX}{name}"}
            for name in ("TWITTER_API_KEY", "NEWS_API_KEY")
        ]
        self.client("ecs").register_task_definition(
            family="chimera-api",
            containerDefinitions=[
                {
                    "name": "api",
                    "image": "chimera/api:1.0.0",
                    "memory": 512,
                    "command": ["uvicorn", "chimera.main:app", "--port", "8443"],
                    "environment": [{"name": name, "value": value} for name, value in _ENVIRONMENT.items()],
                    "secrets": secrets,
                    **container,
                }
            ],
        )

    def launch_template(self, name: str, script: str | bytes) -> None:
        """A launch template that runs a script."""
        import base64

        octets = script.encode() if isinstance(script, str) else script
        encoded = base64.b64encode(octets).decode()
        self.client("ec2").create_launch_template(LaunchTemplateName=name, LaunchTemplateData={"UserData": encoded})


def teach_moto() -> None:
    """What moto does otherwise than Secrets Manager.

    It forgets schedules, says that every version was made just now, and where a new rule names no function, it
    forgets the one that there is and puts the first value in force; where one is named, it wants to run it in Docker.
    """
    import secrets

    from moto.secretsmanager import models

    plain = models.FakeSecret.to_dict
    models.FakeSecret.to_dict = lambda secret: {**plain(secret), **getattr(secret, "told", {})}

    def list_secret_version_ids(backend, secret_id: str) -> str:
        secret = backend.secrets[secret_id]
        versions = [
            {"VersionId": id, "VersionStages": version["version_stages"], "CreatedDate": version["createdate"]}
            for id, version in secret.versions.items()
        ]
        return json.dumps({"ARN": secret.arn, "Name": secret.name, "Versions": versions})

    def rotate_secret(backend, secret_id: str, client_request_token=None, rotation_lambda_arn=None, **how) -> str:
        secret, rules, now = backend.secrets[secret_id], how.get("rotation_rules") or {}, time.time()
        secret.rotation_requested = secret.rotation_enabled = True
        secret.rotation_lambda_arn = rotation_lambda_arn or secret.rotation_lambda_arn
        if rules:
            secret.auto_rotate_after_days = rules.get("AutomaticallyAfterDays", 0)
            secret.told = {**getattr(secret, "told", {}), "RotationRules": rules}
            secret.next_rotation_date = now + (secret.auto_rotate_after_days or 1) * _DAY
        if how.get("rotate_immediately", True):
            backend.put_secret_value(secret_id, secrets.token_urlsafe(32), None, client_request_token, ["AWSCURRENT"])
            secret.last_rotation_date = now
        return secret.to_short_dict()

    models.SecretsManagerBackend.list_secret_version_ids = list_secret_version_ids
    models.SecretsManagerBackend.rotate_secret = rotate_secret
