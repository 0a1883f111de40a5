"""Audit trails in other styles, all of them sound: C07 must stay green on every one."""

from chimera_compliance.stack.flaws import variant as sound
from chimera_compliance.stack.flaws.audit_rows import recorded, row_of

_MINE = "nullif(current_setting('app.current_tenant_id', true), '')::uuid"
_MAINTENANCE = "00000000-0000-4000-8000-00000000000f"  # whoever changes rows by hand, with no user set
_INSERTED = "user_id, tenant_id, action, resource_type, resource_id, details, ip_address, user_agent"


def _protected(table, columns=_INSERTED):
    """Row-level security and grants as the reference has them, for a table that takes the place of its own."""
    return [
        f"ALTER TABLE {table} OWNER TO {{owner}}",
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY reads ON {table} FOR SELECT USING (tenant_id = {_MINE})",
        f"CREATE POLICY appends ON {table} FOR INSERT WITH CHECK (tenant_id = {_MINE})",
        f"GRANT SELECT, INSERT ({columns}) ON {table} TO {{app}}",
    ]


def _into(table, names):
    """Inserts a row with plain SQL, `names` being the columns in the order of the reference's row."""

    def insert(work, row):
        import json

        from sqlalchemy import text

        values = dict(zip(names, [*row.values()], strict=True))
        values = {name: json.dumps(value) if isinstance(value, dict) else value for name, value in values.items()}
        listed = ", ".join(f":{name}" for name in names)
        work.db.execute(text(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({listed})"), values)

    return insert


@sound(why="triggers of the tables write the rows; the application says who it works for")
def audit_by_triggers(variant):
    before = variant.bind

    def bind(connection, caller):
        from sqlalchemy import text

        before(connection, caller)
        said = {"user": caller.user_id, "address": caller.ip_address or "", "agent": caller.user_agent or ""}
        for name, value in said.items():
            connection.execute(
                text("SELECT set_config(:name, :value, true)"), {"name": f"audit.{name}", "value": str(value)}
            )

    variant.bind = bind
    variant.audit = lambda *_: None
    said = "nullif(current_setting('audit.{}', true), '')"
    variant.sql += [
        "CREATE FUNCTION recorded() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$ "
        "DECLARE done text := TG_ARGV[0]; object uuid := NEW.id; BEGIN "
        "IF TG_TABLE_NAME = 'reviews' THEN done := to_jsonb(NEW) ->> 'decision' || '_content'; "
        "object := to_jsonb(NEW) ->> 'asset_id'; "
        "ELSIF TG_TABLE_NAME = 'transactions' THEN done := CASE to_jsonb(NEW) ->> 'transaction_type' "
        "WHEN 'deploy_token' THEN 'deploy_token' ELSE 'transfer_usdc' END; END IF; "
        "INSERT INTO public.audit_logs (user_id, tenant_id, action, resource_type, resource_id, ip_address, "
        f"user_agent) VALUES (coalesce({said.format('user')}, '{_MAINTENANCE}')::uuid, NEW.tenant_id, done, "
        f"TG_ARGV[1], object, "
        f"{said.format('address')}::inet, {said.format('agent')}); RETURN NULL; END $$",
        "CREATE TRIGGER recorded AFTER INSERT ON campaigns FOR EACH ROW "
        "EXECUTE FUNCTION recorded('create_campaign', 'campaign')",
        "CREATE TRIGGER changed AFTER UPDATE ON campaigns FOR EACH ROW "
        "EXECUTE FUNCTION recorded('update_campaign', 'campaign')",
        "CREATE TRIGGER recorded AFTER UPDATE OF decision ON reviews FOR EACH ROW "
        "EXECUTE FUNCTION recorded('', 'content')",
        "CREATE TRIGGER recorded AFTER INSERT ON transactions FOR EACH ROW "
        "EXECUTE FUNCTION recorded('', 'transaction')",
    ]
    # A change that changes nothing fires no trigger of the mapper's: it is not sent to the database.
    variant.target.append(lambda document: document["sensitive"].pop("PATCH /campaigns/{campaign_id}"))


@sound(why="the trail is partitioned by month")
def audit_by_month(variant):
    variant.sql += [
        "ALTER TABLE audit_logs RENAME TO audit_logs_before",
        "DROP TABLE audit_logs_before",
        "CREATE TABLE audit_logs (id uuid DEFAULT gen_random_uuid(), timestamp timestamptz NOT NULL DEFAULT now(), "
        "user_id uuid NOT NULL, tenant_id uuid NOT NULL, action varchar(100) NOT NULL, "
        "resource_type varchar(50) NOT NULL, resource_id uuid, details jsonb, ip_address inet, user_agent text, "
        "PRIMARY KEY (id, timestamp)) PARTITION BY RANGE (timestamp)",
        "CREATE INDEX ON audit_logs (tenant_id, timestamp DESC)",
        "CREATE INDEX ON audit_logs (user_id, action)",
        "DO $$ DECLARE month timestamptz := date_trunc('month', now()); name text; BEGIN FOR n IN -1..1 LOOP "
        "name := 'audit_logs_' || to_char(month + n * interval '1 month', 'YYYY_MM'); "
        "EXECUTE format('CREATE TABLE %I PARTITION OF audit_logs FOR VALUES FROM (%L) TO (%L)', name, "
        "month + n * interval '1 month', month + (n + 1) * interval '1 month'); "
        "EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name); "
        "EXECUTE format('ALTER TABLE %I OWNER TO {owner}', name); END LOOP; END $$",
        *_protected("audit_logs"),
    ]


@sound(why="table and columns have other names, actions are in another tongue, ids are texts")
def audit_in_other_words(variant):
    names = ["wer", "mandant", "tat", "art", "gegenstand", "naeheres", "woher", "womit"]
    variant.sql += [
        "DROP TABLE audit_logs",
        'CREATE TABLE "Buch der Taten" (nr bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, '
        "wann timestamptz NOT NULL DEFAULT clock_timestamp(), wer text NOT NULL, mandant uuid NOT NULL, "
        "tat text NOT NULL, art text NOT NULL, gegenstand text, naeheres json, woher text, womit text)",
        'CREATE INDEX ON "Buch der Taten" (mandant, wann)',
        'CREATE INDEX ON "Buch der Taten" (tat, wer, wann)',
        *(line.replace("tenant_id =", "mandant =") for line in _protected('"Buch der Taten"', ", ".join(names))),
    ]

    def change(work, row):
        row["action"] = f"tat:{row['action']}"
        row.update(user_id=f"{row['user_id']}", resource_id=f"urn:chimera:{row['resource_id']}")

    recorded(variant, change, insert=_into('"Buch der Taten"', names))
    keys = ["user", "tenant", "action", "resource_type", "resource", "details", "address", "agent"]

    def declare(document):
        document["db"]["audit_table"] = 'public."Buch der Taten"'
        document["db"]["tenant_columns"] = ["tenant_id", "mandant"]
        document["audit"]["columns"] = {**dict(zip(keys, names, strict=True)), "id": "nr", "time": "wann"}
        for ways in document["sensitive"].values():
            for way in ways if isinstance(ways, list) else [ways]:
                way["action"] = f"tat:{way['action']}"

    variant.target.append(declare)


@sound(why="rows have further columns, and refused attempts are recorded as refused, with the action that was tried")
def audit_of_refusals(variant):
    variant.sql += [
        "ALTER TABLE audit_logs ADD COLUMN outcome text NOT NULL DEFAULT 'done', ADD COLUMN request_id uuid",
        "GRANT INSERT (outcome) ON audit_logs TO {app}",
    ]
    for name, (action, kind) in _TRIED.items():
        variant.operations[name].admit = _recording_refusals(action, kind)
    variant.target.append(lambda document: document["audit"].update(refused="recorded"))


_TRIED = {
    "POST /campaigns": ("create_campaign", "campaign"),
    "PATCH /campaigns/{campaign_id}": ("update_campaign", "campaign"),
    "POST /hitl/reviews/{review_id}/decision": ("approve_content", "content"),
    "POST /commerce/transactions": ("transfer_usdc", "transaction"),
}


def _recording_refusals(action, kind):
    async def admit(request, operation, variant):
        from dataclasses import replace

        from sqlalchemy import text

        from chimera_compliance.stack.api import guard
        from chimera_compliance.stack.api.errors import ApiError
        from chimera_compliance.stack.api.unit_of_work import Work

        try:
            return await guard.admit(request, operation, variant)
        except ApiError as error:
            if error.status != 403:
                raise
            known = guard.identify(request, variant)
            caller = replace(known, ip_address=request.client.host, user_agent=request.headers.get("user-agent"))
            with request.app.state.database.transaction(caller) as session:
                row = row_of(Work(session, caller, variant), action, kind, None, None)
                names = ", ".join(row)
                values = ", ".join(f":{name}" for name in row)
                session.execute(text(f"INSERT INTO audit_logs ({names}, outcome) VALUES ({values}, 'refused')"), row)
            raise

    return admit


@sound(why="the trail lies in a schema of its own, into which a function inserts and the application cannot")
def audit_by_function(variant):
    variant.sql += [
        "CREATE SCHEMA trail AUTHORIZATION {owner}",
        "ALTER TABLE audit_logs SET SCHEMA trail",
        "REVOKE ALL ON trail.audit_logs FROM {app}",
        "CREATE FUNCTION trail.record(who uuid, done text, kind text, object uuid, more jsonb, address inet, "
        "agent text) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS "
        f"$$ INSERT INTO trail.audit_logs ({_INSERTED}) "
        f"VALUES (who, {_MINE}, done, kind, object, more, address, agent) $$",
        "ALTER FUNCTION trail.record OWNER TO {owner}",
        "REVOKE EXECUTE ON FUNCTION trail.record FROM PUBLIC",
        "GRANT USAGE ON SCHEMA trail TO {app}",
        "GRANT EXECUTE ON FUNCTION trail.record TO {app}",
    ]

    def insert(work, row):
        import json

        from sqlalchemy import text

        call = (
            "SELECT trail.record(cast(:user_id AS uuid), :action, :resource_type, cast(:resource_id AS uuid), "
            "cast(:details AS jsonb), cast(:ip_address AS inet), :user_agent)"
        )
        work.db.execute(text(call), {**row, "details": json.dumps(row["details"])})

    recorded(variant, lambda work, row: None, insert=insert)
    variant.target.append(lambda document: document["db"].update(audit_table="trail.audit_logs"))


@sound(why="the row goes to an outbox with the operation, and from there to the trail a little later")
def audit_by_outbox(variant):
    columns = "user_id uuid NOT NULL, tenant_id uuid NOT NULL, action text NOT NULL, resource_type text NOT NULL, "
    columns += "resource_id uuid, details jsonb, ip_address inet, user_agent text"
    variant.sql += [
        f"CREATE TABLE audit_outbox (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, {columns})",
        *_protected("audit_outbox"),
        "CREATE FUNCTION deliver() RETURNS void LANGUAGE sql SECURITY DEFINER "
        "SET search_path = pg_catalog, pg_temp AS $$ "
        f"WITH due AS (DELETE FROM public.audit_outbox WHERE tenant_id = {_MINE} RETURNING *) "
        f"INSERT INTO public.audit_logs ({_INSERTED}) SELECT {_INSERTED} FROM due $$",
        "REVOKE EXECUTE ON FUNCTION deliver FROM PUBLIC",
        "GRANT EXECUTE ON FUNCTION deliver TO {app}",
    ]
    names = ["user_id", "tenant_id", "action", "resource_type", "resource_id", "details", "ip_address", "user_agent"]
    put = _into("audit_outbox", names)

    def insert(work, row):
        import threading

        from sqlalchemy import event

        put(work, row)
        caller = work.caller

        def deliver():
            from sqlalchemy import text

            with work.db.get_bind().begin() as connection:
                variant.bind(connection, caller)
                connection.execute(text("SELECT deliver()"))

        event.listen(work.db, "after_commit", lambda _: threading.Timer(0.03, deliver).start(), once=True)

    recorded(variant, lambda work, row: None, insert=insert)
    variant.target.append(lambda document: document["audit"].update(outbox="public.audit_outbox"))


@sound(why="everything is granted on the trail, and triggers refuse whatever is no insertion")
def audit_kept_by_triggers(variant):
    variant.sql += [
        "GRANT UPDATE, DELETE ON audit_logs TO {app}",
        f"CREATE POLICY updates ON audit_logs FOR UPDATE USING (tenant_id = {_MINE})",
        f"CREATE POLICY deletes ON audit_logs FOR DELETE USING (tenant_id = {_MINE})",
        "CREATE FUNCTION refused() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'append-only'; END $$",
        "CREATE TRIGGER refused BEFORE UPDATE OR DELETE ON audit_logs FOR EACH ROW EXECUTE FUNCTION refused()",
    ]


@sound(why="rows are given away to nobody: what is granted on the trail, no policy admits")
def audit_kept_by_policies(variant):
    variant.sql.append("GRANT UPDATE, DELETE ON audit_logs TO {app}")


@sound(why="rows leave for the archive after seven years, by a job that the application may not run")
def audit_archived_after_seven_years(variant):
    variant.sql += [
        "CREATE FUNCTION archive() RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$ "
        "BEGIN DELETE FROM public.audit_logs WHERE timestamp < now() - interval '7 years'; END $$",
        "REVOKE EXECUTE ON FUNCTION archive FROM PUBLIC",
    ]
    variant.target.append(lambda document: document["audit"].update(retention_days=2557))


@sound(why="the trail is written first, and the operation after it")
def audit_comes_first(variant):
    def insert(work, row):
        from chimera_compliance.stack.flaws.audit_rows import inserted

        with work.db.no_autoflush:
            inserted(work, row)

    recorded(variant, lambda work, row: None, insert=insert)
