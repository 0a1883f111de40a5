"""Accounts that are not the reference's: plain moto's, and what a real account does that moto does not."""

import importlib.util
import inspect
import json
import multiprocessing
import os
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.secretsmanager.models import secretsmanager_backends
from werkzeug.serving import make_server

from chimera_compliance.coverage import Coverage
from chimera_compliance.doctor import examine
from chimera_compliance.home import CHECKS as FOLDER
from chimera_compliance.journal import Journal
from chimera_compliance.outcomes import Inconclusive
from chimera_compliance.probes.secrets.account import Account
from chimera_compliance.probes.secrets.calls import policy
from chimera_compliance.probes.secrets.estate import Estate, open_vault
from chimera_compliance.probes.secrets.values import readable
from chimera_compliance.stack.account import Account as Emulated
from chimera_compliance.stack.account_front import Front
from chimera_compliance.target import Target
from chimera_compliance.verdict import judge
from chimera_compliance.verify import verify

_SPEC = importlib.util.spec_from_file_location("c01", FOLDER / "test_c01_secrets_manager.py")
CHECKS = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(CHECKS)

SESSION = boto3.Session()  # which keeps what it has read of the services
NUMBER, REGION = "123456789012", "eu-central-1"
SECRETS = ("shop/db", "shop/mail")


class Elsewhere:
    """An account served in this process by moto alone, with what it denies and throttles put before it."""

    def __init__(self):
        self.rules, ready = Emulated(), threading.Event()
        self.rules.unsupported = {"iam:SimulatePrincipalPolicy"}
        ready.set()
        app = Front(DomainDispatcherApplication(create_backend_app), self.rules, ready)
        self._server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=MotoRequestHandler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def client(self, service: str, region: str = REGION):
        keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
        return SESSION.client(service, endpoint_url=self.url, region_name=region, **keys)

    def reset(self) -> None:
        import requests

        requests.post(f"{self.url}/moto-api/reset", timeout=10)
        self.rules.denied.clear()
        self.rules.throttled.clear()

    def backend(self, name: str):
        return secretsmanager_backends[NUMBER][REGION].secrets[name]


@pytest.fixture(scope="module")
def server():
    return Elsewhere()


