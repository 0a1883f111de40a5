"""C01: what can be wrong with stored secrets themselves: absent, stale, badly rotated, badly encrypted."""

import json
from functools import partial

from chimera_compliance.stack.account import PREFIX, ROTATION
from chimera_compliance.stack.flaws import flaw

NAME = "NEWS_API_KEY"
_PUBLISHED = "TWITTER_API_KEY"


def _told(account, **facts):
    account.secret(NAME).told = facts


def _aged(account, **days):
    account.aged(account.secret(NAME), **days)


def _put(account, value, name=NAME):
    account.client("secretsmanager").put_secret_value(SecretId=PREFIX + name, SecretString=value)


def _delete(account, **how):
    account.client("secretsmanager").delete_secret(SecretId=PREFIX + NAME, **how)


@flaw("C01", breaks="C01.1", why="a secret was never put into the store")
def secret_absent(made):
    made.account.append(partial(_delete, ForceDeleteWithoutRecovery=True))


def _rename(account):
    value = account.value(NAME)
    _delete(account, ForceDeleteWithoutRecovery=True)
    account.store("chimera/prod/news-api-key", value)


@flaw("C01", breaks="C01.1", why="a secret is stored under a name that nobody reads")
def secret_under_another_name(made):
    made.account.append(_rename)


@flaw("C01", breaks="C01.2", why="a secret in use is scheduled for deletion")
def secret_scheduled_for_deletion(made):
    made.account.append(partial(_delete, RecoveryWindowInDays=7))


@flaw("C01", breaks="C01.3", why="the store holds a placeholder: the real value is elsewhere")
def placeholder_stored(made):
    made.account.append(partial(_put, value="CHANGE_ME"))


def _share(account):
    _put(account, account.value(_PUBLISHED))


@flaw("C01", breaks="C01.3", why="two purposes share one value")
def value_shared(made):
    made.account.append(_share)


def _empty(account):
    _delete(account, ForceDeleteWithoutRecovery=True)
    account.client("secretsmanager").create_secret(Name=PREFIX + NAME, KmsKeyId=account.key)
    account.rotates(PREFIX + NAME)


@flaw("C01", breaks="C01.3", why="the secret was made and never given a value")
def secret_without_value(made):
    made.account.append(_empty)


@flaw("C01", breaks="C01.4", why="one secret is not rotated")
def rotation_off(made):
    made.account.append(partial(_told, RotationEnabled=False))


def _days(account, days):
    account.secret(NAME).auto_rotate_after_days = days


@flaw("C01", breaks="C01.5", why="a secret is rotated once a year")
def rotation_once_a_year(made):
    made.account.append(partial(_days, days=365))


@flaw("C01", breaks="C01.5", why="a rate in hours that comes to a hundred days")
def rotation_every_2400_hours(made):
    made.account.append(partial(_told, RotationRules={"ScheduleExpression": "rate(2400 hours)"}))


@flaw("C01", breaks="C01.5", why="a cron expression for every half year")
def rotation_twice_a_year(made):
    made.account.append(partial(_told, RotationRules={"ScheduleExpression": "cron(0 3 1 1,7 ? *)", "Duration": "3h"}))


@flaw("C01", breaks="C01.5", why="every third month is as much as 92 days")
def rotation_quarterly(made):
    made.account.append(partial(_told, RotationRules={"ScheduleExpression": "cron(0 3 1 */3 ? *)"}))


@flaw("C01", breaks="C01.6", why="the rule was made and never fired")
def rotation_never_fired(made):
    made.account.append(partial(_aged, created=300, rotated=None))


@flaw("C01", breaks="C01.6", why="rotation stopped after a while")
def rotation_stopped(made):
    made.account.append(partial(_aged, created=400, rotated=140))


def _monthly(account):
    _days(account, 30)
    _aged(account, created=200, rotated=45, due=-15)


