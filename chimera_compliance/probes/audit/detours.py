"""Ways round the table's own privileges: functions that run as their owner, views, rules, triggers, foreign keys."""

import re
from collections.abc import Iterator

from chimera_compliance.probes.audit.editing import Editor, Sample
from chimera_compliance.probes.postgres.catalog import Function, Relation
from chimera_compliance.probes.postgres.expressions import uncommented
from chimera_compliance.probes.postgres.facts import Facts
from chimera_compliance.probes.postgres.session import identifier, literal

YEAR_DAYS = 365
_ACTIONS = {"c": "removed", "n": "set to null", "d": "set to a default"}
_FOREIGN_KEYS = """
SELECT k.conrelid, k.conname::text, k.confrelid, k.confdeltype::text, k.confupdtype::text,
  ARRAY(SELECT a.attname::text FROM unnest(k.confkey) n
        JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = n)
FROM pg_constraint k WHERE k.contype = 'f' AND (k.confdeltype IN ('c', 'n', 'd') OR k.confupdtype IN ('c', 'n', 'd'))"""
_RULES = """
SELECT r.ev_class, r.rulename::text, pg_get_ruledef(r.oid) FROM pg_rewrite r WHERE r.rulename <> '_RETURN'"""
_TRIGGERS = (
    "SELECT t.tgrelid, t.tgname::text, t.tgfoid FROM pg_trigger t WHERE NOT t.tgisinternal AND t.tgenabled <> 'D'"
)
_INTERVAL = re.compile(
    r"'?\s*(\d+)\s*'?\s*(day|week|month|mon|year|hour|minute|second)s?\b|days\s*=>\s*(\d+)", re.IGNORECASE
)
_VERBS = r"delete\s+from|update|truncate(?:\s+table)?|drop\s+table(?:\s+if\s+exists)?|merge\s+into"
_DAYS = {"day": 1, "week": 7, "month": 30.44, "mon": 30.44, "year": 365.25, "hour": 1 / 24, "minute": 0, "second": 0}


def detours(editor: Editor) -> Facts:
    """Everything by which the application edits the trail without a right of its own on the table."""
    facts = Facts()
    _functions(editor, facts)
    _views(editor, facts)
    _foreign_keys(editor, facts)
    _rules(editor, facts)
    facts.none_there("functions, views, rules and foreign keys", "SELECT * FROM pg_rules")
    return facts


def edits(source: str, relations: list[Relation]) -> bool:
    """Whether SQL text updates, deletes from, truncates or drops one of the tables."""
    text = uncommented(source).replace('"', "")
    for relation in relations:
        name = rf"(?:{re.escape(relation.schema)}\s*\.\s*)?{re.escape(relation.name)}\b"
        direct = rf"\b(?:{_VERBS})\s+(?:only\s+)?{name}"
        built = rf"\bexecute\b.*\b(?:delete|update|truncate|drop)\b.*\b{name}"
        if re.search(direct, text, re.IGNORECASE) or re.search(built, text, re.IGNORECASE | re.DOTALL):
            return True
    return False


def shortest_keeping(source: str) -> float | None:
    """The least number of days that the text lets rows live; None where it does not say."""
    found = [
        float(days) if days else float(number) * _DAYS[unit.lower()]
        for number, unit, days in _INTERVAL.findall(uncommented(source))
    ]
    return min(found, default=None)


def _functions(editor: Editor, facts: Facts) -> None:
    fired = {oid for relation, _, oid in editor.session.query(_TRIGGERS) if _fires(editor, relation)}
    for function in editor.table.catalog.functions.values():
        called = editor.reach.executes(function) if not function.trigger else function.oid in fired
        if not (function.definer and called) or function.owner in editor.reach.everything:
            continue
        subject, how = f"function {function.title}", (f"SELECT pg_get_functiondef({function.oid})",)
        if edits(function.source, editor.table.members) and not _old_rows_only(function.source):
            kind = "a trigger that the application fires" if function.trigger else "callable by the application"
            facts.saw(subject, f"edits the trail as its owner; it is {kind}", how)
        elif what := _ran_anything(editor, function):
            facts.saw(subject, f"ran {what} as its owner for the application", how)
        else:
            facts.looked_at(subject, how, "it edits no row of the trail")


def _old_rows_only(source: str) -> bool:
    return (shortest_keeping(source) or 0) >= YEAR_DAYS


def _fires(editor: Editor, relation: int) -> bool:
    table = editor.table.catalog.relations.get(relation)
    return table is not None and any(editor.reach.can(table, verb) for verb in ("INSERT", "UPDATE", "DELETE"))


