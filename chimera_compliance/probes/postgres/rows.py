"""A row as it was planted, and how it is found again."""

from collections.abc import Mapping
from dataclasses import dataclass

from chimera_compliance.probes.postgres.catalog import Relation
from chimera_compliance.probes.postgres.session import identifier, literal


@dataclass(frozen=True)
class Row:
    """A planted row as the server returned it; `script` holds the statements that planted it and its parents."""

    relation: Relation
    tenant: str | None
    marker: str
    values: Mapping[str, str | None]
    script: tuple[str, ...]

    def matches(self, columns: list[str]) -> str:
        """A condition over columns that finds this row."""
        return " AND ".join(
            f"{identifier(name)} IS NULL" if self.values[name] is None else f"{identifier(name)} = {self._typed(name)}"
            for name in columns
        )

    def _typed(self, name: str) -> str:
        return f"{literal(self.values[name])}::{self.relation.columns[name].type}"

    def recognised_by(self, selectable: list[str], tenant_column: str | None) -> str | None:
        """A condition over columns that may be selected: the key, else a text that carries the marker."""
        key = self.relation.primary
        if key and set(key) <= set(selectable):
            return self.matches(key)
        marked = [name for name in selectable if self.marker in (self.values.get(name) or "")]
        marked = [name for name in marked if self.relation.columns[name].category == "S"]
        if marked:
            return self.matches(marked[:1])
        unique = [name for name in selectable if self.relation.columns[name].base == "uuid" and self.values.get(name)]
        unique = [name for name in unique if not any(name in r.columns for r in self.relation.references)]
        if unique and unique != [tenant_column]:
            return self.matches(unique)
        return self.matches([tenant_column]) if tenant_column in selectable else None


def insertion(relation: Relation, values: Mapping[str, str | None]) -> str:
    """The INSERT statement for one row."""
    names = ", ".join(map(identifier, values))
    constants = ", ".join(map(literal, values.values()))
    return f"INSERT INTO {relation.sql} ({names}) OVERRIDING SYSTEM VALUE VALUES ({constants})"