@pytest.fixture
def account(server):
    """Two secrets in order, AWS's key, a function, a trail: right, in another style than the reference."""
    server.reset()
    iam, function = server.client("iam"), server.client("lambda")
    role = iam.create_role(RoleName="rotation", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    code = {"ZipFile": b""}
    function.create_function(FunctionName="rotate", Runtime="python3.12", Role=role, Handler="a.b", Code=code)
    function.add_permission(
        FunctionName="rotate", StatementId="s", Action="lambda:InvokeFunction", Principal="secretsmanager.amazonaws.com"
    )
    server.client("s3").create_bucket(Bucket="logs", CreateBucketConfiguration={"LocationConstraint": REGION})
    trail = server.client("cloudtrail")
    trail.create_trail(Name="org-trail", S3BucketName="logs", EnableLogFileValidation=True)
    trail.start_logging(Name="org-trail")
    for name in SECRETS:
        put(server, name)
    return server


def put(server, name: str) -> None:
    store = server.client("secretsmanager")
    store.create_secret(Name=name, SecretString=json.dumps({"username": "shop", "password": f"v3ry-{name}-Secret-0"}))
    store.put_secret_value(
        SecretId=name, SecretString=json.dumps({"username": "shop", "password": f"v3ry-{name}-Secret-1"})
    )
    secret, now = server.backend(name), datetime.now(UTC)
    secret.rotation_requested = secret.rotation_enabled = True
    secret.rotation_lambda_arn = f"arn:aws:lambda:{REGION}:{NUMBER}:function:rotate"
    secret.auto_rotate_after_days = 30
    secret.last_rotation_date = (now - timedelta(days=3)).timestamp()
    secret.next_rotation_date = (now + timedelta(days=27)).timestamp()


def target(tmp_path: Path, server, **aws) -> Path:
    settings = {"endpoint_url": server if isinstance(server, str) else server.url, "region": REGION}
    (tmp_path / "id").write_text("an-access-key")
    settings |= {"access_key_id": "file:id", "secret_access_key": "file:id", "required_secrets": list(SECRETS), **aws}
    file = tmp_path / "target.yaml"
    file.write_text(json.dumps({"name": "elsewhere", "scope": {"timeout_seconds": 3}, "aws": settings}))
    return file


def looked_at(file: Path) -> dict[str, dict]:
    """How each check on the account comes out, by its test's name, in this process: a run of its own costs seconds."""
    target, journal = Target.load(file), Journal()
    with Account(target, journal, session=None if target.aws.profile else SESSION) as account:
        try:
            vault = open_vault(account)
        except Inconclusive as error:
            return {name: {"outcome": "inconclusive", "reasons": [str(error)], "findings": []} for name in _tests()}
        with Estate(account, vault, readable(target, journal, vault)) as estate:
            return {name: _decided(estate, journal, name) for name in _tests()}


def _tests() -> list[str]:
    return [name for name in vars(CHECKS) if name.startswith("test_") and "secret_use" not in _asked_by(name)]


def _asked_by(name: str) -> list[str]:
    return list(inspect.signature(inspect.unwrap(getattr(CHECKS, name))).parameters)


def _decided(estate: Estate, journal: Journal, name: str) -> dict:
    given = {"aws": estate, "coverage": Coverage()}

    def value(wanted: str):
        if wanted not in given:
            given[wanted] = inspect.unwrap(getattr(CHECKS, wanted))(*map(value, _asked_by(wanted)))
        return given[wanted]

    error = None
    try:
        getattr(CHECKS, name)(*map(value, _asked_by(name)))
    except Exception as raised:
        error = raised
    outcome, reasons, problems = judge(error, given["coverage"], observed=True)
    assert outcome.value != "error", reasons
    kept = json.dumps([one.as_dict() for one in journal.made_since(0)]) + str(problems) + str(reasons)
    assert not [word for word in ("Secret-1", "Secret-0") if word in kept]
    return {
        "outcome": outcome.value,
        "reasons": reasons,
        "findings": [{"subject": one.subject, "actual": one.actual} for one in problems],
    }


def verified(file: Path, out: Path) -> dict[str, dict]:
    """The requirements by their test's name, as a whole run in a process of its own has decided them."""
    out.mkdir()
    run = multiprocessing.get_context("fork").Process(target=_verify, args=(file, out), daemon=True)
    run.start()
    run.join(120)
    written = "".join(path.read_text(errors="replace") for path in out.iterdir())
    assert not [word for word in ("Traceback", "Secret-1", "Secret-0") if word in written]
    results = json.loads((out / "results.json").read_text())
    (control,) = [one for one in results["controls"] if one["id"] == "C01"]
    return {one["test"].rpartition("::")[2]: one for one in control["requirements"]}


def _verify(file: Path, out: Path) -> None:
    with (out / "output.txt").open("w") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
        sys.stdout = sys.stderr = output
        code = verify(file, controls="C01", out=out)
    os._exit(code)


def outcomes(requirements: dict[str, dict], *names: str) -> list[str]:
    return [requirements[f"test_{name}"]["outcome"] for name in names]


APPLICATION = (
    "secrets_are_kept_in_memory",
    "secrets_are_read_again_in_time",
    "outage_of_the_store_is_survived",
    "store_is_read_again_after_an_outage",
)


def test_a_right_account_of_another_style_has_nothing_wrong(account, tmp_path):
    found = verified(target(tmp_path, account, readers=["rotation"]), tmp_path / "out")
    undecided = {name.removeprefix("test_") for name, one in found.items() if one["outcome"] != "passed"}
    assert undecided == {"only_declared_readers_may_read", *APPLICATION}
    reader = found["test_only_declared_readers_may_read"]
    assert (reader["outcome"], reader["reasons"]) == (
        "not_reviewed",
        ["unsupported by the target: it has no answer to iam:SimulatePrincipalPolicy"],
    )


def test_what_moto_cannot_tell_is_never_a_pass(account, tmp_path):
    """It says that every version was made just now: a stuck rotation looks as if it were in progress."""
    store = account.client("secretsmanager")
    store.put_secret_value(SecretId="shop/db", SecretString="half-way", VersionStages=["AWSPENDING"])
    found = looked_at(target(tmp_path, account))
    assert outcomes(found, "no_rotation_is_stuck") == ["failed"]
    account.backend("shop/db").next_rotation_date = datetime.now(UTC).timestamp()
    found = looked_at(target(tmp_path, account))
    assert outcomes(found, "no_rotation_is_stuck") == ["inconclusive"]


def test_a_denied_call_costs_its_own_requirement_alone(account, tmp_path):
    account.rules.denied |= {"cloudtrail:DescribeTrails", "ec2:DescribeInstances"}
    found = looked_at(target(tmp_path, account))
    undecided = {name.removeprefix("test_") for name, one in found.items() if one["outcome"] == "inconclusive"}
    assert undecided == {"reads_leave_a_trail", "the_trail_can_be_trusted", "no_plain_text_in_user_data"}
    assert found["test_reads_leave_a_trail"]["reasons"] == ["cloudtrail:DescribeTrails is denied to these credentials"]


def test_one_secret_that_cannot_be_read_hides_nothing_else(account, tmp_path):
    account.rules.denied |= {"secretsmanager:GetSecretValue"}
    found = looked_at(target(tmp_path, account))
    assert outcomes(found, "stored_values_are_the_real_ones", "rotation_changes_the_value") == ["inconclusive"] * 2
    assert outcomes(found, "required_secrets_exist", "rotation_is_on", "rotation_is_frequent_enough") == ["passed"] * 3


def test_without_listing_secrets_are_described_one_by_one(account, tmp_path):
    account.rules.denied |= {"secretsmanager:ListSecrets"}
    found = looked_at(target(tmp_path, account, required_secrets=[*SECRETS, "shop/none"]))
    (finding,) = found["test_required_secrets_exist"]["findings"]
    assert finding["subject"] == "secret shop/none"
    assert outcomes(found, "rotation_is_on") == ["passed"]


def test_a_throttled_account_is_asked_again(account, tmp_path):
    account.rules.throttled |= {"secretsmanager:ListSecrets": 2, "kms:DescribeKey": 1, "sts:GetCallerIdentity": 1}
    found = looked_at(target(tmp_path, account))
    assert outcomes(found, "required_secrets_exist", "encryption_keys_are_in_order") == ["passed"] * 2


def test_another_region_has_none_of_the_secrets(account, tmp_path):
    found = looked_at(target(tmp_path, account, region="ap-south-1"))
    assert outcomes(found, "required_secrets_exist") == ["failed"]
    others = {one["outcome"] for name, one in found.items() if name != "test_required_secrets_exist"}
    assert others <= {"inconclusive", "not_reviewed"}
    assert "are aws.region and the credentials right?" in found["test_rotation_is_on"]["reasons"][0]


def test_nobody_there_is_said_once_and_soon(tmp_path):
    found = looked_at(target(tmp_path, "http://127.0.0.1:9"))
    assert {one["outcome"] for one in found.values()} == {"inconclusive"}
    (reason,) = {one["reasons"][0] for one in found.values()}
    assert "nobody answers" in reason


def test_no_credentials_are_said_as_such(account, tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    found = looked_at(target(tmp_path, account, access_key_id=None, secret_access_key=None))
    assert "no usable AWS credentials" in found["test_required_secrets_exist"]["reasons"][0]
    assert {one["outcome"] for one in found.values()} == {"inconclusive"}


def test_a_profile_that_does_not_exist_is_said_as_such(account, tmp_path):
    found = looked_at(target(tmp_path, account, profile="nobody-s"))
    assert "nobody-s" in found["test_required_secrets_exist"]["reasons"][0]


def test_a_thousand_secrets_come_in_pages(account, tmp_path):
    backend = secretsmanager_backends[NUMBER][REGION]
    for number in range(1050):
        backend.create_secret(
            f"bulk/{number:04}", f"value-{number}-{number * 7919}", None, None, [], None, None, [], False
        )
    found = looked_at(target(tmp_path, account, required_secrets=["shop/*", "bulk/1049"]))
    assert outcomes(found, "required_secrets_exist") == ["passed"]
    (finding,) = found["test_rotation_is_on"]["findings"]
    assert finding["subject"] == "secret bulk/1049"


def test_without_required_secrets_all_of_the_region_are_judged(account, tmp_path):
    account.client("secretsmanager").create_secret(Name="forgotten", SecretString="b4ckup-Key-Of-Old")
    found = looked_at(target(tmp_path, account, required_secrets=[]))
    assert outcomes(found, "required_secrets_exist") == ["not_reviewed"]
    assert [one["subject"] for one in found["test_rotation_is_on"]["findings"]] == ["secret forgotten"]


def test_the_same_value_under_another_name_is_told(account, tmp_path):
    account.client("secretsmanager").create_secret(Name="legacy-smtp", SecretString="Sm7p-Pass-Of-Old")
    account.client("ssm").put_parameter(Name="/shop/smtp-password", Type="String", Value="Sm7p-Pass-Of-Old")
    found = looked_at(target(tmp_path, account, required_secrets=[*SECRETS, "shop/smtp_password"]))
    (finding,) = found["test_required_secrets_exist"]["findings"]
    assert finding["actual"] == "the same value is stored as legacy-smtp"
    assert outcomes(found, "no_plain_text_in_parameters") == ["failed"]


def test_every_call_that_is_made_is_in_the_policy(account, tmp_path):
    """As the endpoint saw them, not as the suite declares them."""
    seen = set()
    original = Front.__call__

    def spy(front, environ, start_response):
        from io import BytesIO

        from chimera_compliance.stack.account_front import _asked

        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = BytesIO(body)
        service, operation, _ = _asked(environ, body)
        seen.add(f"{service}:{operation}")
        return original(front, environ, start_response)

    Front.__call__ = spy
    try:
        file = target(tmp_path, account, readers=["rotation"], required_secrets=[{"name": "shop/db"}, "shop/mail"])
        account.client("ecs").register_task_definition(
            family="f", containerDefinitions=[{"name": "n", "image": "i", "memory": 1}]
        )
        seen.clear()
        looked_at(file)
    finally:
        Front.__call__ = original
    allowed = {
        action
        for statement in policy(Target.load(file).aws)["Statement"]
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }
    assert len(seen) > 15
    assert seen - allowed == {"sts:GetCallerIdentity"}


def test_doctor_names_what_is_missing(account, tmp_path):
    account.rules.denied |= {"ssm:DescribeParameters"}
    file = target(tmp_path, account, required_secrets=["shop/db", "shop/none"])
    told = [(one.fine, one.text) for one in examine(Target.load(file)) if one.facet == "aws"]
    assert [text for fine, text in told if not fine] == [
        "ssm:DescribeParameters is denied to these credentials",
        f"required secret shop/none is not in {REGION}, or cannot be described",
    ]
    assert any(NUMBER in text for fine, text in told if fine)


def test_the_policy_names_the_required_secrets_alone(tmp_path, account):
    file = target(tmp_path, account, required_secrets=["shop/*", f"arn:aws:secretsmanager:{REGION}:1:secret:a-AbCdEf"])
    (values, *_) = policy(Target.load(file).aws)["Statement"]
    assert "secretsmanager:GetSecretValue" in values["Action"]
    assert values["Resource"] == [
        f"arn:aws:secretsmanager:{REGION}:*:secret:shop/*-*",
        f"arn:aws:secretsmanager:{REGION}:1:secret:a-AbCdEf",
    ]
    assert all(
        name.partition(":")[2].startswith(("List", "Describe", "Get", "Simulate", "Decrypt"))
        for statement in policy(None)["Statement"]
        for name in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    )


def test_a_trail_of_somebody_else_that_cannot_be_looked_at_takes_nothing_from_ones_own(account, tmp_path):
    account.rules.denied |= {"cloudtrail:GetTrailStatus"}
    found = looked_at(target(tmp_path, account))
    assert outcomes(found, "reads_leave_a_trail", "the_trail_can_be_trusted") == ["inconclusive"] * 2


def test_a_policy_that_cannot_be_read_is_named(account, tmp_path):
    account.backend("shop/db").policy = "{"
    found = looked_at(target(tmp_path, account))
    assert outcomes(found, "no_policy_admits_the_public") == ["inconclusive"]
    assert "policy of secret shop/db" in found["test_no_policy_admits_the_public"]["reasons"][0]


def test_what_the_stack_itself_uses_is_compared(account, tmp_path):
    (tmp_path / "copy").write_text("v3ry-shop/mail-Secret-1")
    (tmp_path / "other").write_text("v3ry-other-Secret-0")
    wanted = [{"name": "shop/db", "value": "file:other"}, {"name": "shop/mail", "value": "file:copy"}]
    found = looked_at(target(tmp_path, account, required_secrets=wanted))
    findings = found["test_stored_values_are_the_real_ones"]["findings"]
    assert [(one["subject"], one["actual"]) for one in findings] == [
        ("secret shop/db", "another value than the stack uses")
    ]
