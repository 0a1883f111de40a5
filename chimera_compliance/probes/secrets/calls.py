"""Every call that the suite may make of an account: all of them read, and nothing else can be called.

`policy` makes of it the IAM policy that the suite's credentials need: `chimera-compliance doctor --iam-policy`.
"""

from dataclasses import dataclass

from chimera_compliance.target.aws import AwsFacet


@dataclass(frozen=True)
class Call:
    """An operation: its IAM action, the names of its page tokens (asked with, answered with), and attempts at most."""

    action: str
    token: tuple[str, str] = ("NextToken", "NextToken")
    attempts: int = 6


def _calls(service: str, *operations: str, token: tuple[str, str] = ("NextToken", "NextToken"), attempts: int = 6):
    for operation in operations:
        action = f"{service}:{''.join(word.capitalize() for word in operation.split('_'))}"
        yield (service, operation), Call(action, token, attempts)


CALLS: dict[tuple[str, str], Call] = dict(
    [
        *_calls("sts", "get_caller_identity", attempts=2),
        *_calls("secretsmanager", "list_secrets", "describe_secret", "get_secret_value"),
        *_calls("secretsmanager", "get_resource_policy", "list_secret_version_ids"),
        *_calls("kms", "describe_key", "get_key_rotation_status", "get_key_policy"),
        *_calls("lambda", "list_functions", token=("Marker", "NextMarker")),
        *_calls("lambda", "get_function_configuration", "get_function_concurrency", "get_policy"),
        *_calls("cloudtrail", "describe_trails", "get_trail_status", "get_event_selectors"),
        *_calls("iam", "list_roles", "list_users", token=("Marker", "Marker")),
        # An emulator without it answers 500 at once; a real account that throttles it is asked again.
        *_calls("iam", "simulate_principal_policy", token=("Marker", "Marker"), attempts=1),
        *_calls("ecs", "list_task_definitions", token=("nextToken", "nextToken")),
        *_calls("ecs", "describe_task_definition"),
        *_calls("ssm", "describe_parameters", "get_parameters"),
        *_calls("ec2", "describe_instances", "describe_instance_attribute", "describe_launch_template_versions"),
    ]
)
_OF_SECRETS = ("DescribeSecret", "GetSecretValue", "GetResourcePolicy", "ListSecretVersionIds")


def policy(settings: AwsFacet | None) -> dict:
    """The IAM policy for exactly these calls; values are readable for the required secrets alone."""
    actions = sorted({call.action for call in CALLS.values()} - {"sts:GetCallerIdentity"})  # that one needs none
    of_secrets = [f"secretsmanager:{name}" for name in _OF_SECRETS]
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "RequiredSecrets",
                "Effect": "Allow",
                "Action": of_secrets,
                "Resource": _resources(settings),
            },
            {
                "Sid": "DecryptThemThroughSecretsManagerOnly",
                "Effect": "Allow",
                "Action": "kms:Decrypt",
                "Resource": "*",
                "Condition": {"StringLike": {"kms:ViaService": "secretsmanager.*.amazonaws.com"}},
            },
            {
                "Sid": "LookAtTheAccount",
                "Effect": "Allow",
                "Action": [action for action in actions if action not in of_secrets],
                "Resource": "*",
            },
        ],
    }


def _resources(settings: AwsFacet | None) -> list[str] | str:
    if settings is None or not settings.required:
        return "*"
    names = [secret.name for secret in settings.required]
    prefix = f"arn:aws:secretsmanager:{settings.region}:*:secret:"
    return [name if name.startswith("arn:") else f"{prefix}{name}-*" for name in names]
