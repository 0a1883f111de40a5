"""Nothing secret leaves a probe."""

import json

import jwt

from chimera_compliance.journal import Journal
from chimera_compliance.redaction import Redactor


def test_known_values_are_replaced_by_their_names():
    redact = Redactor()
    redact.add("s3cr3t/value", "DB_PASSWORD")
    assert redact("a s3cr3t/value b s3cr3t%2Fvalue") == "a $DB_PASSWORD b $DB_PASSWORD"


def test_the_longest_value_wins():
    redact = Redactor()
    redact.add("abcdef", "SHORT")
    redact.add("abcdefghi", "LONG")
    assert redact("abcdefghi abcdef") == "$LONG $SHORT"


def test_any_jwt_is_replaced_though_nobody_knows_it():
    token = jwt.encode({"sub": "x"}, "k" * 32)
    assert redact_of(token) == "Bearer $JWT"


def redact_of(token: str) -> str:
    return Redactor()(f"Bearer {token}")


def test_an_observation_holds_no_secret_anywhere(tmp_path):
    journal = Journal(tmp_path / "observations.jsonl")
    journal.redact.add("hunter2-hunter2", "PASSWORD")
    journal.record(
        "http",
        "GET /hunter2-hunter2",
        sent={"headers": [["X", "hunter2-hunter2"]], "hunter2-hunter2": 1},
        received={"body": "hunter2-hunter2"},
        reproduce="curl -H 'X: hunter2-hunter2'",
    )
    journal.close()
    line = (tmp_path / "observations.jsonl").read_text()
    assert "hunter2" not in line
    assert json.loads(line)["received"]["body"] == "$PASSWORD"


def test_a_lone_surrogate_can_be_written():
    assert Redactor()("a\ud800b") == "a\\ud800b"
