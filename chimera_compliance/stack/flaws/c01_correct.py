"""C01: accounts and applications that are right in another way."""

import json

from chimera_compliance.stack.account import NUMBER, PREFIX, REGION
from chimera_compliance.stack.flaws import variant
from chimera_compliance.stack.flaws.c01_access import allow

_NAMES = ("TWITTER_API_KEY", "NEWS_API_KEY", "REDIS_PASSWORD", "WEAVIATE_API_KEY")
_ORGANISATION = {"aws:PrincipalOrgID": "o-chimera123"}


def _scheduled(account):
    rules = ("cron(0 4 1 * ? *)", "cron(0 4 ? * SUN#1 *)", "rate(30 days)", "cron(0 0/12 L * ? *)")
    for name, expression in zip(_NAMES, rules, strict=True):
        account.secret(name).told = {"RotationRules": {"ScheduleExpression": expression, "Duration": "4h"}}


@variant(why="rotation by cron and rate expressions")
def secrets_on_schedule(stack):
    stack.account.append(_scheduled)


def _structured(account):
    client = account.client("secretsmanager")
    for name in _NAMES[:2]:
        value = {
            "username": "chimera",
            "host": "cache.internal.example.com",
            "port": 6379,
            "password": account.value(name),
        }
        client.put_secret_value(SecretId=PREFIX + name, SecretString=json.dumps(value))
    client.put_secret_value(SecretId=PREFIX + _NAMES[2], SecretBinary=bytes(range(7, 71)))
    for name in _NAMES[:3]:
        account.aged(account.secret(name), created=200, rotated=20)
    account.task_definition(
        environment=[
            {"name": "REDIS_HOST", "value": "cache.internal.example.com"},
            {"name": "REDIS_USER", "value": "chimera"},
        ]
    )


@variant(why="secrets that are JSON or binary; their hosts and users are configuration")
def secrets_structured(stack):
    stack.account.append(_structured)


def _policies(account):
    own = f"arn:aws:iam::{NUMBER}:role/chimera-api"
    service = {"Service": "rds.amazonaws.com"}
    outside = {"Effect": "Deny", "Principal": "*", "Action": "secretsmanager:*", "Resource": "*"}
    wanted = {
        "TWITTER_API_KEY": [allow("*", Condition={"StringEquals": _ORGANISATION})],
        "NEWS_API_KEY": [allow({"AWS": [NUMBER, own]}), allow(service)],
        "REDIS_PASSWORD": [allow("*"), {**outside, "Condition": {"StringNotEquals": _ORGANISATION}}],
        "WEAVIATE_API_KEY": [allow({"AWS": "*"}, Condition={"ArnLike": {"aws:PrincipalArn": f"{own}*"}})],
        "IDEOGRAM_API_KEY": [outside | {"Condition": {"Bool": {"aws:SecureTransport": "false"}}}],
        "OPENCLAW_ACCESS_TOKEN": [allow({"AWS": "arn:aws:iam::111122223333:role/security-audit"})],
    }
    for name, statements in wanted.items():
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        account.client("secretsmanager").put_resource_policy(SecretId=PREFIX + name, ResourcePolicy=document)


@variant(why="policies that are confined to an organisation, an account, a declared one, or by a Deny")
def secrets_with_policies(stack):
    stack.account.append(_policies)
    stack.target.append(lambda document: document["aws"].update(accounts=["111122223333"]))


def _moved(account):
    for name in _NAMES:
        value = account.value(name)
        account.client("secretsmanager").delete_secret(SecretId=PREFIX + name, ForceDeleteWithoutRecovery=True)
        account.store(f"prod/{name.lower()}", value)


@variant(why="some secrets under another prefix, as a pattern and by ARN in the target file")
def secrets_elsewhere(stack):
    stack.account.append(_moved)

    def declare(document):
        kept = [one for one in document["aws"]["required_secrets"] if str(one).rpartition("/")[2] not in _NAMES]
        arn = f"arn:aws:secretsmanager:{REGION}:{NUMBER}:secret:prod/redis_password"
        document["aws"]["required_secrets"] = [*kept, "prod/*_api_key", arn]

    stack.target.append(declare)


