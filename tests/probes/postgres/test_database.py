"""The database probes do no harm, and say what they could not look at."""

import subprocess
import sys
import textwrap
import time

import psycopg
import pytest

from chimera_compliance.outcomes import Inconclusive, NotReviewed
from chimera_compliance.probes.postgres.database import TOPICS

LOOKED_AT = [topic for topic in TOPICS if topic != "leftovers"]
STATE = """
SELECT (SELECT count(*) FROM invoices), (SELECT count(*) FROM tenants), (SELECT last_value FROM counters_id_seq),
  (SELECT count(*) FROM pg_class), (SELECT count(*) FROM pg_proc), (SELECT count(*) FROM pg_largeobject_metadata),
  (SELECT md5(string_agg(i::text, '' ORDER BY id)) FROM invoices i), (SELECT count(*) FROM pg_namespace
   WHERE nspname NOT LIKE 'pg_temp%' AND nspname NOT LIKE 'pg_toast_temp%')"""
COUNTERS = """
CREATE TABLE counters (id serial PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES tenants (id), note text);
ALTER TABLE counters ENABLE ROW LEVEL SECURITY; GRANT ALL ON counters TO app_user;
CREATE POLICY t ON counters USING (true);
CREATE FUNCTION any_invoice(i uuid) RETURNS SETOF invoices LANGUAGE sql SECURITY DEFINER AS
  $$ DELETE FROM public.invoices WHERE id = i RETURNING * $$;"""


def state(cluster):
    with psycopg.connect(cluster.superuser) as connection:
        return connection.execute(STATE).fetchone()


def test_nothing_is_left_behind(load, cluster, database):
    load(COUNTERS)
    before = state(cluster)
    looked = database()
    seen = {topic for topic in LOOKED_AT if looked.topic(topic).seen}
    assert {"reads", "writes", "definers", "past policies"} <= seen
    assert state(cluster) == before


def test_nothing_is_left_behind_by_a_killed_run(load, cluster):
    load(COUNTERS)
    before = state(cluster)
    run = subprocess.Popen([sys.executable, "-c", textwrap.dedent(f"""
        from chimera_compliance.journal import Journal
        from chimera_compliance.probes.postgres import Database
        from chimera_compliance.probes.postgres.experiment import Experiment
        from chimera_compliance.target import DbFacet, Target
        bind = Experiment.bind
        Experiment.bind = lambda self: (print("planted", flush=True), input())
        facet = DbFacet(dsn={cluster.application!r}, catalog_dsn={cluster.superuser!r})
        Database(Target(name="killed", db=facet), Journal()).topic("reads")
    """)], stdout=subprocess.PIPE, stdin=subprocess.PIPE)  # fmt: skip
    assert run.stdout.readline().strip() == b"planted"
    run.kill()
    run.wait()
    deadline = time.monotonic() + 5
    with psycopg.connect(cluster.superuser, autocommit=True) as connection:
        held = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'chimera-compliance'"
        while connection.execute(held).fetchone()[0]:
            assert time.monotonic() < deadline, "the server still holds the transaction"
    assert state(cluster) == before


