"""C07: an audit table that is incomplete, that can be edited, or that forgets."""

from chimera_compliance.stack.flaws import flaw
from chimera_compliance.stack.flaws.audit_rows import recorded

_MINE = "tenant_id = nullif(current_setting('app.current_tenant_id', true), '')::uuid"


@flaw("C07", breaks="C07.1", why="what was done is printed, and there is no table")
def no_table(variant):
    variant.audit = lambda *_: None
    variant.sql.append("DROP TABLE audit_logs")


@flaw("C07", breaks="C07.17", why="the user of a row may be NULL")
def user_may_be_null(variant):
    variant.sql.append("ALTER TABLE audit_logs ALTER COLUMN user_id DROP NOT NULL")


@flaw("C07", breaks="C07.17", why="the action may be NULL, with a check that lets it be")
def action_may_be_null(variant):
    variant.sql.append(
        "ALTER TABLE audit_logs ALTER COLUMN action DROP NOT NULL, ADD CHECK (action IS NULL OR action <> '')"
    )


@flaw("C07", breaks="C07.17", why="the times of rows have no zone")
def time_without_zone(variant):
    variant.sql.append("ALTER TABLE audit_logs ALTER COLUMN timestamp TYPE timestamp")


@flaw("C07", breaks="C07.17", why="the database sets no time")
def no_clock(variant):
    from datetime import UTC, datetime

    variant.sql += [
        "ALTER TABLE audit_logs ALTER COLUMN timestamp DROP DEFAULT",
        "GRANT INSERT (timestamp) ON audit_logs TO {app}",
    ]
    recorded(variant, lambda work, row: row.update(timestamp=datetime.now(UTC)))


@flaw("C07", breaks="C07.17", why="details are text, in which nothing can be searched")
def details_are_text(variant):
    variant.sql.append("ALTER TABLE audit_logs ALTER COLUMN details TYPE text")
    recorded(variant, lambda work, row: None, insert=_as_text)


def _as_text(work, row):
    import json

    from sqlalchemy import text

    names = ", ".join(row)
    values = ", ".join(f":{name}" for name in row)
    work.db.execute(
        text(f"INSERT INTO audit_logs ({names}) VALUES ({values})"), {**row, "details": json.dumps(row["details"])}
    )


@flaw("C07", breaks="C07.17", why="there is no column for the address")
def no_address_column(variant):
    variant.sql.append("ALTER TABLE audit_logs DROP COLUMN ip_address")
    recorded(variant, lambda work, row: row.pop("ip_address") and None)


@flaw("C07", breaks="C07.17", why="the rows of the trail have no key")
def no_key(variant):
    variant.sql.append("ALTER TABLE audit_logs DROP CONSTRAINT audit_logs_pkey")


@flaw("C07", breaks="C07.18", why="no index by tenant and time")
def no_index_by_tenant(variant):
    variant.sql.append("DROP INDEX idx_audit_logs_tenant_timestamp")


@flaw("C07", breaks="C07.18", why="an index by action and time in place of the one by user and action")
def no_index_by_user(variant):
    variant.sql += ["DROP INDEX idx_audit_logs_user_action", "CREATE INDEX ON audit_logs (action, timestamp)"]


@flaw("C07", breaks="C07.18", why="the index by tenant and time holds transfers only")
def partial_index(variant):
    variant.sql += [
        "DROP INDEX idx_audit_logs_tenant_timestamp",
        "CREATE INDEX ON audit_logs (tenant_id, timestamp DESC) WHERE action = 'transfer_usdc'",
    ]


@flaw("C07", breaks="C07.19", why="the application may update rows of its tenant")
def update_granted(variant):
    variant.sql += [
        "GRANT UPDATE ON audit_logs TO {app}",
        f"CREATE POLICY tenant_updates ON audit_logs FOR UPDATE USING ({_MINE})",
    ]


@flaw("C07", breaks="C07.19", why="the application may correct the details of a row")
def details_update_granted(variant):
    variant.sql += [
        "GRANT UPDATE (details) ON audit_logs TO {app}",
        f"CREATE POLICY tenant_updates ON audit_logs FOR UPDATE USING ({_MINE})",
    ]


@flaw("C07", breaks="C07.19", why="a trigger protects everything but the address, which it forgets")
def address_update_forgotten(variant):
    variant.sql += [
        "GRANT UPDATE ON audit_logs TO {app}",
        f"CREATE POLICY tenant_updates ON audit_logs FOR UPDATE USING ({_MINE})",
        "CREATE FUNCTION fixed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'append-only'; END $$",
        "CREATE TRIGGER fixed BEFORE UPDATE OF user_id, tenant_id, action, resource_type, resource_id, details, "
        "timestamp, user_agent, id ON audit_logs FOR EACH ROW EXECUTE FUNCTION fixed()",
    ]


