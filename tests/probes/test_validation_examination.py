"""Small services with one habit at a time: what is wrong is found, in whatever words refused, and nothing else."""

import json
import re
from contextlib import ExitStack
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import pytest
from loopback import answer, api_for, path_of, serving

from chimera_compliance.probes.openapi.operations import load_operations
from chimera_compliance.probes.principals.principal import load_principals
from chimera_compliance.probes.validation.inspection import Inspection
from chimera_compliance.probes.validation.paging import is_page_length, is_unbounded
from chimera_compliance.probes.validation.trials import ACCEPTED

ORDER = {
    "type": "object",
    "required": ["label", "amount"],
    "properties": {
        "label": {"type": "string", "minLength": 3, "maxLength": 20},
        "amount": {"type": "integer", "minimum": 1, "maximum": 100},
        "kind": {"type": "string", "enum": ["buy", "sell"]},
    },
}
DOCUMENT = {
    "openapi": "3.1.0",
    "paths": {
        "/orders": {
            "get": {
                "parameters": [
                    {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 50}}
                ]
            },
            "post": {"requestBody": {"required": True, "content": {"application/json": {"schema": ORDER}}}},
        },
        "/orders/{order_id}": {
            "get": {
                "parameters": [{"name": "order_id", "in": "path", "required": True, "schema": {"type": "integer"}}]
            },
            "delete": {
                "parameters": [{"name": "order_id", "in": "path", "required": True, "schema": {"type": "integer"}}]
            },
        },
    },
}
SETTINGS = """
api: {base_url: 'URL', openapi: openapi.json}
tokens: {claims: {tenant: null, role: null}}
principals:
  alice: {subject: alice-1, token: {given: '${ALICE}'}, resources: {order_id: "1"}}
input: {constraints: {amount: {type: integer, minimum: 1, maximum: 100}}, body_bytes: 100000}
"""


@dataclass
class Orders:
    """Takes orders. Each habit is a flaw, or another way to be right."""

    habits: frozenset[str] = frozenset()
    orders: dict[int, dict] = field(
        default_factory=lambda: {1: {"id": 1, "label": "first", "amount": 5, "status": "new"}}
    )

    def __call__(self, connection, request: bytes) -> None:
        try:
            status, body = self._answer(request)
        except RecursionError:
            status, body = self._refusal(400, [])
        content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        connection.sendall(answer(content if status[:3] != "204" else b"", status))

    def _answer(self, request: bytes):
        method, path = request.split(b" ", 1)[0].decode(), urlsplit(path_of(request))
        head, _, content = request.partition(b"\r\n\r\n")
        if len(content) > 100_000 and "no body limit" not in self.habits:
            return self._refusal(413, [])
        if path.path == "/orders" and method == "POST":
            return self._create(head, content)
        if path.path == "/orders" and method == "GET":
            return self._list(parse_qs(path.query))
        found = re.fullmatch(r"/orders/([^/]+)", path.path)
        if not found or method not in ("GET", "DELETE"):
            return self._refusal(404 if not found else 405, [])
        if not found[1].isdecimal() or int(found[1]) not in self.orders:
            return self._refusal(404, [])
        if method == "DELETE":
            del self.orders[int(found[1])]
            return "204 No Content", ""
        return "200 OK", self.orders[int(found[1])]

    def _list(self, query):
        limit = query.get("limit", ["20"])[0]
        bound = 10**9 if "endless pages" in self.habits else 50
        if not re.fullmatch(r"\d{1,9}", limit) or int(limit) < 1:
            return self._refusal(422, ["limit"])
        if int(limit) > bound and "cut pages" not in self.habits:
            return self._refusal(422, ["limit"])
        rows = list(self.orders.values())[: int(limit)]
        return "200 OK", {"items": rows, "limit": min(int(limit), bound)}

    def _create(self, head, content):
        if b"application/json" not in head and "any media type" not in self.habits:
            return self._refusal(415, [])
        try:
            constant = None if "NaN" in self.habits else self._refuse
            body = json.loads(content, parse_constant=constant)
        except ValueError:
            return self._refusal(400, [])
        wrong = self._wrong(body)
        if wrong is not None:
            return self._refusal(422, wrong)
        number = max(self.orders) + 1
        offered = set(ORDER["properties"]) | ({"status", "id"} if "keeps everything" in self.habits else set())
        made = {"id": number, "status": "new", **{key: value for key, value in body.items() if key in offered}}
        self.orders[number] = made | {"id": number}
        return "201 Created", self.orders[number]

    def _refuse(self, constant):
        raise ValueError(constant)

    def _wrong(self, body):
        if not isinstance(body, dict):
            return ["body"]
        if "strict" in self.habits and set(body) - set(ORDER["properties"]):
            return sorted(set(body) - set(ORDER["properties"]))
        label, amount, kind = body.get("label"), body.get("amount"), body.get("kind", "buy")
        if "numbers as text" in self.habits and isinstance(amount, str) and amount.lstrip("-").isdecimal():
            amount = body["amount"] = int(amount[:9])
        longest = 21 if "one more" in self.habits else 20
        wrong = []
        if not isinstance(label, str) or not 3 <= len(label) <= longest or "\0" in label or not label.isprintable():
            wrong.append("label")
        whole = isinstance(amount, int) and not isinstance(amount, bool)
        nan = "NaN" in self.habits and isinstance(amount, float) and amount != amount
        if not nan and (not whole or amount > 100 or (amount < 1 and "negative" not in self.habits)):
            wrong.append("amount")
        if kind not in ("buy", "sell") and not ("any kind" in self.habits and isinstance(kind, str)):
            wrong.append("kind")
        return wrong or None

    def _refusal(self, status, fields):
        reason = f"{status} No"
        if "silent" in self.habits:
            return reason, {"detail": "no"}
        if "plain text" in self.habits:
            return reason, "no"
        if "first field only" in self.habits:
            return reason, {"detail": [{"loc": ["body", name]} for name in fields[:1]]}
        if "names everything" in self.habits:
            return reason, {"detail": [{"loc": ["body", name]} for name in ORDER["properties"]]}
        return reason, {"detail": [{"loc": ["body", name]} for name in fields]}


