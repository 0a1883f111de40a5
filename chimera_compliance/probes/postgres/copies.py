"""Tables into which triggers and rules copy rows, and tables that nobody took for multi-tenant."""

import re

from chimera_compliance.probes.postgres.catalog import SMALL, Relation
from chimera_compliance.probes.postgres.experiment import Experiment
from chimera_compliance.probes.postgres.expressions import uncommented
from chimera_compliance.probes.postgres.facts import Facts
from chimera_compliance.probes.postgres.rows import Row
from chimera_compliance.probes.postgres.session import identifier
from chimera_compliance.probes.postgres.views import identifiers, search

_SENDS_ROW = re.compile(
    r"pg_notify\s*\([^;]*?(row_to_json|to_jsonb?|hstore|json_build_object|jsonb_build_object)\s*\([^;]*?\b(new|old)\b"
    r"|pg_notify\s*\([^;]*?\b(new|old)\s*(::|\.\s*(?!id\b|\w+_id\b)\w)",
    re.IGNORECASE,
)
_MOST_COPIES = 60


def copies(experiment: Experiment) -> Facts:
    """Tables into which triggers and rules copy rows of other tenants, and tables that nobody took for shared."""
    facts = Facts()
    for relation in _candidates(experiment):
        subject = f"table {relation.title}"
        columns = experiment.reach.columns(relation, "SELECT", experiment.reach.at_once)
        for what, setup in _happenings(experiment, relation):
            sources = [row for _, row in _others(experiment, relation)]
            texts = [row.marker for row in sources] + [v for row in sources for v in identifiers(row)]
            question = search(relation, columns, [*texts, "changed-by-b"], [])
            trial = experiment.session.attempt(question, identity=experiment.as_a, setup=setup)
            if trial.rows:
                facts.saw(
                    subject, f"shows tenant A what tenant B's rows hold, {what}", experiment.script(sources[0], trial)
                )
                break
        else:
            facts.looked_at(subject, trial.statements)
    _announced(experiment, facts)
    facts.none_there("tables", "SELECT oid::regclass FROM pg_class WHERE relkind IN ('r', 'p')")
    return facts


def _announced(experiment: Experiment, facts: Facts) -> None:
    """Rows that triggers send by NOTIFY, to which any session may LISTEN; read in the source."""
    for table in experiment.tenancy.tables.values():
        for oid in table.relation.triggers:
            function = experiment.catalog.functions.get(oid)
            if function and _SENDS_ROW.search(uncommented(function.source)):
                how = (f"SELECT pg_get_functiondef({oid})",)
                facts.saw(f"function {function.title}", f"sends rows of {table.relation.title} to whoever listens", how)


def _candidates(experiment: Experiment) -> list[Relation]:
    readable = [t for t in experiment.catalog.tables if experiment.reach.can(t, "SELECT", experiment.reach.at_once)]
    shared = [table for table in readable if table.rows < SMALL and not experiment.tenancy.of(table)]
    stamped = [
        table.relation for table in experiment.tried if table.relation in readable and table.relation.rows < SMALL
    ]
    quick = [table for table in shared + stamped if table.oid not in experiment.planter.given_up]
    return quick[:_MOST_COPIES]


def _others(experiment: Experiment, relation: Relation) -> list[tuple[str, Row]]:
    """Tenant B's rows in the other tables: in a table's own rows, the reads look."""
    b = experiment.tenants.b
    below = {relation.oid, *relation.parents}
    return [
        (label, row)
        for oid, found in experiment.foreign.items()
        for label, row in found
        if row.tenant == b and oid not in below and relation.oid not in row.relation.parents
    ]


def _happenings(experiment: Experiment, relation: Relation) -> list[tuple[str, list[str]]]:
    """What makes triggers fire: the planting itself, then a change and a removal of tenant B's rows."""
    sources = [row for _, row in _others(experiment, relation) if row.relation.triggers]
    changed, removed = [], []
    for row in sources:
        text = next((c for c in row.relation.columns.values() if _free_text(row.relation, c)), None)
        key = row.recognised_by(list(row.relation.columns), None)
        if text is not None and key:
            changed.append(f"UPDATE {row.relation.sql} SET {identifier(text.name)} = 'changed-by-b' WHERE {key}")
        if key and not any(r.parent == row.relation.oid for t in experiment.catalog.tables for r in t.references):
            removed.append(f"DELETE FROM {row.relation.sql} WHERE {key}")
    found = [("as they were made", [])]
    found += [("once they are changed", changed)] if changed else []
    return found + ([("once they are deleted", removed)] if removed else [])


def _free_text(relation: Relation, column) -> bool:
    constrained = {name for key in relation.keys for name in key.columns}
    constrained |= {name for reference in relation.references for name in reference.columns}
    roomy = column.base in ("text", "varchar") and not 4 < column.modifier < 20
    return roomy and column.name not in constrained and column.name not in " ".join(relation.checks)
