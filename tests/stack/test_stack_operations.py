"""Every operation answers as CHIMERA.md says."""

import re

import pytest
from chimera_client import Chimera

OPERATIONS = {
    "POST /campaigns": (201, {"operator"}),
    "GET /campaigns": (200, {"operator", "reviewer", "admin"}),
    "GET /campaigns/{campaign_id}": (200, {"operator", "reviewer", "admin"}),
    "PATCH /campaigns/{campaign_id}": (200, {"operator"}),
    "GET /fleet/status": (200, {"operator", "admin"}),
    "GET /agents/{agent_id}": (200, {"operator", "reviewer", "admin"}),
    "GET /hitl/queue": (200, {"reviewer"}),
    "POST /hitl/reviews/{review_id}/decision": (200, {"reviewer"}),
    "GET /tasks": (200, {"operator", "reviewer", "admin"}),
    "GET /tasks/{task_id}": (200, {"operator", "reviewer", "admin"}),
    "GET /content": (200, {"operator", "reviewer", "admin"}),
    "GET /content/{asset_id}": (200, {"operator", "reviewer", "admin"}),
    "POST /trends/fetch": (202, {"operator"}),
    "GET /commerce/wallets/{agent_id}/balance": (200, {"operator", "admin"}),
    "POST /commerce/transactions": (201, {"operator"}),
    "GET /commerce/transactions": (200, {"operator"}),
    "GET /metrics": (200, {"admin"}),
}
BY_ID = {name: name for name in OPERATIONS if "{" in name}
ERROR = {"code", "message", "details", "request_id", "timestamp"}


def code(response) -> str:
    assert set(response.json()) == {"error"}
    assert set(response.json()["error"]) == ERROR
    assert re.fullmatch(r"[0-9a-f-]{36}", response.json()["error"]["request_id"])
    return response.json()["error"]["code"]


def test_the_document_lists_every_operation_and_no_other(chimera):
    documented = {f"{method.upper()} {path}" for path, item in chimera.openapi["paths"].items() for method in item}
    assert documented == {*OPERATIONS, "GET /health"}


def test_the_document_demands_a_token_everywhere_but_on_health(chimera):
    for path, item in chimera.openapi["paths"].items():
        for described in item.values():
            assert described["security"] == ([] if path == "/health" else [{"bearerAuth": []}])
            assert path == "/health" or {"401", "429"} <= set(described["responses"])


@pytest.mark.parametrize("operation", OPERATIONS)
def test_roles(chimera, operation):
    status, admitted = OPERATIONS[operation]
    for role in ("operator", "reviewer", "admin"):
        answer = chimera.call(operation, chimera.token(role=role))
        assert answer.status_code == (status if role in admitted else 403), (role, answer.text)
        assert answer.ok or code(answer) == "forbidden"


@pytest.mark.parametrize("operation", OPERATIONS)
def test_no_token_is_401_with_a_challenge(chimera, operation):
    answer = chimera.call(operation, data=b"{broken")
    assert (answer.status_code, code(answer)) == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="chimera"'


@pytest.mark.parametrize("operation", [*BY_ID, "POST /trends/fetch", "POST /commerce/transactions"])
def test_what_belongs_to_another_tenant_is_not_found(chimera, operation):
    role = sorted(OPERATIONS[operation][1])[-1]
    answer = chimera.call(operation, chimera.token("alice", role), who="bob")
    assert (answer.status_code, code(answer)) == (404, "not_found")


def test_a_campaign_for_another_tenant_is_refused(chimera):
    answer = chimera.call("POST /campaigns", chimera.token("alice"), who="bob")
    assert (answer.status_code, code(answer)) == (403, "forbidden")


def test_health_says_nothing_but_its_status(chimera):
    assert chimera.call("GET /health").json() == {"status": "ok"}


def test_lists_come_in_pages(chimera):
    token = chimera.token()
    first = chimera.call("GET /content", token, params={"limit": 25}).json()
    last = chimera.call("GET /content", token, params={"limit": 25, "page": 3}).json()
    assert (len(first["items"]), len(last["items"]), first["total"]) == (25, 10, 60)
    assert chimera.call("GET /content", token).json()["limit"] == 20