@pytest.fixture
def inspected(tmp_path, monkeypatch):
    monkeypatch.setenv("ALICE", "token-of-alice")
    (tmp_path / "openapi.json").write_text(json.dumps(DOCUMENT))
    with ExitStack() as stack:

        def inspected(*habits, **scope):
            service = Orders(frozenset(habits))
            server = stack.enter_context(serving(service))
            api = stack.enter_context(api_for(server.url, tmp_path, SETTINGS, **scope))
            people = load_principals(api.target, api.journal)
            seen = Inspection(api.target, api, load_operations(api.target, api, people), people).run()
            seen.service, seen.api = service, api
            return seen

        yield inspected


def accepted(seen):
    bodies = [item.odd.label for item in seen.bodies if item.outcome == ACCEPTED and item.odd.must == "refuse"]
    fields = {
        (item.place.name, item.wrong.rule)
        for item in seen.seen
        if item.outcome == ACCEPTED and not is_page_length(item)
    }
    pages = {("limit", "pages") for item in seen.seen if is_page_length(item) and is_unbounded(item)}
    kept = {(name, "kept") for item in seen.assigned for name in item.kept}
    return fields | pages | kept | {("body", label) for label in bodies}


WORDS = [
    (),
    ("silent",),
    ("plain text",),
    ("first field only",),
    ("names everything",),
    ("strict",),
    ("strict", "silent"),
]
LAX = [("numbers as text",), ("cut pages", "endless pages"), ("numbers as text", "silent")]


@pytest.mark.parametrize("habits", WORDS + [habits for habits in LAX if "endless pages" not in habits], ids=str)
def test_a_right_service_is_left_alone(inspected, habits):
    seen = inspected(*habits)
    assert not accepted(seen)
    assert not seen.broken
    assert all(item.accepted for item in seen.positives)
    assert {item.wrong.rule for item in seen.seen} >= {"required", "type", "bounds", "length", "form", "number", "text"}
    assert not [item.undecided for item in seen.assigned if item.undecided]


@pytest.mark.parametrize("words", WORDS[:5], ids=str)
@pytest.mark.parametrize(
    ("habit", "expected"),
    [
        ("one more", ("label", "length")),
        ("negative", ("amount", "bounds")),
        ("any kind", ("kind", "form")),
        ("NaN", ("amount", "number")),
    ],
)
def test_a_rule_that_is_dropped_is_found_whatever_the_errors_say(inspected, words, habit, expected):
    assert accepted(inspected(habit, *words)) == {expected}


@pytest.mark.parametrize(
    ("habit", "expected"),
    [
        ("endless pages", {("limit", "pages")}),
        ("no body limit", {("body", "100,001 bytes")}),
        ("any media type", {("body", "JSON sent as text/plain")}),
        ("keeps everything", {("status", "kept")}),
    ],
)
def test_other_flaws_are_found(inspected, habit, expected):
    assert accepted(inspected(habit)) == expected


def test_a_page_that_is_cut_is_no_finding(inspected):
    assert not accepted(inspected("cut pages"))


def test_what_was_made_is_deleted(inspected):
    seen = inspected()
    assert list(seen.service.orders) == [1]
    assert not seen.left


def test_without_writes_nothing_is_sent_that_might_change_something(inspected):
    seen = inspected(writes="false")
    assert list(seen.service.orders) == [1]
    assert seen.withheld.keys() == {"POST /orders", "DELETE /orders/{order_id}"}
    assert not [
        item for item in seen.exchanges if item.request.method == "POST" and item.request.operation == "POST /orders"
    ]
    assert [item for item in seen.seen if item.place.name == "limit"]


def test_naming_errors_save_requests(inspected):
    telling, silent = inspected(), inspected("silent")
    assert len(telling.exchanges) < len(silent.exchanges)
    assert len(telling.exchanges) < 110


def test_a_demand_is_compared_with_the_document(inspected):
    [demand] = inspected().demands
    assert demand.subject == "POST /orders amount"
    assert not demand.unsaid
