"""The audit table in schemas of other styles: each flaw is seen by its own topic, and no sound one by any."""

import time

import psycopg
import pytest

from chimera_compliance.journal import Journal
from chimera_compliance.outcomes import Inconclusive
from chimera_compliance.probes.audit.audit_table import AuditTable
from chimera_compliance.probes.audit.trail import Trail
from chimera_compliance.probes.postgres import Database
from chimera_compliance.target import Audit, DbFacet, Target

TOPICS = ("columns", "indexes", "purges", "changes", "removals", "custody", "detours", "readers")
A, B = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa", "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
PEOPLE = {"alice": {"tenant": A, "subject": A}, "bob": {"tenant": B, "subject": B}}
MINE = "tenant_id = nullif(current_setting('app.current_tenant_id', true), '')::uuid"
LOG = f"""
SET ROLE app_owner;
CREATE TABLE audit_logs (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), timestamp timestamptz NOT NULL DEFAULT now(),
  user_id uuid NOT NULL, tenant_id uuid NOT NULL, action varchar(100) NOT NULL, resource_type varchar(50) NOT NULL,
  resource_id uuid, details jsonb, ip_address inet, user_agent text);
CREATE INDEX by_tenant ON audit_logs (tenant_id, timestamp DESC);
CREATE INDEX by_user ON audit_logs (user_id, action);
ALTER TABLE audit_logs ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_logs FORCE ROW LEVEL SECURITY;
CREATE POLICY reads ON audit_logs FOR SELECT USING ({MINE});
CREATE POLICY appends ON audit_logs FOR INSERT WITH CHECK ({MINE});
GRANT SELECT, INSERT ON audit_logs TO app_user;
RESET ROLE;"""
ROWS = f"""
INSERT INTO audit_logs (user_id, tenant_id, action, resource_type)
  VALUES ('{A}', '{A}', 'create_campaign', 'campaign'), ('{B}', '{B}', 'create_campaign', 'campaign');"""
ADMIT = f"CREATE POLICY edits ON audit_logs USING ({MINE});"