@flaw("C01", breaks="C01.6", why="within ninety days, though not within the rule's thirty")
def rotation_missed(made):
    made.account.append(_monthly)


def _same_again(account):
    _put(account, account.value(NAME))
    account.aged(account.secret(NAME), created=200, rotated=20)


@flaw("C01", breaks="C01.7", why="the rotation function puts the same value in force again")
def rotated_into_itself(made):
    made.account.append(_same_again)


def _stick(account):
    client = account.client("secretsmanager")
    client.put_secret_value(SecretId=PREFIX + NAME, SecretString="half-way", VersionStages=["AWSPENDING"])
    account.aged(account.secret(NAME), created=200, rotated=20)


@flaw("C01", breaks="C01.8", why="a rotation ended half-way")
def rotation_stuck(made):
    made.account.append(_stick)


def _function(account, operation, **parameters):
    getattr(account.client("lambda"), operation)(FunctionName=ROTATION, **parameters)


@flaw("C01", breaks="C01.9", why="the rotation function was deleted")
def rotation_function_gone(made):
    made.account.append(partial(_function, operation="delete_function"))


@flaw("C01", breaks="C01.9", why="the rotation function is switched off by its concurrency")
def rotation_function_disabled(made):
    made.account.append(partial(_function, operation="put_function_concurrency", ReservedConcurrentExecutions=0))


@flaw("C01", breaks="C01.9", why="Secrets Manager may not invoke the rotation function")
def rotation_function_not_invocable(made):
    made.account.append(partial(_function, operation="remove_permission", StatementId="secretsmanager"))


@flaw("C01", breaks="C01.9", why="rotation is on, and nothing rotates")
def rotation_without_function(made):
    made.account.append(partial(_told, RotationLambdaARN=""))


@flaw("C01", breaks="C01.10", why="encrypted with AWS's key where one's own is required")
def key_of_aws(made):
    made.account.append(partial(_told, KmsKeyId="alias/aws/secretsmanager"))


def _other_key(account, **then):
    kms = account.client("kms")
    key = kms.create_key(Description="another")["KeyMetadata"]["KeyId"]
    kms.enable_key_rotation(KeyId=key)
    for operation, parameters in then.items():
        getattr(kms, operation)(KeyId=key, **parameters)
    _told(account, KmsKeyId=key)


@flaw("C01", breaks="C01.10", why="the key of a secret is disabled")
def key_disabled(made):
    made.account.append(partial(_other_key, disable_key={}))


@flaw("C01", breaks="C01.10", why="the key is about to be deleted")
def key_going(made):
    made.account.append(partial(_other_key, schedule_key_deletion={"PendingWindowInDays": 7}))


@flaw("C01", breaks="C01.10", why="the key does not exist any more")
def key_gone(made):
    made.account.append(partial(_told, KmsKeyId="00000000-0000-4000-8000-000000000000"))


@flaw("C01", breaks="C01.11", why="the customer-managed key is never turned")
def key_does_not_rotate(made):
    made.account.append(partial(_other_key, disable_key_rotation={}))


_EVERYBODY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:Decrypt", "Resource": "*"}],
}


@flaw("C01", breaks="C01.12", why="everybody may decrypt with the key")
def key_policy_public(made):
    policy = {"PolicyName": "default", "Policy": json.dumps(_EVERYBODY)}
    made.account.append(partial(_other_key, put_key_policy=policy))


def _lone(account):
    account.client("secretsmanager").remove_regions_from_replication(
        SecretId=f"{PREFIX}database-password", RemoveReplicaRegions=["us-west-2"]
    )


@flaw("C01", breaks="C01.14", why="a required replica was removed")
def replica_removed(made):
    made.account.append(_lone)


def _failing(account):
    account.secret("database-password").replicas[0].config |= {"Status": "Failed", "StatusMessage": "no access to key"}


@flaw("C01", breaks="C01.14", why="a replica is there and not in step")
def replica_failed(made):
    made.account.append(_failing)
