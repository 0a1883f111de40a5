"""Who can reach what: roles that a login may become, and the privileges that it holds as any of them.

Membership gives two things: the member holds the role's privileges at once (INHERIT), or after SET ROLE. Before
PostgreSQL 16 the first depends on the member role and the second is always allowed; since then both are options
of the grant. ADMIN OPTION lets a member grant itself either.
https://www.postgresql.org/docs/current/role-membership.html
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from chimera_compliance.probes.postgres.catalog import PUBLIC, Catalog, Function, Relation, Role

# The predefined roles by which a login gets at rows or files past the policies of tables.
# https://www.postgresql.org/docs/current/predefined-roles.html
POWERS = {
    "pg_read_all_data": "reads every table, the statistics and the system catalogs, with no grant",
    "pg_write_all_data": "changes every table with no grant",
    "pg_read_server_files": "reads the server's files, the tables' own included",
    "pg_write_server_files": "writes the server's files",
    "pg_execute_server_program": "runs programs on the server, as the account that owns its files",
    "pg_read_all_stats": "reads the queries that all other sessions run, with the values in them",
    "pg_monitor": "reads the queries that all other sessions run, with the values in them",
    "pg_signal_backend": "ends the sessions of other tenants",
    "pg_create_subscription": "makes subscriptions, which write past row-level security",
}
WHOLE_TABLE = ("SELECT", "INSERT", "UPDATE", "DELETE")


@dataclass(frozen=True)
class Reach:
    """What one login can do in a catalog."""

    catalog: Catalog
    login: Role
    first: Role

    @classmethod
    def of(cls, catalog: Catalog, login: str, first: str | None = None) -> "Reach":
        """The reach of a login; `first` is the role that a new session starts with, where a setting names one."""
        return cls(catalog, catalog.role(login), catalog.role(first or login))

    @cached_property
    def _granted(self) -> dict[int, list[tuple]]:
        granted: dict[int, list[tuple]] = {}
        for row in self.catalog.memberships:
            granted.setdefault(row[0], []).append(row)
        return granted

    def holds(self, role: Role) -> frozenset[int]:
        """The roles whose privileges a role has without doing anything, itself and PUBLIC included."""
        return self._closure(role, self._inherits)

    @cached_property
    def becomes(self) -> list[Role]:
        """Every role that the login can act as, itself first: by SET ROLE, inheritance or granting it to itself."""
        found = self._closure(self.login, self._takes) - {PUBLIC}
        return sorted((self.catalog.roles[oid] for oid in found), key=lambda role: (role != self.login, role.name))

    @cached_property
    def others(self) -> list[Role]:
        """The roles that it can take on besides its own."""
        return [role for role in self.becomes if role not in (self.login, self.first)]

    @cached_property
    def _closures(self) -> dict:
        return {}

    def _closure(self, role: Role, passes) -> frozenset[int]:
        found, queue = {role.oid, PUBLIC}, [role.oid]
        while queue:
            member = queue.pop()
            for row in self._granted.get(member, ()):
                if row[1] not in found and row[1] in self.catalog.roles and passes(self.catalog.roles[member], row):
                    found.add(row[1])
                    queue.append(row[1])
        return frozenset(found)

    def _takes(self, member: Role, row: tuple) -> bool:
        """Whether a membership lets the member act as the role: always before PostgreSQL 16, by its options since."""
        _, _, admin, inherits, sets = row
        return sets is None or sets or admin or bool(inherits)

    def _inherits(self, member: Role, row: tuple) -> bool:
        return member.inherit if row[3] is None else row[3]

    @cached_property
    def everything(self) -> frozenset[int]:
        """Every role whose privileges it can use, one way or another."""
        return frozenset(role.oid for role in self.becomes) | {PUBLIC}

    @cached_property
    def at_once(self) -> frozenset[int]:
        """The roles whose privileges a new session has."""
        return self.holds(self.first)

    @cached_property
    def all_powerful(self) -> bool:
        """Whether it can act as a superuser."""
        return any(role.superuser for role in self.becomes)

    def names(self, oids: Iterable[int]) -> list[str]:
        """Role names, sorted; PUBLIC too."""
        return sorted("PUBLIC" if oid == PUBLIC else self.catalog.roles[oid].name for oid in oids)

    def _power(self, name: str, oids: frozenset[int]) -> bool:
        return any(oid in oids and role.name == name for oid, role in self.catalog.roles.items())

    def privileges(self, relation: Relation, oids: frozenset[int] | None = None) -> set[str]:
        """Table privileges held as any of the roles (all that it can become, if not said)."""
        oids = self.everything if oids is None else oids
        if relation.owner in oids or self._superuser_among(oids):
            return {*WHOLE_TABLE, "TRUNCATE", "REFERENCES", "TRIGGER"}
        held = {privilege for oid in oids for privilege in relation.grants.get(oid, ())}
        if self._power("pg_read_all_data", oids):
            held.add("SELECT")
        if self._power("pg_write_all_data", oids):
            held |= {"INSERT", "UPDATE", "DELETE"}
        return held if self.uses(relation.schema, oids) else set()

    def _superuser_among(self, oids: frozenset[int]) -> bool:
        return any(self.catalog.roles[oid].superuser for oid in oids if oid)

    def columns(self, relation: Relation, privilege: str, oids: frozenset[int] | None = None) -> list[str]:
        """The columns on which a privilege is held, by table or column grants."""
        oids = self.everything if oids is None else oids
        if privilege in self.privileges(relation, oids):
            return list(relation.columns)
        if not self.uses(relation.schema, oids):
            return []
        granted = relation.column_grants.items()
        return [name for name, held in granted if any(privilege in held.get(oid, ()) for oid in oids)]

    def can(self, relation: Relation, privilege: str, oids: frozenset[int] | None = None) -> bool:
        """Whether it holds a privilege on the table or on at least one column."""
        if privilege in self.privileges(relation, oids):
            return True
        return bool(relation.column_grants) and bool(self.columns(relation, privilege, oids))

    def touches(self, relation: Relation) -> bool:
        """Whether it may read or change the relation at all."""
        return any(self.can(relation, privilege) for privilege in WHOLE_TABLE)

    def uses(self, schema: str, oids: frozenset[int] | None = None) -> bool:
        """Whether names in the schema can be looked up."""
        return self._on_schema(schema, "USAGE", oids) or self._power(
            "pg_read_all_data", self.everything if oids is None else oids
        )

    def _on_schema(self, schema: str, privilege: str, oids: frozenset[int] | None = None) -> bool:
        oids = self.everything if oids is None else oids
        item = self.catalog.schemas.get(schema)
        if item is None:
            return False
        return (
            item.owner in oids
            or self._superuser_among(oids)
            or any(privilege in item.grants.get(oid, ()) for oid in oids)
        )

    def creates_in(self) -> list[str]:
        """The schemas in which it can create objects; a schema of its own if it may make one."""
        own = ["a new schema"] if self.on_database("CREATE") else []
        return [name for name in self.catalog.schemas if self._on_schema(name, "CREATE")] + own

    def on_database(self, privilege: str) -> bool:
        """Whether it holds CREATE or TEMPORARY on the database."""
        grants = self.catalog.database_grants
        owner = self.catalog.database_owner in self.everything
        return owner or self.all_powerful or any(privilege in grants.get(oid, ()) for oid in self.everything)

    def executes(self, function: Function) -> bool:
        """Whether it may call the function."""
        if not self.uses(function.schema):
            return False
        held = any("EXECUTE" in function.grants.get(oid, ()) for oid in self.everything)
        return held or function.owner in self.everything or self.all_powerful

    def skips_policies(self, role: Role, relation: Relation) -> bool:
        """Whether policies of a table do not apply to a role: superuser, BYPASSRLS, or owner where not forced."""
        if role.superuser or role.bypassrls or not relation.rls:
            return True
        return not relation.forced and relation.owner in self.holds(role)
