"""Each sensitive operation leaves one true row, or did not happen."""

import pytest

DECISIONS = {
    "approve": {"decision": "approve"},
    "reject": {"decision": "reject"},
    "edit": {"decision": "edit", "edited_content": "A better text"},
}


def rows(superuser) -> list[dict]:
    found = superuser.execute("SELECT to_jsonb(a) FROM audit_logs a WHERE user_agent IS DISTINCT FROM 'seed'")
    return [row[0] for row in found]


def new_row(superuser, act) -> dict:
    before = {row["id"] for row in rows(superuser)}
    answer = act()
    assert answer.ok, answer.text
    (row,) = [row for row in rows(superuser) if row["id"] not in before]
    return row | {"answered": answer.json()}


def is_true(row: dict, chimera) -> None:
    alice = chimera.target.principals["alice"]
    assert (row["user_id"], row["tenant_id"]) == (alice.subject, alice.tenant)
    assert row["ip_address"] == "127.0.0.1"
    assert row["user_agent"].startswith("python-requests")


@pytest.mark.parametrize(
    ("operation", "action", "kind"),
    [
        ("POST /campaigns", "create_campaign", "campaign"),
        ("PATCH /campaigns/{campaign_id}", "update_campaign", "campaign"),
        ("POST /commerce/transactions", "transfer_usdc", "transaction"),
    ],
)
def test_an_operation_is_recorded(chimera, superuser, operation, action, kind):
    row = new_row(superuser, lambda: chimera.call(operation, chimera.token()))
    assert (row["action"], row["resource_type"], row["resource_id"]) == (action, kind, row["answered"]["id"])
    is_true(row, chimera)


def test_a_deployment_is_recorded(chimera, superuser):
    body = chimera.body("POST /commerce/transactions", transaction_type="deploy_token")
    del body["to_address"]
    row = new_row(superuser, lambda: chimera.call("POST /commerce/transactions", chimera.token(), json=body))
    assert row["action"] == "deploy_token"


@pytest.mark.parametrize("number", range(3))
def test_a_decision_is_recorded(chimera, superuser, number):
    decision = list(DECISIONS)[number]
    operation = f"POST /hitl/reviews/a6000000-0000-4000-8000-00000000001{number}/decision"
    token = chimera.token(role="reviewer")
    row = new_row(superuser, lambda: chimera.call(operation, token, json=DECISIONS[decision]))
    assert (row["action"], row["resource_id"]) == (f"{decision}_content", row["answered"]["asset_id"])
    assert "better" not in str(row["details"])
    is_true(row, chimera)


@pytest.mark.parametrize("status", [401, 403, 422])
def test_what_was_refused_is_not_recorded_as_done(chimera, superuser, status):
    before = len(rows(superuser))
    token = {401: None, 403: chimera.token(role="admin"), 422: chimera.token()}[status]
    body = chimera.body("POST /campaigns", **({"budget_usdc": -1} if status == 422 else {}))
    assert chimera.call("POST /campaigns", token, json=body).status_code == status
    assert len(rows(superuser)) == before


def test_an_operation_that_cannot_be_recorded_does_not_happen(chimera, superuser):
    count = "SELECT count(*) FROM transactions"
    before = superuser.execute(count).fetchone()
    superuser.execute("ALTER TABLE audit_logs ADD CONSTRAINT refuse CHECK (false) NOT VALID")
    try:
        assert chimera.call("POST /commerce/transactions", chimera.token()).status_code == 500
    finally:
        superuser.execute("ALTER TABLE audit_logs DROP CONSTRAINT refuse")
    assert superuser.execute(count).fetchone() == before
