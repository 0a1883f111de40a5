"""The names of a module: what is assigned to each, which functions there are, and who calls them.

Read from the syntax alone; nothing of the tree is run.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

Function = ast.FunctionDef | ast.AsyncFunctionDef
_GUARDS = frozenset({"fullmatch", "isidentifier", "isalnum", "isdigit", "isdecimal", "isnumeric"})
_ENUMS = frozenset({"Enum", "StrEnum", "IntEnum", "Flag"})


@dataclass
class Scope:
    """The names of a function, class or module; `guarded` are those that an allow-list was asked about."""

    node: ast.AST
    parent: "Scope | None" = None
    assigned: dict[str, list[ast.expr]] = field(default_factory=dict)
    items: dict[str, list[ast.expr]] = field(default_factory=dict)
    """Names of loops, and what they run over."""
    parameters: dict[str, ast.arg] = field(default_factory=dict)
    guarded: dict[str, list[ast.expr | None]] = field(default_factory=dict)
    overwritten: set[str] = field(default_factory=set)
    """Parameters that are given another value, whatever happens."""
    owner: "ast.ClassDef | None" = None

    def holding(self, name: str) -> "Scope | None":
        """The scope that a name belongs to, from here outwards."""
        if name in self.assigned or name in self.items or name in self.parameters:
            return self
        return self.parent.holding(name) if self.parent else None

    def guards(self, name: str) -> "Iterator[tuple[Scope, ast.expr | None]]":
        """The collections that a name has been compared with; None stands for a check of its form."""
        yield from ((self, item) for item in self.guarded.get(name, ()))
        if self.parent:
            yield from self.parent.guards(name)


@dataclass
class Module:
    """A module's scopes, functions, classes and calls."""

    tree: ast.Module
    scopes: dict[ast.AST, Scope] = field(default_factory=dict)
    functions: dict[str, list[Function]] = field(default_factory=dict)
    calls: dict[str, list[tuple[ast.Call, Scope]]] = field(default_factory=dict)
    enums: set[str] = field(default_factory=set)
    imported: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, tree: ast.Module) -> "Module":
        """Everything that is known of a module."""
        module = cls(tree)
        module._enter(tree, None, None)
        return module

    def _enter(self, node: ast.AST, parent: Scope | None, owner: ast.ClassDef | None) -> None:
        scope = self.scopes[node] = Scope(node, parent, owner=owner)
        if isinstance(node, Function):
            arguments = node.args
            every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
            scope.parameters = {item.arg: item for item in every if item is not None}
            scope.overwritten = {
                target.id
                for line in node.body
                if isinstance(line, ast.Assign)
                for target in line.targets
                if isinstance(target, ast.Name)
            }
            self.functions.setdefault(node.name, []).append(node)
        for child in ast.iter_child_nodes(node):
            self._visit(child, scope, node if isinstance(node, ast.ClassDef) else owner)

    def _visit(self, node: ast.AST, scope: Scope, owner: ast.ClassDef | None) -> None:
        if isinstance(node, Function | ast.ClassDef):
            if isinstance(node, ast.ClassDef) and any(_last(base) in _ENUMS for base in node.bases):
                self.enums.add(node.name)
            for decorator in node.decorator_list:
                self._visit(decorator, scope, owner)
            self._enter(node, scope, owner)
            return
        self._note(node, scope)
        for child in ast.iter_child_nodes(node):
            self._visit(child, scope, owner)

    def _note(self, node: ast.AST, scope: Scope) -> None:
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    _bind(scope, target, value)
            case ast.AnnAssign(target=target, value=value) if value is not None:
                _bind(scope, target, value)
            case ast.AugAssign(target=target, value=value) | ast.NamedExpr(target=target, value=value):
                _bind(scope, target, value)
            case ast.For() | ast.AsyncFor() | ast.comprehension():
                for name in _names(node.target):
                    scope.items.setdefault(name, []).append(node.iter)
            case ast.Call():
                self.calls.setdefault(_last(node.func), []).append((node, scope))
                _guard_of_call(node, scope)
            case ast.Compare():
                _guard_of_comparison(node, scope)
            case ast.ImportFrom() | ast.Import():
                self.imported |= {(item.asname or item.name).partition(".")[0] for item in node.names}
                self.imported |= {node.module or ""} if isinstance(node, ast.ImportFrom) else set()


def _bind(scope: Scope, target: ast.expr, value: ast.expr) -> None:
    """A name, an attribute of `self`, or the names of a tuple, all of which may hold any of the value."""
    match target:
        case ast.Name(id=name):
            scope.assigned.setdefault(name, []).append(value)
        case ast.Attribute(value=ast.Name(id="self"), attr=name):
            scope.assigned.setdefault(f"self.{name}", []).append(value)
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            values = value.elts if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(parts) else None
            for place, part in enumerate(parts):
                _bind(scope, part, values[place] if values else value)


def _guard_of_call(node: ast.Call, scope: Scope) -> None:
    """`re.fullmatch(PATTERN, name)` and `name.isidentifier()`."""
    if _last(node.func) not in _GUARDS:
        return
    inner = node.func.value if isinstance(node.func, ast.Attribute) else None
    for item in [*node.args, inner]:
        if isinstance(item, ast.Name):
            scope.guarded.setdefault(item.id, []).append(None)


def _guard_of_comparison(node: ast.Compare, scope: Scope) -> None:
    """`name in ALLOWED`, `name not in ALLOWED`."""
    if isinstance(node.left, ast.Name) and isinstance(node.ops[0], ast.In | ast.NotIn):
        scope.guarded.setdefault(node.left.id, []).append(node.comparators[0])


def _names(target: ast.AST) -> Iterator[str]:
    return (node.id for node in ast.walk(target) if isinstance(node, ast.Name))


def _last(node: ast.AST) -> str:
    """The last name of an expression: of what is called, of a base class."""
    if isinstance(node, ast.Subscript):
        return _last(node.value)
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


last_name = _last