@flaw("C07", breaks="C07.20", why="the application may delete rows of its tenant")
def delete_granted(variant):
    variant.sql += [
        "GRANT DELETE ON audit_logs TO {app}",
        f"CREATE POLICY tenant_deletes ON audit_logs FOR DELETE USING ({_MINE})",
    ]


@flaw("C07", breaks="C07.20", also=("C04",), why="the application may empty the table")
def truncate_granted(variant):
    variant.sql.append("GRANT TRUNCATE ON audit_logs TO {app}")


@flaw("C07", breaks="C07.21", also=("C04",), why="the application owns the table")
def application_owns_it(variant):
    variant.sql.append("ALTER TABLE audit_logs OWNER TO {app}")


@flaw("C07", breaks="C07.21", also=("C04",), why="the application can become the owner of the table, for migrations")
def application_becomes_owner(variant):
    variant.sql += [
        "CREATE ROLE {app}_auditor NOLOGIN",
        "GRANT USAGE, CREATE ON SCHEMA public TO {app}_auditor",
        "ALTER TABLE audit_logs OWNER TO {app}_auditor",
        "REVOKE CREATE ON SCHEMA public FROM {app}_auditor",
        "GRANT {app}_auditor TO {app}",
    ]


@flaw("C07", breaks="C07.22", why="a function that corrects rows as its owner may be called by the application")
def definer_corrects(variant):
    variant.sql += [
        "CREATE FUNCTION correct_audit(which uuid, told jsonb) RETURNS void LANGUAGE sql SECURITY DEFINER "
        "SET search_path = pg_catalog, pg_temp AS "
        f"$$ UPDATE public.audit_logs SET details = told WHERE id = which AND {_MINE} $$",
        "REVOKE EXECUTE ON FUNCTION correct_audit FROM PUBLIC",
        "GRANT EXECUTE ON FUNCTION correct_audit TO {app}",
    ]


@flaw("C07", breaks="C07.22", why="each new row removes those of last month")
def trigger_trims(variant):
    variant.sql += [
        "CREATE FUNCTION trim_audit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER "
        "SET search_path = pg_catalog, pg_temp AS "
        "$$ BEGIN DELETE FROM public.audit_logs WHERE timestamp < now() - interval '30 days'; RETURN NULL; END $$",
        "CREATE TRIGGER trim AFTER INSERT ON audit_logs FOR EACH STATEMENT EXECUTE FUNCTION trim_audit()",
    ]


@flaw(
    "C07",
    breaks="C07.22",
    also=("C04",),
    why="rows go with the agent that they tell of, whatever its tenant, and the application may delete agents",
)
def rows_go_with_the_agent(variant):
    variant.sql += [
        "ALTER TABLE audit_logs ADD COLUMN agent_id uuid REFERENCES agents ON DELETE CASCADE",
        "GRANT DELETE ON agents TO {app}",
    ]


@flaw("C07", breaks="C07.22", why="rows can be changed through a view that shows the tenant its own")
def view_updates(variant):
    variant.sql += [
        f"CREATE VIEW my_audit WITH (security_barrier) AS SELECT * FROM audit_logs WHERE {_MINE}",
        "GRANT SELECT, UPDATE ON my_audit TO {app}",
    ]


@flaw("C07", breaks="C07.22", why="a rule removes the rows of a task when the task is updated")
def rule_removes(variant):
    variant.sql += [
        "GRANT UPDATE (status) ON tasks TO {app}",
        "CREATE RULE forget AS ON UPDATE TO tasks DO ALSO DELETE FROM audit_logs WHERE resource_id = OLD.id",
    ]


@flaw("C07", breaks="C07.23", also=("C04",), why="every tenant reads the whole trail")
def trail_open_to_all(variant):
    variant.sql += [
        "DROP POLICY tenant_reads ON audit_logs",
        "CREATE POLICY tenant_reads ON audit_logs FOR SELECT USING (true)",
    ]


@flaw("C07", breaks="C07.24", why="a nightly job removes what is older than 90 days")
def purged_after_a_quarter(variant):
    variant.sql += [
        "CREATE FUNCTION purge_audit() RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$ "
        "BEGIN DELETE FROM public.audit_logs WHERE timestamp < now() - interval '90 days'; END $$",
        "REVOKE EXECUTE ON FUNCTION purge_audit FROM PUBLIC",
    ]


@flaw("C07", breaks="C07.24", why="rows are kept for half a year, as the stack says itself")
def kept_for_half_a_year(variant):
    variant.target.append(lambda document: document["audit"].update(retention_days=180))
