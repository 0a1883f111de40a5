"""What is read out of rows: secrets in every form, and whether a row of a refused attempt says that it was done."""

import base64
import json
from types import SimpleNamespace

import pytest

from chimera_compliance.probes.audit.detours import edits, shortest_keeping
from chimera_compliance.probes.audit.leaks import leaks
from chimera_compliance.probes.audit.refusals import Attempt
from chimera_compliance.probes.audit.structure import Index, _serves
from chimera_compliance.probes.audit.trail import Row, find_tables
from chimera_compliance.probes.http.exchange import Exchange, Request
from chimera_compliance.target import AuditColumns

COLUMNS = AuditColumns().named
SECRET = 'pässword/with+signs=and"quote'
DONE = {"user_id": "u1", "action": "transfer_usdc", "resource_id": "t1", "details": {"amount": "1"}}


def row(**values) -> Row:
    return Row(("k",), "audit_logs", values, 0.0, COLUMNS)


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        json.dumps(SECRET),
        json.dumps(json.dumps({"a": SECRET})),
        SECRET.encode().hex(),
        "\\x" + SECRET.encode().hex().upper(),
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(b"user:" + SECRET.encode()).decode(),
        base64.b64encode(b"x" + SECRET.encode() + b"y").decode(),
        "p%C3%A4ssword%2Fwith%2Bsigns%3Dand%22quote",
        SECRET[::-1],
    ],
)
def test_secret_is_found_in_every_form(form):
    found = list(leaks([row(details={"deep": [{"in": form}]}, user_agent="x")], {SECRET: "$PASSWORD"}))
    assert [(column, what.split()[0]) for _, column, what in found] == [("details", "$PASSWORD")]


def test_token_is_found_by_its_signature_and_by_its_shape():
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg"
    assert list(leaks([row(user_agent="c2lnbmF0dXJlLW9mLXRoZS10b2tlbg")], {token: "$ALICE_TOKEN"}))
    assert list(leaks([row(details={"t": token})], {}))


def test_plain_rows_hold_no_secret():
    plain = row(details={"amount_usdc": "0.01", "to": "0x" + "0d" * 20}, user_agent="curl/8", user_id="a1000000")
    assert not list(leaks([plain], {SECRET: "$PASSWORD", "short": "$PIN"}))


def attempt(**values) -> Attempt:
    refused = Exchange(Request("POST", "/commerce/transactions"), status=403)
    case = SimpleNamespace(operation=SimpleNamespace(id="POST /commerce/transactions"))
    return Attempt(case, "in a wrong role", refused, (row(**{**DONE, **values}),), "u1", row(**DONE))


@pytest.mark.parametrize(
    "values",
    [{}, {"resource_id": None}, {"details": {"amount": "2"}}, {"details": None}],
)
def test_row_like_that_of_success_lies(values):
    assert attempt(**values).lies


@pytest.mark.parametrize(
    "values",
    [
        {"action": "transfer_usdc_denied"},
        {"outcome": "denied"},
        {"success": False},
        {"details": {"status": 403}},
        {"details": {"amount": "1", "why": "forbidden for this role"}},
    ],
)
def test_row_that_says_it_was_refused_does_not_lie(values):
    assert not attempt(**values).lies
    assert attempt(**values).recorded


LOG = SimpleNamespace(schema="public", name="audit_logs")


@pytest.mark.parametrize(
    ("source", "edited"),
    [
        ("DELETE FROM audit_logs", True),
        ("delete  from only public.audit_logs where true", True),
        ('UPDATE "public"."audit_logs" SET x = 1', True),
        ("TRUNCATE TABLE audit_logs", True),
        ("EXECUTE format('DELETE FROM %I', 'audit_logs')", True),
        ("INSERT INTO audit_logs SELECT 1", False),
        ("DELETE FROM audit_logs_archive", False),
        ("DELETE FROM other.audit_logs_x", False),
        ("-- DELETE FROM audit_logs\nSELECT 1", False),
        ("SELECT * FROM audit_logs FOR UPDATE", False),
    ],
)
def test_edits_are_read_from_text(source, edited):
    assert edits(source, [LOG]) is edited


@pytest.mark.parametrize(
    ("source", "days"),
    [
        ("now() - interval '90 days'", 90),
        ("interval '1 year'", 365.25),
        ("make_interval(days => 30)", 30),
        ("timestamp < now() - '12 months'::interval", 365.28),
        ("timestamp < $1", None),
    ],
)
def test_keeping_is_read_from_text(source, days):
    assert shortest_keeping(source) == pytest.approx(days) if days else shortest_keeping(source) is None


def index(*columns, **more) -> Index:
    return Index(
        **{"relation": 1, "name": "i", "method": "btree", "valid": True, "partial": False, **more, "columns": columns}
    )


@pytest.mark.parametrize(
    ("given", "served"),
    [
        (index("tenant_id", "timestamp"), True),
        (index("tenant_id", "timestamp", "id"), True),
        (index("timestamp", "tenant_id"), False),
        (index("tenant_id"), False),
        (index("tenant_id", "action", "timestamp"), False),
        (index("tenant_id", "timestamp", partial=True), False),
        (index("tenant_id", "timestamp", valid=False), False),
        (index("tenant_id", "timestamp", method="brin"), False),
    ],
)
def test_index_by_tenant_and_time(given, served):
    assert _serves(given, ["tenant_id", "timestamp"], "tenant_id", "timestamp") is served


@pytest.mark.parametrize(
    ("given", "served"),
    [
        (index("user_id", "action"), True),
        (index("action", "user_id", "timestamp"), True),
        (index("tenant_id", "user_id", "action"), True),
        (index("user_id", "timestamp", "action"), False),
        (index("user_id"), False),
    ],
)
def test_index_by_user_and_action(given, served):
    assert _serves(given, ["user_id", "action"], "tenant_id", None) is served


def test_table_is_found_by_name_quoted_name_and_pattern():
    def relation(schema, name, oid):
        return SimpleNamespace(schema=schema, name=name, title=f"{schema}.{name}", kind="r", partition=False, oid=oid)

    tables = [
        relation("public", "audit_logs", 1),
        relation("a", "Log. Book", 2),
        relation("t1", "log", 3),
        relation("t2", "log", 4),
    ]
    catalog = SimpleNamespace(relations={table.oid: table for table in tables})
    found = lambda name: [table.oid for table in find_tables(catalog, name)]  # noqa: E731
    assert found("public.audit_logs") == found("audit_logs") == found("PUBLIC.AUDIT_LOGS") == [1]
    assert found('a."Log. Book"') == [2]
    assert found("t*.log") == [3, 4]
    assert found("public.nothing") == []
