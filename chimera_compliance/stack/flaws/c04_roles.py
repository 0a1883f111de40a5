"""C04: roles and privileges that policies do not bind, however right they are."""

from chimera_compliance.stack.flaws import flaw


@flaw("C04", also=("C07",), why="the application's login has BYPASSRLS")
def login_bypasses(variant):
    variant.sql.append("ALTER ROLE {app} BYPASSRLS")


@flaw("C04", why="the application owns a table, and can take its policies off")
def login_owns_a_table(variant):
    variant.sql += ["GRANT CREATE ON SCHEMA public TO {app}", "ALTER TABLE agents OWNER TO {app}"]
    variant.sql.append("REVOKE CREATE ON SCHEMA public FROM {app}")


@flaw("C04", why="the application can become a role with BYPASSRLS, though it does not inherit from it")
def login_can_become_exempt(variant):
    variant.sql += [
        "CREATE ROLE {app}_support NOLOGIN BYPASSRLS",
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {app}_support",
        "GRANT {app}_support TO {app}",
    ]


@flaw("C04", why="a role that the application can become has a policy that admits every row")
def login_can_become_reporter(variant):
    variant.sql += [
        "CREATE ROLE {app}_reports NOLOGIN",
        "GRANT USAGE ON SCHEMA public TO {app}_reports",
        "GRANT SELECT ON tasks TO {app}_reports",
        "CREATE POLICY reports ON tasks FOR SELECT TO {app}_reports USING (true)",
        "GRANT {app}_reports TO {app}",
    ]


@flaw("C04", why="the application may decode the changes of every tenant")
def login_replicates(variant):
    variant.sql.append("ALTER ROLE {app} REPLICATION")


@flaw("C04", why="the application reads the server's files, the tables' own included")
def login_reads_files(variant):
    variant.sql.append("GRANT pg_read_server_files TO {app}")


@flaw("C04", why="the statistics hold values of every tenant, and the application may read them")
def login_reads_statistics(variant):
    variant.sql.append("GRANT SELECT ON pg_catalog.pg_statistic TO {app}")


@flaw("C04", why="TRUNCATE asks no policy")
def truncate_is_granted(variant):
    variant.sql.append("GRANT TRUNCATE ON tasks TO {app}")


@flaw("C04", why="a trigger made by the application runs in every tenant's sessions")
def trigger_is_granted(variant):
    variant.sql.append("GRANT TRIGGER ON wallets TO {app}")


@flaw("C04", why="the next migration's table is readable before it has a policy")
def future_tables(variant):
    variant.sql.append("ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public GRANT SELECT ON TABLES TO {app}")


@flaw("C04", why="a customer's login is held to its tenant by a setting, which it can change")
def customer_login(variant):
    variant.sql += [
        "CREATE ROLE {app}_tenant_a LOGIN",
        "ALTER ROLE {app}_tenant_a SET app.current_tenant_id = 'a0000000-0000-4000-8000-000000000001'",
        "GRANT USAGE ON SCHEMA public TO {app}_tenant_a",
        "GRANT SELECT ON agents TO {app}_tenant_a",
    ]
