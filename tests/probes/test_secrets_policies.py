"""Whom policies admit, in the spellings that people write them in."""

import json

import pytest

from chimera_compliance.probes.secrets.policies import Trusted, outsiders

OWN, FRIEND, FOREIGN = "123456789012", "111122223333", "999988887777"
TRUSTED = Trusted(OWN, (FRIEND,), ("arn:aws:iam::444455556666:role/audit-*",))
READ = "secretsmanager:GetSecretValue"


def allow(principal, condition=None, action=READ, **more):
    statement = {"Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*", **more}
    return {**statement, "Condition": condition} if condition else statement


def deny(principal, condition=None, action="secretsmanager:*"):
    return {**allow(principal, condition, action), "Effect": "Deny"}


def admitted(*statements) -> list[str]:
    """`*` for everybody, the account for others."""
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    return [one.account or "*" for one in outsiders(json.dumps(document), TRUSTED)]


ELSEWHERE = {"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}


@pytest.mark.parametrize(
    "statements",
    [
        [allow("*")],
        [allow({"AWS": "*"})],
        [allow({"AWS": ["*"]})],
        [allow({"AWS": [f"arn:aws:iam::{OWN}:root", "*"]})],
        [allow({"AWS": "arn:aws:iam::*:role/reader"})],
        [allow({"Federated": "accounts.google.com"})],
        [allow("*", action="*")],
        [allow("*", {"StringLike": {"aws:PrincipalOrgID": "*"}})],
        [allow("*", {"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}})],
        [allow("*", {"ForAllValues:StringEquals": {"aws:PrincipalOrgPaths": ["o-1/r-1/"]}})],
        [allow("*", {"StringNotEquals": {"aws:PrincipalAccount": FOREIGN}})],
        [allow("*", {"StringEquals": {"aws:RequestedRegion": "us-east-1"}})],
        [allow("*", {"Bool": {"aws:SecureTransport": "true"}})],
        [allow("*", {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}})],
        [allow("*", {"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "0.0.0.0/1"]}})],
        [allow("*", {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/reader"}})],
        [allow("*", {"StringEquals": {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"}})],
        [{"Effect": "Allow", "NotPrincipal": {"AWS": f"arn:aws:iam::{OWN}:user/x"}, "Action": READ, "Resource": "*"}],
        [allow("*"), deny("*", ELSEWHERE, action="secretsmanager:PutSecretValue")],
        [allow("*", action="*"), deny("*", ELSEWHERE)],
        [allow("*"), deny({"AWS": f"arn:aws:iam::{OWN}:user/x"})],
        [allow("*"), deny("*", {"StringEquals": {"aws:PrincipalOrgID": "o-2"}})],
        [allow("*"), deny("*", {**ELSEWHERE, "Bool": {"aws:MultiFactorAuthPresent": "false"}})],
    ],
    ids=json.dumps,
)
def test_everybody(statements):
    assert admitted(*statements) == ["*"]


@pytest.mark.parametrize(
    "statements",
    [
        [allow({"AWS": OWN})],
        [allow({"AWS": [f"arn:aws:iam::{OWN}:root", f"arn:aws:sts::{OWN}:assumed-role/api/i-1"]})],
        [allow({"AWS": f"arn:aws-us-gov:iam::{OWN}:root"})],
        [allow({"AWS": FRIEND})],
        [allow({"AWS": "arn:aws:iam::444455556666:role/audit-reader"})],
        [allow({"AWS": "AROAEXAMPLEID"})],
        [allow({"Service": ["rds.amazonaws.com", "secretsmanager.amazonaws.com"]})],
        [allow({"Federated": f"arn:aws:iam::{OWN}:oidc-provider/token.actions.githubusercontent.com"})],
        [allow("*", {"StringEquals": {"aws:PrincipalOrgID": "o-1"}})],
        [allow("*", {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": ["o-1/r-1/*"]}})],
        [allow("*", {"StringEquals": {"AWS:principalaccount": OWN}})],
        [allow("*", {"StringEquals": {"aws:SourceVpce": "vpce-1"}})],
        [allow("*", {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}})],
        [allow("*", {"ArnLike": {"aws:PrincipalArn": [f"arn:aws:iam::{OWN}:role/*"]}})],
        [allow("*", {"Bool": {"aws:SecureTransport": "true"}, "StringEquals": {"aws:PrincipalOrgID": ["o-1"]}})],
        [
            allow(
                {"AWS": "*"},
                {
                    "StringEquals": {
                        "kms:CallerAccount": OWN,
                        "kms:ViaService": "secretsmanager.us-east-1.amazonaws.com",
                    }
                },
                action=["kms:Decrypt", "kms:DescribeKey"],
            )
        ],
        [allow("*"), deny("*", ELSEWHERE)],
        [allow("*"), deny({"AWS": "*"}, {"StringNotEqualsIfExists": {"aws:PrincipalOrgID": ["o-1"]}}, action="*")],
        [allow("*", action=READ), deny("*", ELSEWHERE, action=[READ, "secretsmanager:DescribeSecret"])],
        [allow("*"), deny("*", {"ArnNotLike": {"aws:PrincipalArn": f"arn:aws:iam::{OWN}:role/api"}})],
        [allow("*"), deny("*")],
        [deny("*")],
        [
            allow("*"),
            {"Effect": "Deny", "NotPrincipal": {"AWS": f"arn:aws:iam::{OWN}:root"}, "Action": "*", "Resource": "*"},
        ],
    ],
    ids=json.dumps,
)
def test_nobody_from_outside(statements):
    assert admitted(*statements) == []


@pytest.mark.parametrize(
    "statements",
    [
        [allow({"AWS": FOREIGN})],
        [allow({"AWS": f"arn:aws:iam::{FOREIGN}:root"})],
        [allow({"AWS": [OWN, f"arn:aws-cn:iam::{FOREIGN}:role/x"]})],
        [allow({"AWS": FOREIGN}, {"Bool": {"aws:SecureTransport": "true"}})],
        [allow({"Federated": f"arn:aws:iam::{FOREIGN}:saml-provider/x"})],
        [allow("*", {"StringEquals": {"aws:PrincipalAccount": [OWN, FOREIGN]}})],
        [allow("*", {"ArnEquals": {"aws:PrincipalArn": f"arn:aws:iam::{FOREIGN}:role/x"}})],
        [allow("*", {"StringEquals": {"kms:CallerAccount": FOREIGN}}, action="kms:Decrypt")],
    ],
    ids=json.dumps,
)
def test_another_account(statements):
    assert admitted(*statements) == [FOREIGN]


def test_one_statement_need_not_be_a_list_and_is_named():
    statement = allow("*") | {"Sid": "Open"}
    found = outsiders(json.dumps({"Statement": statement}), TRUSTED)
    assert [(one.statement, one.actions, one.public) for one in found] == [("Open", READ, True)]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"Statement": []}', '{"Statement": ["x"]}', "null"])
def test_what_is_no_policy_is_an_error(text):
    with pytest.raises(ValueError, match=r".*"):
        outsiders(text, TRUSTED)
