"""The database keeps tenants apart by itself, whatever the application does."""

import psycopg
import pytest
from psycopg import errors

TENANT = {"alice": "a0000000-0000-4000-8000-000000000001", "bob": "b0000000-0000-4000-8000-000000000001"}
OWN = {
    "tenants": "id",
    "users": "tenant_id",
    "agents": "tenant_id",
    "campaigns": "tenant_id",
    "tasks": "tenant_id",
    "content_assets": "tenant_id",
    "reviews": "tenant_id",
    "wallets": "tenant_id",
    "transactions": "tenant_id",
    "audit_logs": "tenant_id",
}
TABLES = [*OWN, "video_metadata"]


def become(connection: psycopg.Connection, who: str) -> None:
    connection.execute("SELECT set_config('app.current_tenant_id', %s, true)", (TENANT.get(who, who),))


def counted(connection: psycopg.Connection, table: str) -> int:
    return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def test_these_are_all_the_tables(superuser):
    found = superuser.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    assert {row[0] for row in found} == set(TABLES)


@pytest.mark.parametrize("table", TABLES)
def test_a_tenant_sees_its_own_rows_and_no_others(app_db, superuser, table):
    become(app_db, "alice")
    assert 0 < counted(app_db, table) < counted(superuser, table)
    if table in OWN:
        assert {str(row[0]) for row in app_db.execute(f"SELECT {OWN[table]} FROM {table}")} == {TENANT["alice"]}


@pytest.mark.parametrize("table", TABLES)
def test_without_a_tenant_there_are_no_rows(app_db, table):
    assert counted(app_db, table) == 0
    become(app_db, "")
    assert counted(app_db, table) == 0


@pytest.mark.parametrize("tenant", ["nonsense", "' OR true --", "{a0000000}"])
def test_a_tenant_that_is_none_is_an_error(app_db, tenant):
    become(app_db, tenant)
    with pytest.raises(errors.InvalidTextRepresentation):
        counted(app_db, "agents")


def test_rows_for_another_tenant_cannot_be_written(app_db):
    become(app_db, "alice")
    columns = "tenant_id, goal_description, target_platforms, priority, budget_usdc, start_date, end_date"
    row = "'Ten letters and more', '{twitter}', 'low', 1, '2030-01-01', '2030-01-02'"
    insert = f"INSERT INTO campaigns ({columns}) VALUES (%s, {row})"
    app_db.execute(insert, (TENANT["alice"],))
    with pytest.raises(errors.InsufficientPrivilege, match="row-level security"):
        app_db.execute(insert, (TENANT["bob"],))


def test_rows_of_another_tenant_cannot_be_changed(app_db):
    become(app_db, "alice")
    mine = app_db.execute("UPDATE wallets SET balance_usdc = 1").rowcount
    assert mine == 3
    theirs = app_db.execute("UPDATE wallets SET balance_usdc = 1 WHERE tenant_id = %s", (TENANT["bob"],)).rowcount
    assert theirs == 0


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE campaigns SET tenant_id = 'b0000000-0000-4000-8000-000000000001'",
        "UPDATE audit_logs SET action = 'nothing'",
        "DELETE FROM audit_logs",
        "TRUNCATE audit_logs",
        "INSERT INTO audit_logs (timestamp, user_id, tenant_id, action, resource_type) "
        "VALUES (now(), gen_random_uuid(), 'a0000000-0000-4000-8000-000000000001', 'x', 'y')",
        "ALTER TABLE agents DISABLE ROW LEVEL SECURITY",
        "CREATE TABLE mine (id int)",
        "CREATE TEMPORARY TABLE mine (id int)",
        "SET ROLE postgres",
        "COPY agents TO PROGRAM 'cat'",
        "SELECT lo_import('/etc/passwd')",
        "CREATE ROLE other",
    ],
    ids=lambda statement: " ".join(statement.split()[:3]),
)
def test_the_application_may_not(app_db, statement):
    become(app_db, "alice")
    with pytest.raises((errors.InsufficientPrivilege, errors.InvalidParameterValue)):
        app_db.execute(statement)


def test_the_application_is_nobody_special(app_db):
    told = app_db.execute(
        "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication, rolinherit,"
        " EXISTS (SELECT FROM pg_auth_members WHERE member = pg_roles.oid),"
        " EXISTS (SELECT FROM pg_class WHERE relowner = pg_roles.oid)"
        " FROM pg_roles WHERE rolname = current_user"
    ).fetchone()
    assert told == (False,) * 8


def test_row_level_security_is_forced_everywhere(superuser):
    weak = superuser.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        " AND NOT (relrowsecurity AND relforcerowsecurity)"
    )
    assert weak.fetchall() == []


def test_public_has_no_privilege(superuser):
    granted = superuser.execute(
        "SELECT relname FROM pg_class, aclexplode(relacl) WHERE relnamespace = 'public'::regnamespace AND grantee = 0"
        " UNION SELECT nspname FROM pg_namespace, aclexplode(nspacl) WHERE nspname = 'public' AND grantee = 0"
        " UNION SELECT datname FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba)))"
        " WHERE datname = current_database() AND grantee = 0"
    )
    assert granted.fetchall() == []


def test_the_connection_is_encrypted_and_nothing_else_is_let_in(chimera, app_db):
    assert app_db.pgconn.ssl_in_use
    plain = psycopg.conninfo.conninfo_to_dict(chimera.target.dsn(chimera.target.db.dsn)) | {"sslmode": "disable"}
    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        psycopg.connect(**plain)
