"""Side channels: answers that tell tenant A whether tenant B has something, without showing it."""

import re

from chimera_compliance.probes.postgres.catalog import Key
from chimera_compliance.probes.postgres.experiment import Experiment
from chimera_compliance.probes.postgres.facts import Facts
from chimera_compliance.probes.postgres.rows import insertion
from chimera_compliance.probes.postgres.session import identifier, literal
from chimera_compliance.probes.postgres.tenancy import TenantTable

_UNIQUE, _EXCLUDED = "23505", "23P01"
_UNGUESSABLE = re.compile(r"token|hash|digest|nonce|secret|uuid|guid|fingerprint|signature", re.IGNORECASE)


def unique_keys(experiment: Experiment) -> Facts:
    """Unique keys over all tenants, whose refusal of a value says that another tenant has it."""

    def look(table: TenantTable, facts: Facts) -> None:
        relation = table.relation
        others = experiment.foreign.get(relation.oid) or ()
        own = experiment.own.get(relation.oid)
        verb = next(
            (v for v in ("INSERT", "UPDATE") if experiment.reach.can(relation, v, experiment.reach.at_once)), None
        )
        if not others or own is None or verb is None or not relation.rls:
            return
        for key in relation.keys:
            columns = _guessable(experiment, table, key)
            if columns and (trial := _collide(experiment, table, columns, verb)):
                named = trial.constraint == key.name or not trial.constraint
                if trial.sqlstate in (_UNIQUE, _EXCLUDED) and named:
                    actual = f"unique key {key.name} refuses tenant A a value because tenant B has it"
                    facts.saw(table.subject, actual, experiment.script(others[0][1], trial))
        facts.looked_at(table.subject, own.script, "no unique key tells of other tenants' values")

    return experiment.each(look)


def _guessable(experiment: Experiment, table: TenantTable, key: Key) -> list[str]:
    """The columns that tenant A would have to guess; none where the key is the tenant's own or random."""
    relation = table.relation
    named = [name for name in relation.columns if re.search(rf"\b{re.escape(name)}\b", key.expressions)]
    columns = list(dict.fromkeys(key.columns + named))
    tied = {table.column} | {
        name
        for reference in relation.references
        if reference.parent in experiment.tenancy.tables
        for name in reference.columns
    }
    if tied & set(columns) or (table.root and columns == [table.column]):
        return []
    about = [relation.columns[name] for name in columns]
    random = all(column.base in ("uuid", "bytea") or _UNGUESSABLE.search(column.name) for column in about)
    surrogate = key.primary and len(about) == 1 and (about[0].identity or about[0].default is not None)
    return [] if random or surrogate else columns


def _collide(experiment: Experiment, table: TenantTable, columns: list[str], verb: str):
    relation, other = table.relation, experiment.foreign[table.relation.oid][0][1]
    taken = {name: other.values[name] for name in columns}
    if verb == "INSERT":
        allowed = experiment.reach.columns(relation, "INSERT", experiment.reach.at_once)
        values, _ = experiment.planter.candidate(relation, experiment.tenants.a, taken)
        statement = insertion(relation, {name: value for name, value in values.items() if name in allowed})
    else:
        own = experiment.own[relation.oid]
        sets = ", ".join(f"{identifier(name)} = {literal(value)}" for name, value in taken.items())
        where = own.recognised_by(experiment.readable(table), table.column) or "true"
        statement = f"UPDATE {relation.sql} SET {sets} WHERE {where}"
    return experiment.session.attempt(statement, identity=experiment.as_a)


def cross_references(experiment: Experiment) -> Facts:
    """Foreign keys by which tenant A's row may point at tenant B's: an existence oracle, and a link across tenants."""

    def look(table: TenantTable, facts: Facts) -> None:
        relation = table.relation
        allowed = experiment.reach.columns(relation, "INSERT", experiment.reach.at_once)
        if not allowed or not experiment.foreign.get(relation.oid) or relation.oid not in experiment.own:
            return
        for reference in relation.references:
            parent = experiment.tenancy.tables.get(reference.parent)
            if parent is None or parent.root or parent.relation.oid == relation.oid:
                continue
            theirs = experiment.planter.row(parent.relation, experiment.tenants.b)
            pairs = zip(reference.columns, reference.parent_columns, strict=True)
            pointed = {child: theirs.values[key] for child, key in pairs if child != table.column} if theirs else {}
            if not pointed or not set(pointed) <= set(allowed):
                continue
            values, _ = experiment.planter.candidate(relation, experiment.tenants.a, pointed)
            given = {name: value for name, value in values.items() if name in allowed}
            trial = experiment.session.attempt(insertion(relation, given), identity=experiment.as_a)
            if not trial.failed:
                theirs_in = parent.relation.title
                actual = f"foreign key {reference.name} lets a row of tenant A point at tenant B's in {theirs_in}"
                facts.saw(table.subject, actual, experiment.script(theirs, trial))
        facts.looked_at(
            table.subject, experiment.own[relation.oid].script, "no foreign key reaches another tenant's row"
        )

    return experiment.each(look)


def sequences(experiment: Experiment) -> Facts:
    """Sequences behind multi-tenant tables whose state the application can read: how much the others do."""
    facts = Facts()
    for oid, (owner, column) in experiment.catalog.sequence_owners.items():
        sequence, table = experiment.catalog.relations.get(oid), experiment.tenancy.tables.get(owner)
        if sequence is None or table is None:
            continue
        subject = f"sequence {sequence.title}"
        question = f"SELECT last_value FROM {sequence.sql}"
        held = experiment.reach.privileges(sequence) & {"SELECT", "UPDATE"}
        if held and sequence.owner not in experiment.reach.everything:
            numbered, rights = f"{table.relation.title}.{column}", " and ".join(sorted(held))
            actual = f"numbers {numbered} of all tenants and the application may {rights} it"
            facts.saw(subject, actual, (*experiment.app.preamble(), question))
        else:
            facts.looked_at(subject, (question,), "the application may not read it")
    facts.looked_at("sequences", ("SELECT sequencename FROM pg_sequences",), "none of a multi-tenant table can be read")
    return facts
