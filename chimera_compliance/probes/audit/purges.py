"""What shortens the life of rows: scheduled jobs, partition managers, triggers and functions that delete.

A job outside of the database cannot be seen from here, and neither can the archive that rows may be moved to.
"""

from typing import TYPE_CHECKING

from chimera_compliance.probes.audit.detours import YEAR_DAYS, edits, shortest_keeping
from chimera_compliance.probes.postgres.facts import Facts
from chimera_compliance.probes.postgres.session import literal

if TYPE_CHECKING:
    from chimera_compliance.probes.audit.audit_table import AuditTable

_JOBS = {
    "cron.job": "SELECT 'pg_cron job ' || jobid, command FROM cron.job",
    "timescaledb_information.jobs": "SELECT 'TimescaleDB job ' || job_id, "
    "proc_name || ' ' || coalesce(hypertable_schema || '.' || hypertable_name, '') || ' ' || config::text "
    "FROM timescaledb_information.jobs",
    "pgagent.pga_jobstep": "SELECT 'pgAgent step ' || jstid, jstcode FROM pgagent.pga_jobstep",
}
_PARTMAN = "SELECT 'pg_partman for ' || parent_table, retention FROM {schema}.part_config WHERE retention IS NOT NULL"
_OLDEST = "SELECT min({time})::text FROM {table}"


def purges(table: "AuditTable") -> Facts:
    """Jobs, partition managers and functions that remove rows before the year is over."""
    facts = Facts()
    declared = table.settings.retention_days
    facts.looked_at("retention", (f"-- audit.retention_days: {declared}",), "a year or more is declared")
    if declared < YEAR_DAYS:
        facts.saw("retention", f"the target file declares {declared} days")
    for asked, subject, command in _jobs(table):
        _judge(table, facts, subject, command, (asked,))
    for asked, subject, keeping in _partman(table):
        _kept(facts, subject, keeping, (asked,))
    for function in table.catalog.functions.values():
        if edits(function.source, table.members):
            _kept(facts, f"function {function.title}", function.source, (f"SELECT pg_get_functiondef({function.oid})",))
    return facts


def _judge(table: "AuditTable", facts: Facts, subject: str, command: str, how: tuple[str, ...]) -> None:
    """A job that names the trail, or calls a function that edits it."""
    called = [item for item in table.catalog.functions.values() if f"{item.name}(" in command.replace(" (", "(")]
    named = edits(command, table.members) or any(
        member.name in command and "retention" in command for member in table.members
    )
    if named or any(edits(item.source, table.members) for item in called):
        _kept(facts, subject, "\n".join([command, *(item.source for item in called)]), how)
    else:
        facts.looked_at(subject, how, "it does not touch the trail")


def _kept(facts: Facts, subject: str, text: str, how: tuple[str, ...]) -> None:
    days = shortest_keeping(text)
    if days is None:
        facts.could_not(subject, "it removes or changes rows of the trail, and how old they must be is not in its text")
    elif days < YEAR_DAYS:
        facts.saw(subject, f"removes or changes rows of the trail that are {days:g} days old", how)
    else:
        facts.looked_at(subject, how, f"it leaves rows alone for {days:g} days")


def _jobs(table: "AuditTable"):
    for name, asked in _JOBS.items():
        there = table.session.attempt(f"SELECT to_regclass({literal(name)}) IS NOT NULL").rows
        if there and there[0][0]:
            yield from ((asked, subject, command) for subject, command in table.session.attempt(asked).rows)


def _partman(table: "AuditTable"):
    found = table.session.attempt(
        "SELECT relnamespace::regnamespace::text FROM pg_class WHERE relname = 'part_config' AND relkind = 'r'"
    )
    titles = {item.title for item in table.tables}
    for (schema,) in found.rows:
        asked = _PARTMAN.format(schema=schema)
        for subject, keeping in table.session.attempt(asked).rows:
            if subject.removeprefix("pg_partman for ") in titles:
                yield asked, subject, str(keeping)
