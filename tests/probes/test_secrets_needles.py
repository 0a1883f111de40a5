"""What is searched for: every spelling of a secret value, and nothing that ordinary text holds."""

import base64
import gzip
import json
import re
import secrets
from urllib.parse import quote

import pytest

from chimera_compliance.journal import Journal
from chimera_compliance.probes.secrets.needles import (
    SecretValue,
    is_placeholder,
    needles,
    parts,
    search,
    unsearchable,
)
from chimera_compliance.probes.secrets.values import readable
from chimera_compliance.target import Target

VALUE = 'aX9/q+"w&Zé-7uP_ßkT2'


def found(value: str | bytes, text: bytes) -> list[str]:
    octets = value.encode() if isinstance(value, str) else value
    return [hit.secret for hit in search(text, needles([SecretValue("it", octets)]))]


@pytest.mark.parametrize("before", [b"", b"u", b"us", b"use", b"user", b"user:"])
@pytest.mark.parametrize("after", [b"", b"\n", b"@h", b"@host"])
def test_base64_is_seen_wherever_the_value_stands_in_it(before, after):
    whole = before + VALUE.encode() + after
    assert found(VALUE, base64.b64encode(whole)) == ["it"]
    assert found(VALUE, base64.urlsafe_b64encode(whole)) == ["it"]


@pytest.mark.parametrize(
    "spelt",
    [
        VALUE,
        json.dumps({"p": VALUE}),
        json.dumps({"p": VALUE}, ensure_ascii=False),
        json.dumps({"p": VALUE}).replace("/", "\\/"),
        json.dumps(json.dumps({"p": VALUE})),
        f"postgresql://u:{quote(VALUE, safe='')}@h/d",
        "postgresql://u:" + re.sub("%..", lambda escape: escape.group().lower(), quote(VALUE, safe="")) + "@h/d",
        VALUE.encode().hex(),
        VALUE.encode().hex().upper(),
        VALUE.replace("&", "&amp;").replace('"', "&quot;"),
    ],
)
def test_escaped_spellings_are_seen(spelt):
    assert found(VALUE, b"before " + spelt.encode() + b" after") == ["it"]


def test_utf_16_is_seen():
    assert found(VALUE, f"password={VALUE}".encode("utf-16")) == ["it"]


def test_binary_values_are_seen_raw_in_base64_and_in_hex():
    value = secrets.token_bytes(32)
    for spelt in (value, base64.b64encode(value), value.hex().encode()):
        assert found(value, b"x" + spelt) == ["it"]


def test_a_key_of_several_lines_is_seen_on_one():
    body = base64.b64encode(secrets.token_bytes(150)).decode()
    lines = [
        "-----BEGIN PRIVATE KEY-----",
        *(body[at : at + 64] for at in range(0, 200, 64)),
        "-----END PRIVATE KEY-----",
    ]
    pem = "\n".join(lines) + "\n"
    for spelt in (pem, "\r\n".join(lines), "\\n".join(lines), " ".join(lines), body):
        assert found(pem, spelt.encode()) == ["it"]


def test_members_of_a_json_secret_are_looked_for_but_not_what_is_public_in_it():
    document = {
        "engine": "postgres",
        "host": "db.internal.example.com",
        "username": "chimera_application",
        "port": 5432,
        "password": "s3cr3t-Horse-Battery",
        "nested": {"apiToken": "tok_51Hq8r2eZvKYlo2C"},
        "callback_url": "https://app.example.com/callback",
        "replica_url": "postgresql://app:s3cr3t-Horse-Battery@replica/db",
    }
    members = {part.name for part in parts(SecretValue("db", json.dumps(document).encode()))}
    assert members == {"db", "db#password", "db#nested.apiToken", "db#replica_url"}
    assert found(json.dumps(document), b"export PGPASSWORD=s3cr3t-Horse-Battery") == ["it#password"]
    assert found(json.dumps(document), b"host: db.internal.example.com user: chimera_application") == []


@pytest.mark.parametrize(
    "text", ["", "abc", "changeme", "postgres", "12345678", "emulated", "TODO", "<your-key>", "xxxxxxxxxxxx"]
)
def test_what_anybody_might_write_is_not_searched_for(text):
    assert unsearchable(SecretValue("it", text.encode()))
    assert needles([SecretValue("it", text.encode())]) == []


@pytest.mark.parametrize(
    "text",
    ["Tr0ub4dor&3", "correct horse battery staple", "hunter2-hunter2", secrets.token_hex(16)],
    ids=["password", "phrase", "guessed", "random"],
)
def test_real_values_are_searched_for(text):
    assert unsearchable(SecretValue("it", text.encode())) is None


@pytest.mark.parametrize(
    "text", ["changeme", "CHANGE_ME", "todo", "your-api-key", "dummy", "", "***", "local_dev_password"]
)
def test_placeholders_are_known(text):
    assert is_placeholder(text)


def test_a_value_is_never_part_of_a_representation():
    value = SecretValue("it", VALUE.encode())
    assert VALUE not in repr(value)
    assert VALUE not in repr(needles([value]))


def test_nothing_is_found_in_what_holds_nothing():
    random = [SecretValue(f"s{n}", secrets.token_urlsafe(24).encode()) for n in range(50)]
    text = (
        gzip.compress(secrets.token_bytes(200_000)) + json.dumps([secrets.token_hex(8) for _ in range(5000)]).encode()
    )
    assert search(text, needles(random)) == []


def test_what_the_target_file_refers_to_is_read_and_hidden(tmp_path):
    (tmp_path / "key").write_text("Zx81-Spectrum-Vega\n")
    (tmp_path / "dsn").write_text("postgresql://app:Am1ga%2F500-Plus@db/chimera")
    (tmp_path / "target.yaml").write_text(
        "name: t\ndb: {dsn: 'file:dsn', catalog_dsn: 'file:missing'}\ntokens: {mint: {key: 'file:key'}}\n"
    )
    journal = Journal()
    read = readable(Target.load(tmp_path / "target.yaml"), journal)
    assert {value.name: value.octets for value in read.values} == {
        "tokens.mint.key": b"Zx81-Spectrum-Vega",
        "db.dsn": b"Am1ga/500-Plus",
    }
    assert list(read.unread) == ["db.catalog_dsn"]
    assert journal.redact("key Zx81-Spectrum-Vega, password Am1ga%2F500-Plus") == (
        "key $SECRET:tokens.mint.key, password $SECRET:db.dsn"
    )
