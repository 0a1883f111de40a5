"""What a look at the audit trail leaves: what the operations themselves make, and nothing else, also after a kill."""

import signal
import subprocess
import sys
import textwrap
import time

import psycopg

from chimera_compliance.home import HOME

COUNTS = """
SELECT (SELECT count(*) FROM audit_logs), (SELECT count(*) FROM campaigns), (SELECT count(*) FROM transactions),
  (SELECT count(*) FROM reviews WHERE decision IS NOT NULL),
  (SELECT count(*) FROM tenants), (SELECT count(*) FROM users),
  (SELECT count(*) FROM pg_class), (SELECT count(*) FROM pg_proc), (SELECT count(*) FROM pg_trigger),
  (SELECT count(*) FROM pg_constraint), (SELECT count(*) FROM pg_roles)"""
VERIFY = [sys.executable, "-m", "chimera_compliance.cli", "verify", "--controls", "C07"]
HOLD = """
import sys
from pathlib import Path
from chimera_compliance.journal import Journal
from chimera_compliance.probes.postgres import Database
from chimera_compliance.target import Target

with Database(Target.load(Path(sys.argv[1])), Journal()) as db, db.new_session().transaction() as session:
    session.connection.execute("LOCK TABLE audit_logs IN SHARE MODE")
    print("held", flush=True)
    sys.stdin.read()
"""
HELD = "SELECT count(*) FROM pg_locks WHERE relation = 'audit_logs'::regclass AND mode = 'ShareLock'"


def counts(superuser) -> tuple[int, ...]:
    return superuser.execute(COUNTS).fetchone()


def test_operations_alone_leave_something(reference, superuser, tmp_path):
    before = counts(superuser)
    run = subprocess.run(
        [*VERIFY, "--target", reference.target, "--out", tmp_path], cwd=HOME, capture_output=True, text=True
    )
    rows, campaigns, payments, decisions, *rest = (
        now - was for was, now in zip(before, counts(superuser), strict=True)
    )
    assert rest == [0] * len(rest), run.stdout
    assert (campaigns, payments) == (1, 2)
    assert decisions == 4
    assert (
        rows == campaigns + payments + decisions + 4
    )  # four changes of campaigns: plain, as bob, in disguise, hostile
    assert run.stdout.count("note: left behind") >= 3


def test_lock_dies_with_its_process(reference, superuser):
    command = [sys.executable, "-c", textwrap.dedent(HOLD), str(reference.target)]
    with subprocess.Popen(command, cwd=HOME, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        assert superuser.execute(HELD).fetchone() == (1,)
        holder.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 5
    while superuser.execute(HELD).fetchone() != (0,):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_killed_in_the_middle_it_leaves_no_object(reference, superuser, tmp_path):
    """At whatever moment: what is in the catalogs afterwards was there before, and nobody waits for anything."""
    before = counts(superuser)[4:]
    for delay in (2.0, 2.6):
        with subprocess.Popen(
            [*VERIFY, "--target", str(reference.target), "--out", tmp_path], cwd=HOME, stdout=-3
        ) as run:
            time.sleep(delay)
            run.kill()
    time.sleep(0.3)
    assert counts(superuser)[4:] == before
    with psycopg.connect(superuser.info.dsn, password=superuser.info.password, autocommit=True) as other:
        other.execute("SET lock_timeout = '2s'")
        other.execute("BEGIN; LOCK TABLE audit_logs IN ACCESS EXCLUSIVE MODE; ROLLBACK")
