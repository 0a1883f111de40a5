"""C04: other ways to the rows of well-guarded tables, and answers that tell of them."""

from chimera_compliance.stack.flaws import flaw


@flaw("C04", why="a view shows what its owner, a superuser, sees")
def view_of_the_superuser(variant):
    variant.sql += ["CREATE VIEW fleet AS SELECT name, status FROM agents", "GRANT SELECT ON fleet TO {app}"]


@flaw("C04", why="a view counts the rows of all tenants")
def view_counts_everybody(variant):
    variant.sql += ["CREATE VIEW volume AS SELECT count(*) FROM tasks", "GRANT SELECT ON volume TO {app}"]


@flaw("C04", why="a materialized view has no policies")
def materialized_view(variant):
    variant.sql += [
        "CREATE MATERIALIZED VIEW board AS SELECT tenant_id, goal_description FROM campaigns",
        "GRANT SELECT ON board TO {app}",
    ]


@flaw("C04", why="a view filters by tenant, but hands each row to the query's own functions first")
def view_without_barrier(variant):
    variant.sql += [
        "CREATE VIEW mine AS SELECT * FROM agents "
        "WHERE tenant_id = nullif(current_setting('app.current_tenant_id', true), '')::uuid",
        "GRANT SELECT ON mine TO {app}",
        "GRANT TEMPORARY ON DATABASE {database} TO {app}",
    ]


@flaw("C04", why="a function that runs as its owner returns whatever id it is asked for")
def definer_by_id(variant):
    variant.sql += [
        "CREATE FUNCTION asset(wanted uuid) RETURNS SETOF content_assets LANGUAGE sql STABLE SECURITY DEFINER "
        "SET search_path = pg_catalog, pg_temp AS $$ SELECT * FROM public.content_assets WHERE id = wanted $$",
        "GRANT EXECUTE ON FUNCTION asset(uuid) TO {app}",
    ]


@flaw("C04", why="a function that runs as its owner changes whatever id it is given")
def definer_changes_by_id(variant):
    variant.sql += [
        "CREATE FUNCTION pause(wanted uuid) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, "
        "pg_temp AS $$ UPDATE public.campaigns SET status = 'paused', priority = 'low' WHERE id = wanted $$",
        "GRANT EXECUTE ON FUNCTION pause(uuid) TO {app}",
    ]


@flaw("C04", why="a trigger copies every tenant's rows into a table that all may read")
def history_for_all(variant):
    variant.sql += [
        "CREATE TABLE agent_history (at timestamptz DEFAULT now(), entry jsonb)",
        "CREATE FUNCTION keep_agent() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, "
        "pg_temp AS $$ BEGIN INSERT INTO public.agent_history (entry) VALUES (to_jsonb(NEW)); RETURN NEW; END $$",
        "CREATE TRIGGER keep AFTER INSERT OR UPDATE ON agents FOR EACH ROW EXECUTE FUNCTION keep_agent()",
        "GRANT SELECT ON agent_history TO {app}",
    ]


@flaw("C04", why="a foreign table shows what its user mapping may see, and no policy can be put on it")
def foreign_table(variant):
    variant.sql += [
        "CREATE EXTENSION file_fdw",
        "CREATE SERVER exports FOREIGN DATA WRAPPER file_fdw",
        "CREATE FOREIGN TABLE exported_agents (tenant_id text) SERVER exports "
        "OPTIONS (program 'echo b0000000-0000-4000-8000-000000000001', format 'csv')",
        "GRANT SELECT ON exported_agents TO {app}",
    ]


@flaw("C04", why="files are large objects, which have an owner and no tenant")
def large_objects(variant):
    variant.sql += [
        "SELECT lo_from_bytea(909090, 'a file of tenant B')",
        "GRANT SELECT ON LARGE OBJECT 909090 TO {app}",
    ]


@flaw("C04", why="a refused duplicate tells that another tenant has the value", blinds=True)
def unique_over_all_tenants(variant):
    variant.sql.append("CREATE UNIQUE INDEX ON campaigns (goal_description, start_date)")


@flaw("C04", why="a foreign key that does not carry the tenant lets a row point at another tenant's")
def reference_without_tenant(variant):
    variant.sql += [
        "ALTER TABLE tasks DROP CONSTRAINT tasks_tenant_id_agent_id_fkey",
        "ALTER TABLE tasks ADD FOREIGN KEY (agent_id) REFERENCES agents (id)",
    ]


@flaw("C04", why="whoever reads a shared counter knows how much the others do")
def readable_sequence(variant):
    variant.sql += [
        "ALTER TABLE tasks ADD number bigserial",
        "GRANT USAGE, SELECT ON SEQUENCE tasks_number_seq TO {app}",
    ]


@flaw("C04", why="a temporary table stays in the pooled session, for the next request to find")
def temporary_table_stays(variant):
    right = variant.bind
    variant.sql.append("GRANT TEMPORARY ON DATABASE {database} TO {app}")

    def bind(connection, caller):
        from sqlalchemy import text

        right(connection, caller)
        connection.execute(text("CREATE TEMPORARY TABLE IF NOT EXISTS report_cache AS SELECT name FROM agents"))

    variant.bind = bind
