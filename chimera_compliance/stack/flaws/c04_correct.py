"""Row-level security in other styles, all of them sound: C04 must stay green on every one."""

from chimera_compliance.stack.flaws import variant as sound

MINE = "nullif(current_setting('app.current_tenant_id', true), '')::uuid"
_TABLES = ("users", "agents", "campaigns", "tasks", "content_assets", "reviews", "wallets", "transactions")


def _everywhere(variant, policy: str) -> None:
    """Replace the policy of every table that has the tenant's column."""
    for table in _TABLES:
        variant.sql += [f"DROP POLICY tenant_isolation ON {table}", policy.replace("TABLE", table)]


@sound(why="the tenant is asked for once a query, in a sub-query")
def tenant_asked_once(variant):
    _everywhere(variant, f"CREATE POLICY own ON TABLE USING (tenant_id = (SELECT {MINE}))")


@sound(why="the requirement's own policy, which is an error while no tenant is set")
def tenant_or_error(variant):
    _everywhere(
        variant, "CREATE POLICY own ON TABLE USING (tenant_id = current_setting('app.current_tenant_id')::uuid)"
    )


@sound(why="what always holds is a restrictive policy, over a permissive one that admits all")
def restrictive_policy(variant):
    _everywhere(variant, "CREATE POLICY base ON TABLE USING (true) WITH CHECK (true)")
    for table in _TABLES:
        variant.sql.append(f"CREATE POLICY own ON {table} AS RESTRICTIVE USING (tenant_id = {MINE})")


@sound(why="a function gives the tenant and refuses to answer while none is set")
def raising_function(variant):
    variant.sql += [
        "CREATE FUNCTION tenant() RETURNS uuid LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$ "
        f"BEGIN IF {MINE} IS NULL THEN RAISE EXCEPTION 'no tenant' USING ERRCODE = '42501'; END IF; "
        f"RETURN {MINE}; END $$",
        "GRANT EXECUTE ON FUNCTION tenant() TO {app}",
    ]
    _everywhere(variant, "CREATE POLICY own ON TABLE USING (tenant_id = (SELECT tenant()))")


@sound(why="a helper that runs as its owner lists the bound tenant's users, and nobody else's")
def definer_helper(variant):
    variant.sql += [
        "CREATE FUNCTION my_tenants() RETURNS SETOF uuid LANGUAGE sql STABLE SECURITY DEFINER SET search_path = "
        f"pg_catalog, pg_temp AS $$ SELECT id FROM public.tenants WHERE id = {MINE} AND active $$",
        "GRANT EXECUTE ON FUNCTION my_tenants() TO {app}",
    ]
    _everywhere(variant, "CREATE POLICY own ON TABLE USING (tenant_id IN (SELECT my_tenants()))")


@sound(why="a view asks with the caller's rights, and another filters behind a barrier")
def careful_views(variant):
    variant.sql += [
        "CREATE VIEW fleet WITH (security_invoker = true) AS SELECT name, status FROM agents",
        f"CREATE VIEW spending WITH (security_barrier = true) AS SELECT * FROM transactions WHERE tenant_id = {MINE}",
        "GRANT SELECT ON fleet, spending TO {app}",
    ]


@sound(why="partitions have no policies and are granted to nobody; a table of currencies is everybody's")
def partitions_and_global_tables(variant):
    variant.sql += [
        "CREATE TABLE events (tenant_id uuid NOT NULL REFERENCES tenants (id), at date NOT NULL, note text) "
        "PARTITION BY RANGE (at)",
        "CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')",
        "ALTER TABLE events ENABLE ROW LEVEL SECURITY",
        f"CREATE POLICY own ON events USING (tenant_id = {MINE})",
        "CREATE TABLE currencies (code text PRIMARY KEY)",
        "GRANT SELECT ON events, currencies TO {app}",
    ]


@sound(why="a support login of its own has a policy of its own; the application cannot become it")
def support_login(variant):
    variant.sql += [
        "CREATE ROLE {app}_support LOGIN",
        "GRANT USAGE ON SCHEMA public TO {app}_support",
        "GRANT SELECT ON agents TO {app}_support",
        "CREATE POLICY support ON agents FOR SELECT TO {app}_support USING (true)",
    ]
