"""The stack that copies ADR-005's own samples to the letter: each is unsafe, and a reviewer must be told."""

from chimera_compliance.stack.flaws import flaw
from chimera_compliance.stack.flaws.c03_claims import missing_claims_break
from chimera_compliance.stack.flaws.c03_guard import user_from_body
from chimera_compliance.stack.flaws.c06_claims import as_written, binding

_TABLES = ("agents", "campaigns", "tasks", "content_assets", "reviews", "wallets", "transactions", "audit_logs")


@flaw("C03", also=("C04", "C05", "C06", "C07", "C08"), why="§2, §3, §5 and §6 of ADR-005 as they are written there")
def adr_005_as_written(variant):
    user_from_body(variant)
    missing_claims_break(variant)
    for name in ("issuer", "audience", "lifetime"):
        del variant.token_checks[name]
    variant.bind = _claim_in_set(variant)
    variant.audit = _audit
    variant.sql += [statement for table in _TABLES for statement in _without_force(table)]
    variant.repo += [_three_patterns, _handler_of_the_audit_sample]


def _claim_in_set(variant):
    """§3: a claim becomes SQL as it stands in the token, and the setting outlives the transaction."""
    return binding(as_written(variant, "tenant_id"), "SET app.current_tenant_id = '{}'")


def _bind(connection, caller):
    """The same for the audit's own transaction."""
    connection.exec_driver_sql(f"SET app.current_tenant_id = '{caller.tenant_id}'")


def _without_force(table):
    """§3: row-level security that does not bind the table's owner, who the application is."""
    yield f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY"
    yield f"ALTER TABLE {table} OWNER TO {{app}}"


def _audit(work, action, resource_type, resource_id, details):
    """§5: written after the operation, in a transaction of its own, with whatever the arguments held."""
    from sqlalchemy import event, insert

    from chimera_compliance.stack.api.tables import AuditLog

    who = work.caller
    row = {
        "user_id": who.user_id,
        "tenant_id": who.tenant_id,
        "action": action,
        "resource_type": resource_type,
        "resource_id": resource_id,
        "details": {"args": [], "kwargs": {key: str(value) for key, value in details.items()}},
    }

    def after_commit(session):
        with session.get_bind().begin() as connection:
            _bind(connection, who)
            connection.execute(insert(AuditLog).inline().values(row))

    event.listen(work.db, "after_commit", after_commit, once=True)


def _three_patterns(path):
    """§6: three regular expressions, and none of the scanner's own rules."""
    (path / ".gitleaks.toml").write_text(
        "[[rules]]\nid = \"github-pat\"\nregex = '''ghp_[0-9a-zA-Z]{36}'''\n\n"
        "[[rules]]\nid = \"aws-access-key\"\nregex = '''AKIA[0-9A-Z]{16}'''\n\n"
        "[[rules]]\nid = \"private-key\"\nregex = '''-----BEGIN (RSA|EC|OPENSSH) PRIVATE KEY-----'''\n"
    )


def _handler_of_the_audit_sample(path):
    """§5: `user` is no dependency, so that FastAPI takes it from the body, and no model describes it."""
    (path / "src" / "chimera" / "transactions.py").write_text(
        "from chimera.app import TransactionCreate, app, audit_log\n\n\n"
        '@app.post("/commerce/transactions")\n'
        '@audit_log(action="transfer_usdc", resource_type="transaction")\n'
        "async def create_transaction(tx: TransactionCreate, user: dict):\n"
        "    return {}\n"
    )