@pytest.mark.parametrize("wrong", [{"page": 0}, {"limit": 0}, {"limit": 101}, {"page": "x"}, {"page": 10**30}], ids=str)
def test_pages_have_bounds(chimera, wrong):
    assert code(chimera.call("GET /tasks", chimera.token(), params=wrong)) == "validation_error"


@pytest.mark.parametrize(
    ("operation", "wanted"),
    [
        ("GET /content", {"asset_type": "video"}),
        ("GET /content", {"platform": "threads"}),
        ("GET /content", {"agent_id": "a2000000-0000-4000-8000-000000000002"}),
        ("GET /tasks", {"status": "running"}),
        ("GET /tasks", {"campaign_id": "a3000000-0000-4000-8000-000000000001"}),
        ("GET /campaigns", {"status": "active"}),
    ],
    ids=str,
)
def test_filters(chimera, operation, wanted):
    found = chimera.call(operation, chimera.token(), params=wanted).json()
    ((name, value),) = wanted.items()
    assert found["items"]
    assert {item[name] for item in found["items"]} == {value}


def test_a_video_shows_its_metadata(chimera):
    found = chimera.call("GET /content", chimera.token(), params={"asset_type": "video"}).json()
    assert found["items"][0]["video"]["ai_disclosure"] == "Made with AI"


INVALID_CAMPAIGNS = {
    "short goal": {"goal_description": "too short"},
    "long goal": {"goal_description": "x" * 501},
    "blank goal": {"goal_description": " " * 50},
    "NUL in the goal": {"goal_description": "ten letters \x00 and a NUL"},
    "lone surrogate": {"goal_description": "ten letters and \ud800"},
    "unknown platform": {"target_platforms": ["myspace"]},
    "unknown priority": {"priority": "urgent"},
    "no budget": {"budget_usdc": 0},
    "too much budget": {"budget_usdc": 10_000.01},
    "budget as text": {"budget_usdc": "10"},
    "end before start": {"end_date": "2029-12-31"},
    "tenant is no uuid": {"tenant_id": "tenant-456"},
    "unknown member": {"status": "active"},
}


@pytest.mark.parametrize("wrong", INVALID_CAMPAIGNS.values(), ids=INVALID_CAMPAIGNS)
def test_invalid_campaigns(chimera, wrong):
    body = chimera.body("POST /campaigns", **wrong)
    answer = chimera.call("POST /campaigns", chimera.token(), json=body)
    assert (answer.status_code, code(answer)) == (422, "validation_error")


UNREADABLE = {
    "broken": (b'{"budget_usdc": ', 400),
    "NaN": (b'{"budget_usdc": NaN}', 400),
    "member twice": (b'{"status": "paused", "status": "active"}', 400),
    "too deep": (b"[" * 100_000, 400),
    "not UTF-8": (b'{"status": "\xff"}', 400),
    "too large": (b'{"status": "' + b"x" * 1_000_001 + b'"}', 413),
    "an array": (b"[]", 422),
    "infinite": (b'{"budget_usdc": 1e999}', 422),
}


@pytest.mark.parametrize(("body", "status"), UNREADABLE.values(), ids=UNREADABLE)
def test_unreadable_bodies(chimera, body, status):
    headers = {"Content-Type": "application/json"}
    answer = chimera.call("PATCH /campaigns/{campaign_id}", chimera.token(), data=body, headers=headers)
    assert answer.status_code == status
    assert code(answer) == {422: "validation_error"}.get(status, "invalid_request")


def test_a_body_without_a_length_is_limited_too(chimera):
    chunks = (b"x" * 100_000 for _ in range(20))
    headers = {"Content-Type": "application/json"}
    answer = chimera.call("PATCH /campaigns/{campaign_id}", chimera.token(), data=chunks, headers=headers)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "headers",
    [{"Content-Type": "text/plain"}, {"Content-Type": "application/json", "Content-Encoding": "gzip"}],
    ids=str,
)
def test_only_plain_json_is_read(chimera, headers):
    answer = chimera.call("PATCH /campaigns/{campaign_id}", chimera.token(), data=b"{}", headers=headers)
    assert answer.status_code == 415


