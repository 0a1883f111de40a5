"""C04: tables and policies that let one tenant reach another's rows."""

from chimera_compliance.stack.flaws import flaw

MINE = "nullif(current_setting('app.current_tenant_id', true), '')::uuid"


def _policy(variant, table: str, using: str, more: str = "") -> None:
    """Replace a table's policy."""
    variant.sql += [f"DROP POLICY tenant_isolation ON {table}", f"CREATE POLICY bent ON {table} USING ({using}) {more}"]


@flaw("C04", why="a table with tenants' rows was left without row-level security")
def table_without_rls(variant):
    variant.sql.append("ALTER TABLE agents DISABLE ROW LEVEL SECURITY")


@flaw("C04", why="a table reached only through its parent has no policy of its own")
def child_without_rls(variant):
    variant.sql.append("ALTER TABLE video_metadata DISABLE ROW LEVEL SECURITY")


@flaw("C04", why="a policy admits every row")
def policy_is_true(variant):
    _policy(variant, "agents", "true")


@flaw("C04", why="a second permissive policy is OR-ed to the tenant's")
def permissive_policy_beside(variant):
    variant.sql.append("CREATE POLICY showcase ON content_assets FOR SELECT USING (status = 'approved')")


@flaw("C04", why="rows that lost their tenant are everybody's")
def rows_of_no_tenant(variant):
    variant.sql.append("ALTER TABLE tasks ALTER tenant_id DROP NOT NULL")
    _policy(variant, "tasks", f"tenant_id = {MINE} OR tenant_id IS NULL")


@flaw("C04", why="an unqualified column in a sub-query is the inner table's, and the condition always true")
def captured_column(variant):
    _policy(variant, "wallets", f"EXISTS (SELECT FROM users u WHERE u.tenant_id = {MINE} AND tenant_id = u.tenant_id)")


@flaw("C04", why="tenants are compared by the beginning of their identifier")
def compared_by_prefix(variant):
    _policy(variant, "transactions", f"left(tenant_id::text, 18) = left({MINE}::text, 18)")


@flaw("C04", why="a new row may be made for any tenant")
def insert_for_anybody(variant):
    _policy(variant, "campaigns", f"tenant_id = {MINE}", "WITH CHECK (true)")


@flaw("C04", why="the policy for UPDATE admits rows that the one for SELECT does not show")
def blind_update(variant):
    variant.sql.append("CREATE POLICY touch ON wallets FOR UPDATE USING (true)")


@flaw("C04", why="the policy for DELETE admits rows that the one for SELECT does not show")
def blind_delete(variant):
    variant.sql += ["GRANT DELETE ON campaigns TO {app}", "CREATE POLICY tidy ON campaigns FOR DELETE USING (true)"]


@flaw("C04", why="the policy is open while no tenant is set")
def open_when_unset(variant):
    _policy(variant, "agents", f"tenant_id = {MINE} OR {MINE} IS NULL")


@flaw("C04", why="who sets no tenant is given one")
def default_tenant(variant):
    variant.sql.append("ALTER ROLE {app} SET app.current_tenant_id = 'a0000000-0000-4000-8000-000000000001'")
    fallback = "(SELECT id FROM tenants ORDER BY id LIMIT 1)"
    _policy(variant, "agents", f"tenant_id = coalesce({MINE}, {fallback})")


@flaw("C04", why="a setting that any session can make opens every row")
def administrator_setting(variant):
    _policy(variant, "agents", f"tenant_id = {MINE} OR current_setting('app.is_admin', true) = 'on'")


@flaw("C04", why="the application owns the function that its policy asks")
def own_policy_function(variant):
    variant.sql += [
        f"CREATE FUNCTION whose() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT {MINE} $$",
        "ALTER FUNCTION whose() OWNER TO {app}",
        "GRANT EXECUTE ON FUNCTION whose() TO {app}",
    ]
    _policy(variant, "agents", "tenant_id = whose()")


@flaw("C04", why="a policy function takes current_setting from wherever the application may create one")
def shadowed_function(variant):
    variant.sql += [
        "CREATE SCHEMA scratch",
        "GRANT USAGE, CREATE ON SCHEMA scratch TO {app}",
        f"CREATE FUNCTION whose() RETURNS uuid LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN {MINE}; END $$",
        "GRANT EXECUTE ON FUNCTION whose() TO {app}",
    ]
    _policy(variant, "agents", "tenant_id = whose()")


@flaw("C04", why="a function that tells what it is given is marked LEAKPROOF, so that it runs before the policy")
def leaky_leakproof(variant):
    variant.sql += [
        "CREATE FUNCTION trace(t text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 LEAKPROOF "
        "AS $$ BEGIN RAISE NOTICE '%', t; RETURN true; END $$",
        "GRANT EXECUTE ON FUNCTION trace(text) TO {app}",
    ]