def _aws_keys(account):
    for name in _NAMES:
        account.secret(name).told = {"KmsKeyId": None}


@variant(why="AWS's own key, where one's own is not required")
def secrets_under_the_key_of_aws(stack):
    stack.account.append(_aws_keys)
    stack.target.append(lambda document: document["aws"].update(customer_managed_key=False))


def _young(account):
    account.aged(account.secret("NEWS_API_KEY"), created=12, rotated=None)


@variant(why="a secret younger than its period has not been rotated yet")
def secret_is_young(stack):
    stack.account.append(_young)


def _managed(account):
    account.secret("REDIS_PASSWORD").told = {
        "OwningService": "rds",
        "RotationLambdaARN": "",
        "RotationRules": {"AutomaticallyAfterDays": 7},
        "LastRotatedDate": account.secret("REDIS_PASSWORD").last_changed_date + 17 * 86_400,
    }


@variant(why="a secret that its service rotates without a function of one's own")
def secret_managed_by_its_service(stack):
    stack.account.append(_managed)


def _clean_settings(account):
    names = {
        "JWT_SECRET_ARN": f"arn:aws:secretsmanager:{REGION}:{NUMBER}:secret:{PREFIX}jwt-signing-key",
        "DB_PASSWORD": f"{{{{resolve:secretsmanager:{PREFIX}database-password}}}}",
        "API_TOKEN": "${API_TOKEN}",
        "PASSWORD_FILE": "/run/secrets/password",
        "TOKEN_URL": "https://login.example.com/oauth/token",
        "ACCESS_TOKEN_TTL_SECONDS": "900",
        "PASSWORD_MIN_LENGTH": "12",
        "SECRETS_CACHE_SECONDS": "3600",
        "IMAGE_DIGEST": "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "GIT_COMMIT": "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "SUBNETS": "subnet-0a1b2c3d4e5f67890,subnet-0f9e8d7c6b5a43210",
        "CLUSTER_NAME": "Chimera-Production-Cluster-2026-Blue",
        "DATABASE_URL": "postgresql://chimera@db.internal.example.com:5432/chimera?sslmode=verify-full",
        "SENTRY_RELEASE": "chimera-api@2026.11.25+build.4711",
        "JWT_PUBLIC_KEY": "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAu1SU1LfVLPHCozMxH2Mo4lgOEePzNm0tRg",
        "IDEMPOTENCY_KEY_HEADER": "Idempotency-Key",
        "TRACE_ID": "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    }
    account.task_definition(environment=[{"name": name, "value": value} for name, value in names.items()])


@variant(why="settings that look like secrets and are references, public keys, ids and limits")
def settings_that_look_secret(stack):
    stack.account.append(_clean_settings)


def _regional_trail(account):
    trail = account.client("cloudtrail")
    trail.delete_trail(Name="chimera")
    trail.create_trail(Name="security", S3BucketName="chimera-trail", EnableLogFileValidation=True)
    fields = [
        {"Field": "eventCategory", "Equals": ["Management"]},
        {"Field": "eventSource", "NotEquals": ["kms.amazonaws.com"]},
    ]
    trail.put_event_selectors(TrailName="security", AdvancedEventSelectors=[{"FieldSelectors": fields}])
    trail.start_logging(Name="security")
    trail.create_trail(Name="billing", S3BucketName="chimera-trail")


@variant(why="a trail of the region alone, with advanced selectors, beside one that is off")
def trail_of_the_region(stack):
    stack.account.append(_regional_trail)


@variant(why="secrets kept for two seconds, and asked for again every second in an outage")
def secrets_kept_longer(stack):
    stack.settings.secrets_cached, stack.settings.secrets_retry = 2.0, 1.0
