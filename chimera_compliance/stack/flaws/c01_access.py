"""C01: who else may read, and whether anybody would know."""

import json
from functools import partial

from chimera_compliance.stack.account import NUMBER, PREFIX
from chimera_compliance.stack.flaws import flaw

_NAME = "NEWS_API_KEY"
_FOREIGN = "999988887777"


def policy(account, *statements, name=_NAME):
    """Put a resource policy on a secret."""
    document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    account.client("secretsmanager").put_resource_policy(SecretId=PREFIX + name, ResourcePolicy=document)


def allow(principal, **more):
    """A statement that lets somebody read."""
    return {
        "Effect": "Allow",
        "Principal": principal,
        "Action": "secretsmanager:GetSecretValue",
        "Resource": "*",
        **more,
    }


def _admits(made, *statements):
    made.account.append(partial(policy_of, statements=statements))


def policy_of(account, statements):
    """The same, as a change of an account."""
    policy(account, *statements)


@flaw("C01", breaks="C01.12", why="the policy admits everybody")
def policy_public(made):
    _admits(made, allow("*"))


@flaw("C01", breaks="C01.12", why="everybody stands in a list behind a role of one's own")
def policy_public_in_a_list(made):
    _admits(made, allow({"AWS": [f"arn:aws:iam::{NUMBER}:role/chimera-api", "*"]}))


@flaw("C01", breaks="C01.12", why="the condition holds for whoever has no organisation")
def policy_public_if_exists(made):
    _admits(made, allow({"AWS": "*"}, Condition={"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-chimera123"}}))


@flaw("C01", breaks="C01.12", why="the condition is no condition: any organisation will do")
def policy_public_any_organisation(made):
    _admits(made, allow("*", Condition={"StringLike": {"aws:PrincipalOrgID": "*"}}))


@flaw("C01", breaks="C01.12", why="everybody but one is admitted")
def policy_public_not_principal(made):
    _admits(
        made,
        {
            "Effect": "Allow",
            "NotPrincipal": {"AWS": f"arn:aws:iam::{NUMBER}:user/intern"},
            "Action": "secretsmanager:*",
            "Resource": "*",
        },
    )


@flaw("C01", breaks="C01.12", why="the Deny takes writing back, and leaves reading")
def policy_public_despite_deny(made):
    elsewhere = {"StringNotEquals": {"aws:PrincipalOrgID": "o-chimera123"}}
    deny = {"Effect": "Deny", "Principal": "*", "Action": "secretsmanager:PutSecretValue", "Resource": "*"}
    _admits(made, allow("*"), {**deny, "Condition": elsewhere})


@flaw("C01", breaks="C01.13", why="another account is admitted")
def policy_foreign_account(made):
    _admits(made, allow({"AWS": f"arn:aws:iam::{_FOREIGN}:root"}))


@flaw("C01", breaks="C01.13", why="another account by its bare number, in a list")
def policy_foreign_number(made):
    _admits(made, allow({"AWS": [NUMBER, _FOREIGN]}))


@flaw("C01", breaks="C01.13", why="everybody, confined to another account")
def policy_foreign_by_condition(made):
    _admits(made, allow("*", Condition={"StringEquals": {"aws:PrincipalAccount": [NUMBER, _FOREIGN]}}))


def _reader(account):
    account.role("chimera-analytics", may_read=True)


@flaw("C01", breaks="C01.15", why="a role that has no need to may read every secret")
def reader_undeclared(made):
    made.account.append(_reader)


def _administrator(account):
    iam = account.client("iam")
    iam.create_user(UserName="contractor")
    everything = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    iam.put_user_policy(UserName="contractor", PolicyName="all", PolicyDocument=json.dumps(everything))


@flaw("C01", breaks="C01.15", why="a user who may do everything may read as well")
def reader_administrator(made):
    made.account.append(_administrator)


def _trail(account, **then):
    trail = account.client("cloudtrail")
    for operation, parameters in then.items():
        getattr(trail, operation)(**parameters)


@flaw("C01", breaks="C01.16", why="the trail was switched off")
def trail_off(made):
    made.account.append(partial(_trail, stop_logging={"Name": "chimera"}))


@flaw("C01", breaks="C01.16", why="there is no trail at all")
def trail_gone(made):
    made.account.append(partial(_trail, delete_trail={"Name": "chimera"}))


@flaw("C01", breaks="C01.16", why="the trail records writes only: whoever reads a secret leaves no trace")
def trail_of_writes(made):
    selector = {"ReadWriteType": "WriteOnly", "IncludeManagementEvents": True}
    made.account.append(partial(_trail, put_event_selectors={"TrailName": "chimera", "EventSelectors": [selector]}))


@flaw("C01", breaks="C01.16", why="advanced selectors leave reads out")
def trail_of_advanced_writes(made):
    fields = [{"Field": "eventCategory", "Equals": ["Management"]}, {"Field": "readOnly", "Equals": ["false"]}]
    selectors = [{"FieldSelectors": fields}]
    made.account.append(
        partial(_trail, put_event_selectors={"TrailName": "chimera", "AdvancedEventSelectors": selectors})
    )


@flaw("C01", breaks="C01.17", why="log files are not validated")
def trail_not_validated(made):
    made.account.append(partial(_trail, update_trail={"Name": "chimera", "EnableLogFileValidation": False}))
