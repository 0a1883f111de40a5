"""Statements that are made of text where they are run, or on the way there: across names, helpers and `+=`."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from chimera_compliance.probes.injection.source.scopes import Function, Module, Scope, last_name
from chimera_compliance.probes.injection.source.values import Values

_RUNNING = {"execute", "executemany", "executescript", "exec_driver_sql", "raw", "fetch", "fetchrow", "fetchval"}
_RUNNING |= {
    "fetch_all",
    "fetch_one",
    "fetch_val",
    "fetchmany",
    "read_sql",
    "read_sql_query",
    "execute_async",
    "scalars",
}
_RUNNING |= {"scalar", "mogrify", "copy_expert", "prepare", "stream", "iterate", "execute_batch", "execute_values"}
_RUNNING |= {"RawSQL", "run_sql", "run_query", "query", "cursor", "copy", "extra", "op", "sql"}
_TEXTS = {"text", "literal_column", "TextClause", "DDL", "RawSQL", "SQL"}
_CLAUSES = {"order_by", "where", "filter", "having", "group_by", "select", "select_from", "with_hint", "from_statement"}
_TALKING = re.compile(r"^(debug|info|warn(ing)?|error|exception|critical|log|print|write|flash|echo|fail|skip|append)$")
_NAMED = {"query", "sql", "statement", "operation", "text", "stmt"}
_WORDS = re.compile(
    r"^\s*\(?(select|insert|update|delete|set|with|create|alter|drop|truncate|grant|revoke|call|copy|explain|lock|merge|"
    r"reset|notify|listen|declare|comment|vacuum|analyze|refresh|begin|do)\b"
    r"|\b(where|from|order\s+by|group\s+by|values|limit|offset|having|join|returning|set)\b",
    re.IGNORECASE,
)
_STATEMENT = re.compile(
    r"^\s*(SELECT\s.*\sFROM\s|INSERT\s+INTO\s|UPDATE\s.*\sSET\s|DELETE\s+FROM\s"
    r"|select\s.*\sfrom\s|insert\s+into\s|update\s.*\sset\s|delete\s+from\s|WITH\s.*\sAS\s*\(|SET\s+\w+[\w.]*\s*(=|TO)\s)",
    re.DOTALL,
)
_DEEPEST = 8


@dataclass(frozen=True)
class Made:
    """A text that a loose value was put into: where it is made, what was put in, and where it is run."""

    node: ast.expr
    loose: str
    run_at: int
    by: str

    @property
    def line(self) -> int:
        """Where it is made."""
        return self.node.lineno


class Statements:
    """The statements of one module."""

    def __init__(self, tree: ast.Module) -> None:
        self._module = Module.of(tree)
        self._values = Values(self._module)
        self._passing = self._wrappers()

    def made(self) -> list[Made]:
        """Those that a loose value was put into, by line."""
        found: dict[tuple[int, int], Made] = {}
        for call, scope, argument, surely in self._run():
            for node, loose in self._loose(argument, scope, 0):
                words = " ".join([*self._constants(argument, scope), *self._constants(node, scope)])
                known = surely or _STATEMENT.search(words)
                if known and (_WORDS.search(words) or self._is_clause(call, argument)):
                    found.setdefault(
                        (node.lineno, node.col_offset), Made(node, loose, call.lineno, last_name(call.func))
                    )
        return [found[place] for place in sorted(found)]

    def innocent(self, line: int) -> bool:
        """Whether nothing loose is put into any text that is made on a line."""
        parents = [
            (node, scope)
            for node, scope in self._expressions()
            if node.lineno <= line <= (node.end_lineno or node.lineno) and _composes(node)
        ]
        return bool(parents) and not any(self._loose(node, scope, 0) for node, scope in parents)

    def _expressions(self) -> Iterator[tuple[ast.expr, Scope]]:
        for owner, scope in self._module.scopes.items():
            for node in _own(owner):
                if isinstance(node, ast.expr):
                    yield node, scope

    def _run(self) -> Iterator[tuple[ast.Call, Scope, ast.expr, bool]]:
        """(call, scope, text, whether the call is known to run it) of everything that may run a statement."""
        for name, calls in self._module.calls.items():
            for call, scope in calls:
                if name in _RUNNING or name in self._passing or (name in _TEXTS and self._is_sqlalchemy):
                    yield from ((call, scope, text, True) for text in self._texts(call, name))
                elif not _TALKING.match(name) and not name[:1].isupper() and name not in ("format", "join", "replace"):
                    yield from ((call, scope, text, False) for text in call.args[:1])
                if name in _CLAUSES and self._is_sqlalchemy:
                    yield from ((call, scope, item, True) for item in call.args if _is_text_call(item))

    def _texts(self, call: ast.Call, name: str) -> list[ast.expr]:
        place = self._passing.get(name, 0)
        named = [keyword.value for keyword in call.keywords if keyword.arg in _NAMED]
        return [*call.args[place : place + 1], *named]

    @property
    def _is_sqlalchemy(self) -> bool:
        return any("sqlalchemy" in name or name in ("sqlmodel", "sa") for name in self._module.imported)

    def _wrappers(self) -> dict[str, int]:
        """Functions of the module that run what they are given: name to the parameter's place."""
        found: dict[str, int] = {}
        for calls in (self._module.calls.get(name, ()) for name in _RUNNING | _TEXTS):
            for call, scope in calls:
                for text in call.args[:1]:
                    inner = text.args[0] if isinstance(text, ast.Call) and _is_text_call(text) and text.args else text
                    if isinstance(inner, ast.Name) and isinstance(scope.node, Function):
                        names = [item.arg for item in scope.node.args.args if item.arg not in ("self", "cls")]
                        if inner.id in names and inner.id not in scope.assigned:
                            found[scope.node.name] = names.index(inner.id)
        return found

    def _is_clause(self, call: ast.Call, argument: ast.expr) -> bool:
        """`order_by(text(name))`: a clause has no words of its own."""
        return last_name(call.func) in _CLAUSES and _is_text_call(argument)

    def _loose(self, node: ast.expr | None, scope: Scope, depth: int) -> list[tuple[ast.expr, str]]:
        """(where, what) of every loose value that is put into a text."""
        if node is None or depth > _DEEPEST:
            return []
        match node:
            case ast.JoinedStr(values=parts):
                bad = [
                    part.value
                    for part in parts
                    if isinstance(part, ast.FormattedValue) and not self._values._part(part, scope)
                ]
                return self._told(node, bad)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self._added(node, [left, right], scope, depth)
            case ast.BinOp(left=left, op=ast.Mod(), right=right) if _is_text(left) or isinstance(left, ast.Name):
                values = (
                    right.elts
                    if isinstance(right, ast.Tuple)
                    else right.values
                    if isinstance(right, ast.Dict)
                    else [right]
                )
                bad = [value for value in values if not self._values.fixed(value, scope)]
                return self._told(node, bad) + self._loose(left, scope, depth + 1)
            case ast.IfExp(body=body, orelse=orelse):
                return self._loose(body, scope, depth + 1) + self._loose(orelse, scope, depth + 1)
            case ast.Await(value=value) | ast.NamedExpr(value=value):
                return self._loose(value, scope, depth + 1)
            case ast.Name(id=name):
                return self._behind(name, scope, depth)
            case ast.Call():
                return self._called(node, scope, depth)
        return []

    def _told(self, node: ast.expr, bad: list[ast.expr]) -> list[tuple[ast.expr, str]]:
        return [(node, ", ".join(ast.unparse(item)[:60] for item in bad[:3]))] if bad else []

    def _added(self, node: ast.BinOp, sides: list[ast.expr], scope: Scope, depth: int) -> list[tuple[ast.expr, str]]:
        found, bad = [], []
        for side in sides:
            inner = self._loose(side, scope, depth + 1)
            if inner:
                found += [(node if _composes(side) else where, what) for where, what in inner]
            elif not self._values.fixed(side, scope):
                bad.append(side)
        return [*found[:1], *(self._told(node, bad) if not found else [])]

    def _behind(self, name: str, scope: Scope, depth: int) -> list[tuple[ast.expr, str]]:
        """What was assigned to a name, piece by piece."""
        holder = scope.holding(name)
        if holder is None or any(
            True for where, allowed in scope.guards(name) if allowed is None or self._values.fixed(allowed, where)
        ):
            return []
        values = holder.assigned.get(name, [])
        found = [item for value in values for item in self._loose(value, holder, depth + 1)]
        added = _added_to(name, holder.node)
        found += [
            (value, ast.unparse(value)[:60])
            for value in added
            if _is_plain(value) and not self._values.fixed(value, holder)
        ]
        return found

    def _called(self, node: ast.Call, scope: Scope, depth: int) -> list[tuple[ast.expr, str]]:
        name, owner = last_name(node.func), node.func.value if isinstance(node.func, ast.Attribute) else None
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        if name in _TEXTS and node.args:
            if self._is_sqlalchemy and _is_plain(node.args[0]) and not self._values.fixed(node.args[0], scope):
                return (
                    self._told(node, [node.args[0]])
                    if not isinstance(node.args[0], ast.Name) or self._chosen(node.args[0], scope)
                    else self._loose(node.args[0], scope, depth + 1)
                )
            return self._loose(node.args[0], scope, depth + 1)
        if owner is not None and name in ("format", "replace", "join"):
            if isinstance(owner, ast.Call) and last_name(owner.func) == "SQL":
                return self._loose(owner, scope, depth + 1)
            values = given[1:] if name == "replace" else given
            bad = [item for item in values if not self._values.fixed(item, scope)]
            return self._told(node, bad) or self._loose(owner, scope, depth + 1)
        if owner is not None and name in ("strip", "lstrip", "rstrip", "lower", "upper", "encode"):
            return self._loose(owner, scope, depth + 1)
        if name in ("dedent", "cleandoc", "str") and node.args:
            return self._loose(node.args[0], scope, depth + 1)
        return self._from_helpers(name, depth)

    def _chosen(self, name: ast.Name, scope: Scope) -> bool:
        """Whether a name is a plain parameter, which whoever calls chooses."""
        holder = scope.holding(name.id)
        return holder is not None and name.id in holder.parameters

    def _from_helpers(self, name: str, depth: int) -> list[tuple[ast.expr, str]]:
        found = []
        for function in self._module.functions.get(name, ()):
            for item in ast.walk(function):
                if isinstance(item, ast.Return):
                    found += self._loose(item.value, self._module.scopes[function], depth + 2)
        return found

    def _constants(self, node: ast.AST, scope: Scope, depth: int = 0) -> Iterator[str]:
        """The texts that an expression is made of, those of its names and helpers included."""
        for item in ast.walk(node) if depth < 4 else ():
            if isinstance(item, ast.Constant) and isinstance(item.value, str):
                yield item.value
            elif isinstance(item, ast.Name) and (holder := scope.holding(item.id)):
                for value in holder.assigned.get(item.id, ()):
                    yield from self._constants(value, holder, depth + 1)


def _own(owner: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function, class or module without those of the functions and classes in it."""
    queue = list(ast.iter_child_nodes(owner))
    while queue:
        node = queue.pop()
        yield node
        if not isinstance(node, Function | ast.ClassDef):
            queue += ast.iter_child_nodes(node)


def _added_to(name: str, owner: ast.AST) -> list[ast.expr]:
    """What `+=` adds to a name."""
    return [
        node.value
        for node in _own(owner)
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name) and node.target.id == name
    ]


def _composes(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return last_name(node.func) in ("format", "join", "replace")
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod))


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _is_plain(node: ast.AST) -> bool:
    return isinstance(node, ast.Name | ast.Attribute | ast.Subscript)


def _is_text_call(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and last_name(node.func) in _TEXTS
