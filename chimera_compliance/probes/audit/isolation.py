"""Whether a tenant reads the rows of another: as the application bound to alice, and through the API."""

import re
from typing import TYPE_CHECKING

from chimera_compliance.probes.audit.editing import Editor
from chimera_compliance.probes.audit.runs import Run
from chimera_compliance.probes.postgres.facts import Facts
from chimera_compliance.probes.postgres.session import Identity, identifier, literal

if TYPE_CHECKING:
    from chimera_compliance.probes.audit.observed import Observed, Observer

_SHOWS = re.compile(r"audit|\blogs?\b|ledger|trail|event|activit|histor|journal", re.IGNORECASE)
_MOST_OPERATIONS = 8


def readers(editor: Editor) -> Facts:
    """The application bound to alice, looking for rows of bob's tenant."""
    facts, table = Facts(), editor.table
    people = table.target.principals
    alice, bob = people.get("alice"), people.get("bob")
    names = table.settings.columns
    for relation in table.tables:
        subject = f"table {relation.title}"
        if not (alice and bob and alice.tenant and bob.tenant):
            facts.could_not(subject, "the target file names no two tenants")
        elif names.tenant in relation.columns:
            _read(editor, facts, relation, alice, bob)
    return facts


def _read(editor: Editor, facts: Facts, relation, alice, bob) -> None:
    table, subject = editor.table, f"table {relation.title}"
    column = identifier(table.settings.columns.tenant)
    hers, his = (table.settings.tenants.get(name, who.tenant) for name, who in (("alice", alice), ("bob", bob)))
    count = "SELECT count(*) FROM (SELECT FROM {} AS row WHERE row.{}::text = {} LIMIT 1) AS found"
    of = lambda tenant: count.format(relation.sql, column, literal(tenant))  # noqa: E731
    setting = table.db.settings.tenant_setting
    settings = {**({setting: alice.tenant} if setting else {}), **alice.database.settings}
    role = alice.database.role or (None if editor.reach.first == editor.reach.login else editor.reach.first.name)
    app = Identity(editor.reach.login.name, role, settings, editor.becomes or "SET LOCAL SESSION AUTHORIZATION")
    trial = editor.session.attempt(of(his), identity=app)
    own = editor.session.attempt(of(hers), identity=app)
    truth = [editor.session.attempt(of(tenant)).rows for tenant in (his, hers)]
    if trial.failed:
        facts.looked_at(subject, trial.statements, f"the application cannot read it: {trial.message}")
    elif trial.rows[0][0]:
        facts.saw(subject, "shows rows of bob's tenant to the application bound to alice's", trial.statements)
    elif not (truth[0] and truth[0][0][0]):
        facts.could_not(subject, "there is no row of bob's tenant to look for")
    elif truth[1] and truth[1][0][0] and not (own.rows and own.rows[0][0]):
        facts.could_not(
            subject, "bound to alice as the target file says, the application does not see her own rows either"
        )
    else:
        facts.looked_at(subject, trial.statements, "bound to alice it sees her rows and none of bob's")


def shown_by_api(observer: "Observer", seen: "Observed") -> Facts:
    """Operations that show the trail, asked by alice for what bob has just left in it."""
    facts = Facts()
    marks = {value for run in seen.strangers if run.rows for value in _marks(run)}
    asked = [item for item in observer.operations if item.method == "GET" and _SHOWS.search(item.path)]
    if not marks:
        return facts
    for operation in asked[:_MOST_OPERATIONS]:
        from chimera_compliance.probes.ownership.estate import token_for

        token = token_for(observer.alice, operation)
        headers = observer.api.authorization(token) if token else ()
        [answer] = observer.api.send(
            [operation.request(observer.alice, headers=headers, note="looking for bob's rows")]
        )
        text = answer.body.decode("utf-8", "replace")
        facts.looked_at(operation.id)
        if answer.ok and (found := next((mark for mark in marks if mark in text), None)):
            facts.saw(operation.id, f"shows alice a row that bob has left ({found})")
    return facts


def _marks(run: Run) -> set[str]:
    """What tells bob's rows from others: his tenant and what only he can have touched."""
    values = {run.agent.partition(" (audit probe ")[2].rstrip(")"), run.who.tenant or "", *run.objects}
    return {value for value in values if len(value) > 5}
