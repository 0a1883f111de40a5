"""Who can take the trail away or switch off what protects it: its owner, and whoever can become the owner."""

from chimera_compliance.probes.audit.editing import Editor
from chimera_compliance.probes.postgres.facts import Facts, shown
from chimera_compliance.probes.postgres.session import literal

_PARAMETERS = """
SELECT DISTINCT p.parname FROM pg_parameter_acl p, aclexplode(p.paracl) g
WHERE p.parname = 'session_replication_role' AND g.grantee IN ({oids})"""


def custody(editor: Editor) -> Facts:
    """Ownership of the table, of its schema or database, and rights that switch triggers off or put new ones on."""
    facts, reach, catalog = Facts(), editor.reach, editor.table.catalog
    for relation in editor.table.members:
        subject = f"table {relation.title}"
        how = (f"SELECT relowner::regrole, relacl FROM pg_class WHERE oid = {literal(relation.sql)}::regclass",)
        facts.looked_at(subject, how, "the application neither owns it nor can become who does")
        schema = catalog.schemas[relation.schema]
        if reach.all_powerful:
            facts.saw(subject, f"the application ({reach.login.name}) can act as a superuser", how)
        elif relation.owner in reach.everything:
            owner = catalog.roles[relation.owner].name
            facts.saw(subject, _owned(editor, relation, owner), how)
        elif schema.owner in reach.everything:
            facts.saw(subject, f"the application can drop it, since it owns the schema {schema.name}", how)
        elif "TRIGGER" in reach.privileges(relation) and reach.creates_in():
            facts.saw(subject, f"the application can put a trigger on it, made in {shown(reach.creates_in(), 2)}", how)
    _parameters(editor, facts)
    return facts


def _owned(editor: Editor, relation, owner: str) -> str:
    """What the owner's rights come to, tried as the application."""
    role = None if owner == editor.reach.first.name else owner
    sample = editor.samples[0] if editor.samples else None
    tried = {
        "drop it": f"DROP TABLE {relation.sql}",
        "switch its triggers off": f"ALTER TABLE {relation.sql} DISABLE TRIGGER USER",
        "take its policies off": f"ALTER TABLE {relation.sql} DISABLE ROW LEVEL SECURITY",
    }
    able = [what for what, statement in tried.items() if sample and not editor.attempt(sample, role, statement).failed]
    whose = "owns it" if role is None else f"can become its owner {owner}"
    return f"the application {whose}" + (f": tried, it can {shown(able)}" if able else "")


def _parameters(editor: Editor, facts: Facts) -> None:
    """Before version 15 only superusers could be allowed to switch triggers off."""
    if editor.table.catalog.version < 150_000 or editor.reach.all_powerful:
        return
    asked = _PARAMETERS.format(oids=", ".join(map(str, sorted(editor.reach.everything))))
    for (name,) in editor.session.attempt(asked).rows:
        facts.saw(editor.table.subject, f"the application may set {name}, which switches triggers off", (asked,))