FLAWED = {
    "changes": [
        f"{ADMIT} GRANT UPDATE ON audit_logs TO app_user",
        f"{ADMIT} GRANT UPDATE (ip_address) ON audit_logs TO PUBLIC",
        f"{ADMIT} CREATE ROLE clerk NOLOGIN; GRANT clerk TO app_user; GRANT USAGE ON SCHEMA public TO clerk; "
        "GRANT SELECT, UPDATE ON audit_logs TO clerk",
    ],
    "removals": [
        f"{ADMIT} GRANT DELETE ON audit_logs TO app_user",
        "GRANT TRUNCATE ON audit_logs TO app_user",
        "GRANT pg_write_all_data TO app_user; CREATE POLICY d ON audit_logs FOR DELETE USING (true)",
    ],
    "custody": [
        "ALTER TABLE audit_logs OWNER TO app_user",
        "GRANT app_owner TO app_user",
        "ALTER ROLE app_user SUPERUSER",
        "ALTER SCHEMA public OWNER TO app_user",
    ],
    "detours": [
        "CREATE FUNCTION wipe() RETURNS void LANGUAGE sql SECURITY DEFINER AS $$ DELETE FROM audit_logs $$",
        "CREATE FUNCTION run(what text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS "
        "$$ BEGIN EXECUTE what; END $$",
        "CREATE FUNCTION wipe(n text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS "
        "$$ BEGIN EXECUTE format('DELETE FROM %I', 'audit_logs'); END $$",
        "CREATE VIEW recent WITH (security_barrier) AS SELECT * FROM audit_logs; GRANT DELETE ON recent TO app_user",
        "ALTER TABLE audit_logs ADD invoice uuid REFERENCES invoices ON DELETE SET NULL",
        "CREATE TABLE notes (id int); GRANT INSERT ON notes TO app_user; "
        "CREATE RULE r AS ON INSERT TO notes DO ALSO UPDATE audit_logs SET details = NULL",
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS "
        "$$ BEGIN TRUNCATE TABLE public.audit_logs; RETURN NULL; END $$; "
        "CREATE TRIGGER t AFTER DELETE ON invoices EXECUTE FUNCTION f()",
    ],
    "columns": [
        "ALTER TABLE audit_logs ALTER tenant_id DROP NOT NULL",
        "ALTER TABLE audit_logs ALTER timestamp SET DEFAULT '2020-01-01'",
        "ALTER TABLE audit_logs ALTER ip_address TYPE bytea USING NULL",
        "ALTER TABLE audit_logs DROP user_agent",
    ],
    "indexes": [
        "DROP INDEX by_tenant; CREATE INDEX ON audit_logs (timestamp, tenant_id)",
        "DROP INDEX by_tenant; CREATE INDEX ON audit_logs USING brin (tenant_id, timestamp)",
        "DROP INDEX by_user; CREATE INDEX ON audit_logs (user_id) INCLUDE (action)",
    ],
    "readers": [
        "ALTER TABLE audit_logs DISABLE ROW LEVEL SECURITY",
        "CREATE POLICY all_of_it ON audit_logs USING (true)",
    ],
    "purges": [
        "CREATE SCHEMA cron; CREATE TABLE cron.job (jobid int, command text); INSERT INTO cron.job VALUES "
        "(1, $$DELETE FROM audit_logs WHERE timestamp < now() - interval '30 days'$$)",
        "CREATE PROCEDURE tidy() LANGUAGE sql AS "
        "$$ DELETE FROM audit_logs WHERE timestamp < now() - interval '6 months' $$;"
        "REVOKE EXECUTE ON PROCEDURE tidy FROM PUBLIC",
    ],
}
SOUND = [
    "SELECT 1",
    "REVOKE SELECT ON audit_logs FROM app_user",
    "GRANT UPDATE, DELETE ON audit_logs TO app_user",
    f"{ADMIT} GRANT UPDATE, DELETE ON audit_logs TO app_user; "
    "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$; "
    "CREATE TRIGGER no BEFORE UPDATE OR DELETE ON audit_logs FOR EACH ROW EXECUTE FUNCTION no()",
    f"{ADMIT} GRANT UPDATE, DELETE ON audit_logs TO app_user; "
    "CREATE RULE u AS ON UPDATE TO audit_logs DO INSTEAD NOTHING; "
    "CREATE RULE d AS ON DELETE TO audit_logs DO INSTEAD NOTHING",
    "CREATE FUNCTION add(a text) RETURNS void LANGUAGE sql SECURITY DEFINER AS $$ INSERT INTO audit_logs (user_id, "
    "tenant_id, action, resource_type) SELECT user_id, tenant_id, a, 'x' FROM audit_logs LIMIT 0 $$",
    "CREATE FUNCTION old() RETURNS void LANGUAGE sql SECURITY DEFINER AS "
    "$$ DELETE FROM audit_logs WHERE timestamp < now() - interval '10 years' $$",
    "CREATE FUNCTION mine() RETURNS void LANGUAGE sql AS $$ /* DELETE FROM audit_logs */ SELECT 1 $$",
    "ALTER TABLE audit_logs ADD tenant uuid REFERENCES tenants ON DELETE CASCADE",
    "CREATE VIEW recent WITH (security_barrier) AS SELECT action FROM audit_logs; GRANT SELECT ON recent TO app_user",
    "ALTER TABLE audit_logs ALTER user_id TYPE text, ALTER resource_id TYPE bigint USING 1, "
    "ALTER ip_address TYPE text, ALTER action TYPE text, ALTER details TYPE json",
    "ALTER TABLE audit_logs ALTER action DROP NOT NULL, ADD CHECK (action IS NOT NULL AND action <> '')",
    "DROP INDEX by_tenant, by_user; CREATE INDEX ON audit_logs (tenant_id, timestamp, id); "
    "CREATE UNIQUE INDEX ON audit_logs (tenant_id, action, user_id, id)",
]


@pytest.fixture
def look(cluster, load):
    """The audit table of a schema."""
    opened = []

    def look(more="SELECT 1", *, schema=LOG, rows=ROWS, audit=None, **settings):
        load(f"{schema}\n{more};\n{rows}")
        facet = DbFacet(**{"dsn": cluster.application, "catalog_dsn": cluster.superuser, **settings})
        target = Target(name="test", db=facet, principals=PEOPLE, audit=audit or Audit())
        opened.append(AuditTable(Database(target, Journal())))
        return opened[-1]

    yield look
    for one in opened:
        one.close()
        one.db.__exit__()