def _ran_anything(editor: Editor, function: Function) -> str:
    """A function that executes text which it is given, tried with a deletion."""
    texts = [place for place, category in enumerate(function.argument_categories) if category == "S"]
    if function.trigger or not texts or "execute" not in uncommented(function.source).lower():
        return ""
    for sample in editor.samples[:1]:
        statement = f"DELETE FROM {sample.relations[0].sql} WHERE {sample.condition}"
        truth = f"SELECT count(*) FROM {sample.relations[0].sql} WHERE {sample.condition}"
        for place in texts:
            given = [literal(statement) if here == place else "NULL" for here in range(function.arity)]
            call = f"{'CALL' if function.kind == 'p' else 'SELECT'} {function.sql}({', '.join(given)})"
            trial = editor.attempt(sample, None, call, truth)
            if not trial.failed and trial.truth and trial.truth[0][0] == 0:
                return "a deletion that it was given as text"
    return ""


def _views(editor: Editor, facts: Facts) -> None:
    """A view writes with its owner's rights."""
    for view in editor.table.catalog.of_kind("v"):
        if not _over(editor, view) or view.owner in editor.reach.everything:
            continue
        subject, how = f"view {view.title}", (f"SELECT pg_get_viewdef({view.oid})",)
        facts.looked_at(subject, how, "no row of the trail is changed or removed through it")
        for sample in editor.samples:
            for statement in _through(editor, view, sample):
                trial = editor.attempt(sample, None, statement)
                if not trial.failed and trial.count > 0:
                    verb = "changed" if statement.startswith("UPDATE") else "removed"
                    facts.saw(subject, f"rows of the trail can be {verb} through it", trial.statements)


def _through(editor: Editor, view: Relation, sample: Sample) -> Iterator[str]:
    if view.rows >= 0 and sum(member.rows for member in editor.table.members) > 20_000:
        return
    for column in editor.reach.columns(view, "UPDATE"):
        yield f"UPDATE {view.sql} SET {identifier(column)} = {identifier(column)}"
    if editor.reach.can(view, "DELETE"):
        yield f"DELETE FROM {view.sql}"


def _over(editor: Editor, view: Relation, depth: int = 4) -> bool:
    own = {member.oid for member in editor.table.members}
    relations = editor.table.catalog.relations
    below = [relations[oid] for oid in view.needs if oid in relations]
    return bool(view.needs & own) or any(
        depth and item.kind == "v" and _over(editor, item, depth - 1) for item in below
    )


def _foreign_keys(editor: Editor, facts: Facts) -> None:
    """Rows that go, or change, with a row elsewhere: the server does it as the table's owner."""
    keys: dict[int, list[tuple]] = {}
    for row in editor.session.query(_FOREIGN_KEYS):
        keys.setdefault(row[0], []).append(row)
    for member in editor.table.members:
        _follow(editor, facts, member, member, keys, ())


def _follow(editor: Editor, facts: Facts, member: Relation, child: Relation, keys: dict, path: tuple[str, ...]) -> None:
    for _, name, oid, on_delete, on_update, columns in keys.get(child.oid, []):
        parent = editor.table.catalog.relations.get(oid)
        if parent is None or parent.title in path or len(path) > 5:
            continue
        subject, how = (
            f"table {member.title}",
            (f"SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = {literal(name)}",),
        )
        facts.looked_at(subject, how, "no foreign key lets the application edit it by way of another table")
        if on_delete in _ACTIONS and editor.reach.can(parent, "DELETE"):
            facts.saw(
                subject,
                f"its rows are {_ACTIONS[on_delete]} when the application deletes from {parent.title} ({name})",
                how,
            )
        elif not path and on_update in _ACTIONS and set(columns) & set(editor.reach.columns(parent, "UPDATE")):
            facts.saw(subject, f"its rows change when the application changes the key of {parent.title} ({name})", how)
        if on_delete == "c":
            _follow(editor, facts, member, parent, keys, (*path, parent.title))


def _rules(editor: Editor, facts: Facts) -> None:
    """A rule's commands run with the rights of who owns the table that it is on."""
    for oid, name, definition in editor.session.query(_RULES):
        table = editor.table.catalog.relations.get(oid)
        if table is None or table.owner in editor.reach.everything or not _fires(editor, oid):
            continue
        action = re.split(r"\bDO\b", definition, maxsplit=1)[-1]
        if edits(action, editor.table.members):
            how = (f"SELECT definition FROM pg_rules WHERE rulename = {literal(name)}",)
            facts.saw(f"rule {name} on {table.title}", "edits the trail when the application writes to that table", how)
