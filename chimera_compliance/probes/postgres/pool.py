"""What the sessions of the application's pool keep once a request has ended.

Two ways to see it: temporary tables are in the catalog for all to see while their session lives; and where the
target file names a command that runs the application's own data access, a relay asks the sessions themselves.
"""

import os
import subprocess
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from chimera_compliance.outcomes import NotReviewed
from chimera_compliance.probes.postgres.catalog import PUBLIC
from chimera_compliance.probes.postgres.experiment import Experiment
from chimera_compliance.probes.postgres.facts import Facts, shown
from chimera_compliance.probes.postgres.relay import Relay
from chimera_compliance.probes.postgres.session import literal

_SECONDS = 60
_OPEN_SESSIONS = """
SELECT count(*) FROM pg_stat_activity WHERE usesysid = ANY (ARRAY[{oids}]::oid[]) AND datname = current_database()
  AND application_name <> 'chimera-compliance' AND pid <> pg_backend_pid()"""
_LEFT_BEHIND = """
SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname ~ '^pg_temp_' AND c.relkind IN ('r', 'p') AND n.oid <> pg_my_temp_schema()
  AND c.relowner = ANY (ARRAY[{oids}]::oid[])"""
_QUESTIONS = (
    "SELECT 'temporary table ' || relname FROM pg_catalog.pg_class "
    "WHERE relnamespace = pg_my_temp_schema() AND relkind = 'r'",
    "SELECT 'role ' || current_user WHERE current_user <> session_user",
    "SELECT 'cursor ' || name FROM pg_catalog.pg_cursors WHERE is_holdable",
)


def leftovers(experiment: Experiment, command: list[str], conninfo: str, folder: Path) -> Facts:
    """What outlives a request in the application's sessions.

    Raises:
        NotReviewed: the command of the target file cannot be run, or opened no session.
    """
    facts = Facts()
    if command:
        _by_command(experiment, command, conninfo, folder, facts)
    oids = ", ".join(str(oid) for oid in sorted(experiment.reach.everything - {PUBLIC}))
    sessions = experiment.session.attempt(_OPEN_SESSIONS.format(oids=oids).strip()).rows
    question = _LEFT_BEHIND.format(oids=oids).strip()
    left = [name for (name,) in experiment.session.attempt(question).rows]
    if sessions and sessions[0][0] and left:
        actual = f"temporary tables outlive the request that made them: {shown(left, 3)}"
        facts.saw("pooled sessions", actual, (question,))
    elif sessions and sessions[0][0]:
        facts.looked_at("pooled sessions", (question,), f"no temporary table in {sessions[0][0]} open sessions")
    elif not facts.decided:
        facts.nothing = "no session of the application was open, so that nothing could be seen to be left in one"
    return facts


def _by_command(experiment: Experiment, command: list[str], conninfo: str, folder: Path, facts: Facts) -> None:
    """Run the application's command against a relay and ask each session it lets go of."""
    parts = conninfo_to_dict(conninfo)
    host, port = str(parts.get("host") or "127.0.0.1").split(",")[0], int(str(parts.get("port") or 5432).split(",")[0])
    questions = [*_QUESTIONS, *(_still_set(name) for name in _settings(experiment))]
    encrypted = parts.get("sslmode") in ("require", "verify-ca", "verify-full")
    with Relay(host, port, questions, encrypted) as relay:
        _run(command, {**parts, "host": "127.0.0.1", "port": str(relay.listens_on)}, folder)
    if not relay.sessions:
        raise NotReviewed("db.application_command opened no session of the database")
    if relay.left:
        facts.saw("pooled sessions", f"still hold, when given back: {shown(relay.left)}", tuple(questions))
    else:
        facts.looked_at("pooled sessions", questions, f"{relay.sessions} sessions given back, nothing in them")


def _settings(experiment: Experiment) -> list[str]:
    relations = [table.relation for table in experiment.tenancy.tables.values()]
    named = experiment.expressions.everywhere(relations).settings
    return list(dict.fromkeys([*([experiment.setting] if experiment.setting else []), *named]))


def _still_set(name: str) -> str:
    return f"SELECT 'setting ' || {literal(name)} WHERE coalesce(current_setting({literal(name)}, true), '') <> ''"


def _run(command: list[str], parts: dict, folder: Path) -> None:
    known = {name: str(parts.get(key) or "") for name, key in _PLACES.items()}
    words = [_filled(word, known) for word in command]
    secret = {"PGPASSWORD": str(parts["password"])} if parts.get("password") else {}
    environment = {**os.environ, **secret, "PGSSLMODE": "disable", "PGGSSENCMODE": "disable"}
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    try:
        ended = subprocess.run(words, cwd=folder, env=environment, timeout=_SECONDS, check=False, **quiet)
    except subprocess.TimeoutExpired:
        return
    except OSError as error:
        raise NotReviewed(f"db.application_command cannot be run: {error.strerror}") from None
    if ended.returncode:
        raise NotReviewed(f"db.application_command ended with {ended.returncode}")


_PLACES = {"host": "host", "port": "port", "user": "user", "database": "dbname"}


def _filled(word: str, known: dict[str, str]) -> str:
    for name, value in known.items():
        word = word.replace(f"{{{name}}}", value)
    return word
