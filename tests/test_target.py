"""A target file that cannot be used says where and what to write instead."""

from pathlib import Path

import pytest

from chimera_compliance.errors import ConfigurationError
from chimera_compliance.target import Target

MINIMAL = "name: a stack\nrepo: {path: .}\n"


def load(tmp_path: Path, text: str) -> Target:
    file = tmp_path / "target.yaml"
    file.write_text(text)
    return Target.load(file)


def problem(tmp_path: Path, text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, text)
    return str(caught.value)


@pytest.mark.parametrize(
    "facet", ["repo: {path: .}", "db: {dsn: 'postgresql://app@h/d'}", "api: {base_url: 'https://h'}"]
)
def test_one_facet_alone_is_a_target(tmp_path, facet):
    assert len(load(tmp_path, f"name: x\n{facet}\n").facets) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name: x\n", "at least one of `api`"),
        ("name: x\nrepo:\n  path: .\n  pth: y\n", "target.yaml:4: repo.pth: there is no such setting"),
        ("name: x\nname: y\n", "target.yaml:2: the key 'name' is given twice"),
        ("name: [\n", "target.yaml:2: "),
        ("- a\n", "target.yaml:1: expected settings"),
        ("", "target.yaml:1: expected settings"),
        (MINIMAL + "tokens:\n  mint: {key: hunter2}\n", "target.yaml:4: tokens.mint.key: a secret must not stand"),
        ("name: x\ndb:\n  dsn: postgresql://u:pw@h/d\n", "target.yaml:3: db.dsn: a DSN with a password must not"),
        ("name: x\napi:\n  base_url: ftp://h\n", "target.yaml:3: api.base_url: expected an http://"),
        ("name: x\napi:\n  base_url: https://u:pw@h\n", "a URL must not hold a password"),
        ("name: x\nrepo: {path: '${NO_SUCH_VARIABLE_HERE}'}\n", "NO_SUCH_VARIABLE_HERE is not set: export it"),
        (MINIMAL + "scope: {requests: 0}\n", "target.yaml:3: scope.requests"),
        (MINIMAL + "principals:\n  alice:\n    token: {given: '${T}', steps: []}\n", "target.yaml:5"),
        ("name: x\napi: {base_url: 'https://h', public: [health]}\n", "an operation is a method and a path"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path, text, says):
    assert says in problem(tmp_path, text)


def test_a_password_in_a_login_step_must_be_a_reference(tmp_path):
    steps = "principals:\n  alice:\n    token:\n      steps:\n        - {request: POST /login, json: {password: %s}}\n"
    assert "password: a secret must not stand" in problem(tmp_path, MINIMAL + steps % "hunter2")
    assert load(tmp_path, MINIMAL + steps % "'${PASSWORD}'").principals["alice"]


def test_no_message_repeats_a_secret(tmp_path):
    assert "hunter2" not in problem(tmp_path, MINIMAL + "tokens:\n  mint: {key: hunter2}\n")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"a: &a [*a, *a]\n", b"x: !!python/object:os.system {}\n"])
def test_hostile_files_are_one_line(tmp_path, content):
    file = tmp_path / "target.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        Target.load(file)
    assert "Traceback" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"cannot read .*nowhere\.yaml: No such file"):
        Target.load(tmp_path / "nowhere.yaml")


def test_references_are_resolved_where_they_are_needed(tmp_path, monkeypatch):
    (tmp_path / "key").write_text("k3y\n")
    monkeypatch.setenv("FROM_THE_ENVIRONMENT", "v4lue")
    target = load(tmp_path, MINIMAL)
    assert target.secret("file:key") == "k3y"
    assert target.secret("${FROM_THE_ENVIRONMENT}") == "v4lue"
    with pytest.raises(ConfigurationError, match="cannot read the secret file"):
        target.secret("file:absent")
    with pytest.raises(ConfigurationError, match="needs an aws section"):
        target.secret("secretsmanager:some/id")


def test_numbers_and_dates_are_text_where_text_is_wanted(tmp_path):
    target = load(tmp_path, MINIMAL + "principals:\n  alice: {tenant: 7, resources: {since: 2026-01-31}}\n")
    assert target.principals["alice"].tenant == "7"
    assert target.principals["alice"].resources == {"since": "2026-01-31"}