def test_locked_table_is_left_alone(load, cluster, database):
    load("INSERT INTO invoices (tenant_id, number) VALUES ('aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa', 'x')")
    with psycopg.connect(cluster.superuser) as connection:
        connection.execute("LOCK TABLE invoices IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        facts = database(lock_timeout_seconds=0.2).topic("reads")
        assert time.monotonic() - began < 5
    assert "lock timeout" in facts.undecided["table public.invoices"]
    assert "table public.tenants" in facts.decided


def test_large_table_is_never_read_whole(load, cluster, database):
    load(
        "INSERT INTO invoices (tenant_id, number) SELECT 'bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb', n::text "
        "FROM generate_series(1, 60000) n; ANALYZE invoices"
    )
    read = "SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'invoices'"
    with psycopg.connect(cluster.superuser, autocommit=True) as connection:
        connection.execute("SELECT pg_stat_force_next_flush()")
        before = connection.execute(read).fetchone()[0]
        facts = database().topic("reads")
        assert "table public.invoices" in facts.decided
        connection.execute("SELECT pg_stat_clear_snapshot()")
        assert connection.execute(read).fetchone()[0] - before < 60000


def test_flaw_in_a_large_table_is_found_by_key(load, database):
    load(
        "INSERT INTO invoices (tenant_id, number) SELECT 'bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb', n::text "
        "FROM generate_series(1, 60000) n; ANALYZE invoices; CREATE POLICY open ON invoices FOR SELECT USING (true)"
    )
    assert database().topic("reads").seen


def test_without_a_catalog_login_the_catalog_is_still_judged(load, database):
    load("GRANT TRUNCATE ON invoices TO app_user; ALTER TABLE tenants DISABLE ROW LEVEL SECURITY")
    alone = database(catalog_dsn=None)
    assert alone.topic("past policies").seen
    assert alone.topic("unprotected").seen
    with pytest.raises(NotReviewed, match="catalog_dsn"):
        alone.topic("reads")


def test_catalog_login_without_rights_is_told(load, cluster, database):
    load("CREATE ROLE looker LOGIN")
    weak = database(catalog_dsn=cluster.superuser.replace("user=postgres", "user=looker"))
    assert "table public.invoices" in weak.topic("unprotected").decided
    with pytest.raises(NotReviewed, match="may not act as app_user"):
        weak.topic("reads")


def test_catalog_login_may_be_a_member_instead_of_a_superuser(load, cluster, database):
    load(
        "CREATE ROLE planter LOGIN BYPASSRLS; GRANT app_user, app_owner TO planter;"
        "CREATE POLICY open ON invoices FOR SELECT USING (true)"
    )
    member = database(catalog_dsn=cluster.superuser.replace("user=postgres", "user=planter"))
    assert [item.subject for item in member.topic("reads").seen] == ["table public.invoices"]


def test_unreachable_database_is_told_without_its_password(database, monkeypatch):
    monkeypatch.setenv("WRONG_DSN", "host=127.0.0.1 port=1 user=app_user password=hunter22 dbname=rlsv")
    with pytest.raises(Inconclusive, match=r"cannot connect as the application.*127\.0\.0\.1:1/rlsv") as told:
        database(dsn="${WRONG_DSN}", catalog_dsn=None).topic("unprotected")
    assert "hunter22" not in str(told.value)


def test_database_with_no_tenant_is_inconclusive(load, database):
    load("DROP TABLE invoices, tenants; CREATE TABLE countries (code text); GRANT SELECT ON countries TO PUBLIC")
    with pytest.raises(Inconclusive, match="no multi-tenant table"):
        database().topic("reads")


def test_table_that_shows_nobody_anything_is_not_passed(load, database):
    load("DROP POLICY tenant_isolation ON invoices; CREATE POLICY none ON invoices USING (false)")
    facts = database().topic("reads")
    assert "does not see its own row" in facts.undecided["table public.invoices"]


def test_every_sighting_can_be_repeated(load, database, cluster):
    load("CREATE POLICY open ON invoices FOR SELECT USING (true)")
    looked = database()
    (sighting,) = looked.topic("reads").seen
    command = looked.notebook.journal.get(sighting.observation).reproduce
    script = command.split("<<'SQL'\n")[1].rsplit("\nSQL", 1)[0]
    with psycopg.connect(cluster.superuser, autocommit=True) as connection:
        cursor, rows = connection.execute(script.removesuffix("ROLLBACK;")), []
        while True:
            rows = cursor.fetchall() if cursor.description else rows
            if not cursor.nextset():
                break
    assert rows


MANY_DISTINCT = """
DO $$ DECLARE n int; BEGIN
  FOR n IN 1..160 LOOP
    EXECUTE format('CREATE TABLE own_%1$s (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(), tenant_id uuid NOT NULL REFERENCES tenants (id), only_%1$s text);
      ALTER TABLE own_%1$s ENABLE ROW LEVEL SECURITY; GRANT SELECT, INSERT ON own_%1$s TO app_user;
      CREATE POLICY t ON own_%1$s USING (tenant_id = current_setting(''app.current_tenant_id'')::uuid)', n);
  END LOOP; END $$;
ALTER POLICY t ON own_100 USING (true);
ALTER POLICY t ON own_160 USING (true);"""


def test_a_server_keeps_most_of_its_locks_for_others(load, database, monkeypatch):
    load(MANY_DISTINCT)
    looked = database()
    looked.__dict__["_lock_room"] = 400
    most = 0
    look = looked._look

    def counted(experiment):
        nonlocal most
        found = look(experiment)
        held = "SELECT count(DISTINCT relation) FROM pg_locks WHERE pid = pg_backend_pid()"
        most = max(most, looked.session.query(held)[0][0])
        return found

    monkeypatch.setattr(looked, "_look", counted)
    reads = looked.topic("reads")
    assert {sighting.subject for sighting in reads.seen} == {"table public.own_100", "table public.own_160"}
    assert len([name for name in reads.decided if ".own_" in name]) == 160
    assert not reads.undecided
    assert 20 < most < 400
