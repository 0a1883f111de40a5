"""What a parameter's annotation says: a model, a bare mapping, something else than the body.

Names are followed through aliases and classes of the whole tree, as far as each has one meaning there.
"""

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from chimera_compliance.probes.validation.source.tree import Module, last_name

_MAPPINGS = frozenset({"dict", "Dict", "Mapping", "MutableMapping", "OrderedDict", "defaultdict", "DefaultDict"})
_ANYTHING = frozenset({"Any", "object", "JSON", "JsonValue", "AnyStr"})
_LISTS = frozenset({"list", "List", "Sequence", "Iterable", "tuple", "Tuple", "set", "Set", "frozenset"})
_UNIONS = frozenset({"Optional", "Union"})
_WRAPPERS = frozenset({"RootModel", "Body", "Json"})
ELSEWHERE = frozenset({"Depends", "Security", "Query", "Path", "Header", "Cookie", "Inject", "Provide", "Parameter"})
IN_BODY = frozenset({"Body", "Form", "File"})
_DEEPEST = 12


@dataclass
class Names:
    """What names stand for: the expressions and classes that a tree defines them as, at the top of a module."""

    aliases: dict[str, list[ast.expr]] = field(default_factory=dict)
    classes: dict[str, list[ast.ClassDef]] = field(default_factory=dict)

    @classmethod
    def of(cls, read: Iterable[Module]) -> "Names":
        """The names of all modules together."""
        return _names(tuple(read))

    def bare(self, node: ast.expr | None, depth: int = 0) -> bool:
        """Whether an annotation admits any members: a dict of anything, Any, or a list of such."""
        node = _expression(node)
        if node is None or depth > _DEEPEST:
            return False
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return self.bare(node.left, depth + 1) or self.bare(node.right, depth + 1)
        name, inner = last_name(node), _arguments(node)
        if name == "Annotated":
            return bool(inner) and self.bare(inner[0], depth + 1)
        if name in _UNIONS or name in _WRAPPERS:
            return any(self.bare(part, depth + 1) for part in inner)
        if name in _MAPPINGS:
            return len(inner) < 2 or self.bare(inner[1], depth + 1)
        if name in _LISTS:
            return not inner or self.bare(inner[0], depth + 1)
        return name in _ANYTHING or self._defined_bare(name, depth)

    def _defined_bare(self, name: str, depth: int) -> bool:
        aliases, classes = self.aliases.get(name, []), self.classes.get(name, [])
        if not aliases and not classes:
            return False
        meanings = [self.bare(alias, depth + 1) for alias in aliases]
        return all([*meanings, *(self._open_class(found, depth) for found in classes)])

    def _open_class(self, found: ast.ClassDef, depth: int) -> bool:
        """A subclass of dict, a root model of anything, or a model that declares nothing and keeps everything."""
        if any(last_name(base) in _MAPPINGS for base in found.bases):
            return True
        if any(last_name(base) == "RootModel" and self.bare(base, depth + 1) for base in found.bases):
            return True
        fields = [part for part in found.body if isinstance(part, ast.AnnAssign)]
        keeps = any(isinstance(part, ast.Constant) and part.value == "allow" for part in ast.walk(found))
        return keeps and not fields

    def markers(self, node: ast.expr | None, depth: int = 0) -> set[str]:
        """The markers in an annotation, such as Depends and Body, also behind an alias."""
        node = _expression(node)
        if node is None or depth > _DEEPEST:
            return set()
        found = {last_name(part.func) for part in ast.walk(node) if isinstance(part, ast.Call)}
        found |= {last_name(part) for part in ast.walk(node) if isinstance(part, ast.Name) and part.id in ELSEWHERE}
        for part in ast.walk(node):
            for alias in self.aliases.get(part.id, []) if isinstance(part, ast.Name) else ():
                found |= self.markers(alias, depth + 1)
        return found


@lru_cache(maxsize=4)
def _names(read: tuple[Module, ...]) -> Names:
    found = Names()
    for module in read:
        for node in module.tree.body:
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    found.aliases.setdefault(name, []).append(value)
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                    found.aliases.setdefault(name, []).append(value)
                case ast.ClassDef(name=name):
                    found.classes.setdefault(name, []).append(node)
                case _ if type(node).__name__ == "TypeAlias":
                    found.aliases.setdefault(node.name.id, []).append(node.value)
    return found


def _expression(node: ast.expr | None) -> ast.expr | None:
    """An annotation that is written as a text, parsed."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        try:
            return ast.parse(node.value, mode="eval").body
        except (SyntaxError, ValueError, RecursionError):
            return None
    return node


def _arguments(node: ast.expr) -> list[ast.expr]:
    if not isinstance(node, ast.Subscript):
        return []
    return list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