@pytest.mark.parametrize(
    ("operation", "status"),
    [("GET /nothing", 404), ("DELETE /tasks", 405), ("GET /campaigns/", 404), ("GET /../openapi.json", 404)],
)
def test_what_is_not_there(chimera, operation, status):
    assert chimera.call(operation, chimera.token()).status_code == status


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/", "/metrics", "/health"])
def test_nothing_is_served_outside_of_the_base_path(chimera, path):
    root = chimera.target.api.base_url.removesuffix("/api/v1")
    assert chimera.session.get(root + path).status_code == 404


def test_ten_active_campaigns_at_most(boot):
    chimera = Chimera.of(boot())
    token = chimera.token()
    made = [chimera.call("POST /campaigns", token) for _ in range(9)]
    assert [answer.status_code for answer in made] == [201] * 8 + [403]
    assert code(made[-1]) == "quota_exceeded"
    paused = {"status": "paused"}
    assert chimera.call("PATCH /campaigns/{campaign_id}", token, json=paused).json()["status"] == "paused"
    assert chimera.call("POST /campaigns", token).status_code == 201
    resumed = chimera.call("PATCH /campaigns/{campaign_id}", token, json={"status": "active"})
    assert code(resumed) == "quota_exceeded"
    assert chimera.call("POST /campaigns", chimera.token("bob"), who="bob").status_code == 201


def test_a_review_is_decided_once(chimera):
    token = chimera.token(role="reviewer")
    waiting = chimera.call("GET /hitl/queue", token).json()
    review = waiting["items"][-1]
    decide = f"POST /hitl/reviews/{review['id']}/decision"
    edited = chimera.call(decide, token, json={"decision": "edit", "edited_content": "Better"})
    assert (edited.status_code, edited.json()["decision"]) == (200, "edit")
    assert code(chimera.call(decide, token, json={"decision": "approve"})) == "conflict"
    asset = chimera.call(f"GET /content/{review['asset_id']}", token).json()
    assert (asset["body"], asset["status"]) == ("Better", "edited")
    assert chimera.call("GET /hitl/queue", token).json()["total"] == waiting["total"] - 1


@pytest.mark.parametrize(
    "wrong", [{"decision": "edit"}, {"decision": "approve", "edited_content": "x"}, {"decision": "maybe"}], ids=str
)
def test_invalid_decisions(chimera, wrong):
    token = chimera.token(role="reviewer")
    answer = chimera.call("POST /hitl/reviews/{review_id}/decision", token, json=wrong)
    assert code(answer) == "validation_error"


def test_money_moves_within_balance_and_budget(chimera):
    token = chimera.token()
    balance, transfer = "GET /commerce/wallets/{agent_id}/balance", "POST /commerce/transactions"
    before = chimera.call(balance, token).json()["balance_usdc"]
    paid = chimera.call(transfer, token, json=chimera.body(transfer, amount_usdc=12.5))
    assert (paid.status_code, paid.json()["amount_usdc"]) == (201, 12.5)
    assert chimera.call(balance, token).json()["balance_usdc"] == before - 12.5
    too_much = chimera.call(transfer, token, json=chimera.body(transfer, amount_usdc=60_000))
    assert (too_much.status_code, too_much.json()["error"]["details"]) == (422, {"reason": "insufficient_balance"})
    over = chimera.call(transfer, token, json=chimera.body(transfer, amount_usdc=100_000))
    assert (over.status_code, code(over)) == (403, "budget_exceeded")


@pytest.mark.parametrize(
    "wrong",
    [{"to_address": "0x12"}, {"to_address": None}, {"amount_usdc": 0}, {"amount_usdc": 1e-12}, {"amount_usdc": 1e300}],
    ids=str,
)
def test_invalid_transactions(chimera, wrong):
    transfer = "POST /commerce/transactions"
    answer = chimera.call(transfer, chimera.token(), json=chimera.body(transfer, **wrong))
    assert code(answer) == "validation_error"


def test_an_error_does_not_repeat_what_was_sent(chimera):
    body = chimera.body("POST /campaigns", priority="hunter2-was-here")
    answer = chimera.call("POST /campaigns", chimera.token(), json=body)
    assert answer.status_code == 422
    assert "hunter2" not in answer.text