def seen(table):
    return {topic: [item.actual for item in table.topic(topic).seen] for topic in TOPICS if table.topic(topic).seen}


@pytest.mark.parametrize(("topic", "flaw"), [(topic, flaw) for topic, flaws in FLAWED.items() for flaw in flaws])
def test_flaw_is_seen(look, topic, flaw):
    assert topic in seen(look(flaw))


@pytest.mark.parametrize("more", SOUND)
def test_sound_table_is_green(look, more):
    table = look(more)
    assert seen(table) == {}
    assert not {topic: table.topic(topic).undecided for topic in TOPICS if table.topic(topic).undecided}


def test_partitioned_table_with_quoted_names(look):
    schema = LOG.replace("audit_logs (id uuid PRIMARY KEY", "audit_logs (id uuid").replace(
        "user_agent text);",
        "user_agent text, PRIMARY KEY (id, timestamp)) PARTITION BY RANGE (timestamp); "
        'CREATE TABLE "Logs of now" PARTITION OF audit_logs FOR VALUES FROM (MINVALUE) TO (MAXVALUE);',
    )
    assert seen(look(schema=schema)) == {}
    found = seen(look(f'{ADMIT} GRANT SELECT, UPDATE ON "Logs of now" TO app_user', schema=schema))
    assert "changes" in found


def test_table_of_each_tenant(look):
    make = " ".join(
        LOG.replace("audit_logs", f"{name}.audit_logs")
        .replace("SET ROLE app_owner;", f"CREATE SCHEMA {name};")
        .replace("by_tenant", f"by_tenant_{name}")
        .replace("by_user", f"by_user_{name}")
        for name in ("tenant_a", "tenant_b")
    )
    table = look(schema=make, rows="", audit_table="tenant_*.audit_logs")
    assert [item.title for item in table.tables] == ["tenant_a.audit_logs", "tenant_b.audit_logs"]
    assert "changes" not in seen(table)


def test_nothing_is_left_behind(look, cluster):
    count = (
        "SELECT count(*), md5(string_agg(a::text, '' ORDER BY id)), (SELECT count(*) FROM pg_class) FROM audit_logs a"
    )
    table = look(f"{ADMIT} GRANT ALL ON audit_logs TO app_user; ALTER TABLE audit_logs OWNER TO app_user")
    with psycopg.connect(cluster.superuser) as connection:
        before = connection.execute(count).fetchone()
        assert {"changes", "removals", "custody"} <= seen(table).keys()
        assert connection.execute(count).fetchone() == before


def test_without_rows_one_is_planted(look):
    table = look(f"{ADMIT} GRANT UPDATE ON audit_logs TO app_user", rows="")
    assert "changes" in seen(table)


def test_application_alone_is_asked_itself(look, cluster):
    """Without a catalog login that may act as the application, the application tries it on its own rows."""
    table = look(f"{ADMIT} GRANT UPDATE, DELETE ON audit_logs TO app_user", catalog_dsn=None)
    assert {"changes", "removals"} <= seen(table).keys()


def test_locked_table_is_not_waited_for(look, cluster):
    table = look(lock_timeout_seconds=0.2)
    assert table.catalog
    with psycopg.connect(cluster.superuser) as holder:
        holder.execute("LOCK TABLE audit_logs IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        with pytest.raises(Inconclusive):
            table.trail  # noqa: B018
        assert time.monotonic() - began < 2


def test_no_table_is_no_pass(look):
    table = look(audit_table="public.nothing")
    for topic in TOPICS:
        with pytest.raises(Inconclusive, match="no audit table"):
            table.topic(topic)


def test_large_table_is_read_from_its_end(look, cluster):
    many = f"""INSERT INTO audit_logs (user_id, tenant_id, action, resource_type)
      SELECT '{A}', '{A}', 'x', 'y' FROM generate_series(1, 30000); ANALYZE audit_logs;"""
    trail = look(rows=many).trail
    assert isinstance(trail, Trail)
    mark = trail.mark()
    assert len(mark.known) < 500
    with psycopg.connect(cluster.superuser) as connection:
        connection.execute(ROWS)
    assert [row["action"] for row in trail.since(mark)] == ["create_campaign"] * 2
