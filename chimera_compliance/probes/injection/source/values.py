"""Which values nobody but the author of the source can choose the text of.

*Fixed* are constants, numbers, what is taken from a table of constants, what was compared with an allow-list, and
what psycopg's `sql` composes (https://www.psycopg.org/psycopg3/docs/api/sql.html). All else is *loose*.
"""

import ast
import re

from chimera_compliance.probes.injection.source.scopes import Function, Module, Scope, last_name

_NUMBERS = {"int", "float", "len", "abs", "round", "bool", "ord", "UUID", "uuid4", "Decimal", "hash", "sum", "time"}
_QUOTED = {"Identifier", "Literal", "Placeholder", "Composed", "quoted_name", "quote_ident", "quote_identifier"}
_QUOTED |= {"quote_name", "quote", "quote_literal", "literal_column_name", "format_table", "bindparam"}
_KEEPING = {"strip", "lstrip", "rstrip", "lower", "upper", "title", "dedent", "cleandoc", "encode", "casefold"}
_KEEPING |= {"partition", "rpartition", "split", "rsplit", "splitlines", "removeprefix", "removesuffix", "capitalize"}
_GATHERING = {"sorted", "list", "tuple", "set", "reversed", "dict", "str", "text", "enumerate", "zip", "repr", "SQL"}
_READING = {"keys", "values", "items", "copy", "get", "pop"}
_TYPES = {"int", "float", "bool", "UUID", "date", "datetime", "Decimal", "Literal", "timedelta", "time"}
_WRAPPERS = {"Optional", "Annotated", "list", "List", "Sequence", "set", "tuple", "Union", "Iterable", "None"}
_SCHEMA = re.compile(
    r"(^|_)(table|tables|tablename|column|columns|col|cols|schema|model|metadata|dialect)(_?name)?s?$", re.I
)


class Values:
    """Judges the expressions of one module."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self._busy: set[tuple[int, str]] = set()

    def fixed(self, node: ast.AST | None, scope: Scope) -> bool:
        """Whether nobody but the author chose the text of the value; what refers to itself adds nothing."""
        place = (id(node), "")
        if node is None or place in self._busy:
            return True
        self._busy.add(place)
        try:
            return self._fixed(node, scope)
        finally:
            self._busy.discard(place)

    def _all(self, nodes, scope: Scope) -> bool:
        return all(self.fixed(node, scope) for node in nodes)

    def _fixed(self, node: ast.AST, scope: Scope) -> bool:
        match node:
            case ast.Constant() | ast.Compare() | ast.UnaryOp() | ast.Lambda():
                return True
            case ast.JoinedStr(values=parts):
                return all(self._part(part, scope) for part in parts)
            case ast.BinOp(left=left, op=ast.Add() | ast.Mod(), right=right):
                return self.fixed(left, scope) and self.fixed(right, scope)
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                return self.fixed(left, scope) or (self.fixed(right, scope) and not isinstance(right, ast.Constant))
            case ast.BinOp():
                return True
            case ast.IfExp(body=body, orelse=orelse):
                return self.fixed(body, scope) and self.fixed(orelse, scope)
            case ast.BoolOp(values=values):
                return self._all(values, scope)
            case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
                return self._all(items, scope)
            case ast.Dict(values=items):
                return self._all(items, scope)
            case ast.Starred(value=value) | ast.Await(value=value) | ast.NamedExpr(value=value):
                return self.fixed(value, scope)
            case ast.Subscript(value=value):
                return self.fixed(value, scope)
            case ast.ListComp(elt=item) | ast.SetComp(elt=item) | ast.GeneratorExp(elt=item):
                return self.fixed(item, scope)
            case ast.Name(id=name):
                return self._name(name, scope)
            case ast.Attribute():
                return self._attribute(node, scope)
            case ast.Call():
                return self._call(node, scope)
        return False

    def _part(self, part: ast.expr, scope: Scope) -> bool:
        """A format like `:d` or `:.2f` takes numbers alone."""
        if not isinstance(part, ast.FormattedValue):
            return True
        form = part.format_spec.values if isinstance(part.format_spec, ast.JoinedStr) else []
        last = form[-1] if form else None
        if isinstance(last, ast.Constant) and str(last.value)[-1:] in {"d", "f", "x", "X", "b", "o", "e", "g", "n"}:
            return True
        return self.fixed(part.value, scope)

    def _name(self, name: str, scope: Scope) -> bool:
        for where, allowed in scope.guards(name):
            if allowed is None or self.fixed(allowed, where):
                return True
        holder = scope.holding(name)
        if holder is None:
            return name.isupper() or name in self._module.enums  # a constant of another module, by its spelling
        if name in holder.parameters:
            return self._overwritten(holder, name) or (
                self._parameter(holder, name) and self._all(holder.assigned.get(name, ()), holder)
            )
        return self._all([*holder.assigned.get(name, ()), *holder.items.get(name, ())], holder)

    def _overwritten(self, scope: Scope, name: str) -> bool:
        """Whether the value that a parameter is given instead is fixed, and not made of the parameter."""
        place = (id(scope), name)
        if name not in scope.overwritten or place in self._busy:
            return False
        self._busy.add(place)
        try:
            return self._all(scope.assigned[name], scope)
        finally:
            self._busy.discard(place)

    def _parameter(self, scope: Scope, name: str) -> bool:
        """By its type, or because every call of this module gives it what is fixed."""
        if (annotation := scope.parameters[name].annotation) is not None and self._closed(annotation):
            return True
        function = scope.node
        if not isinstance(function, Function) or function.decorator_list:
            return False
        given = [
            (value, where)
            for call, where in self._module.calls.get(function.name, ())
            for value in _given(call, function, name)
        ]
        defaults = [value for value in _defaults(function, name) if value is not None]
        return bool(given) and all(self.fixed(value, where) for value, where in given) and self._all(defaults, scope)

    def _closed(self, annotation: ast.expr) -> bool:
        """Whether a type has no room for a text of somebody's choice."""
        match annotation:
            case ast.BinOp(left=left, right=right):
                return self._closed(left) and self._closed(right)
            case ast.Constant(value=None):
                return True
            case ast.Constant(value=str(text)):
                return text.rpartition(".")[2] in _TYPES | self._module.enums
            case ast.Subscript(value=value, slice=inner):
                if (name := last_name(value)) == "Literal":
                    return True
                parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
                return name in _WRAPPERS and all(map(self._closed, parts[:1] if name == "Annotated" else parts))
        return last_name(annotation) in _TYPES | self._module.enums

    def _attribute(self, node: ast.Attribute, scope: Scope) -> bool:
        """Constants by their spelling, members of enumerations, what names a table, and attributes of `self`."""
        if node.attr.isupper() or node.attr.startswith("__") or _SCHEMA.search(node.attr):
            return True
        match node.value:
            case ast.Name(id="self" | "cls"):
                return self._of_self(node.attr, scope)
            case ast.Name(id=name) if node.attr in ("value", "name"):
                return name in self._module.enums or self._name(name, scope) or bool(_SCHEMA.search(name))
            case ast.Attribute(attr=attr):
                return attr.isupper() or attr == "__table__" or bool(_SCHEMA.search(attr))
        return False

    def _of_self(self, attribute: str, scope: Scope) -> bool:
        if scope.owner is None:
            return False
        held = self._module.scopes[scope.owner]
        values = [(value, held) for value in held.assigned.get(attribute, ())]
        for part in self._module.scopes.values():
            if part.owner is scope.owner:
                values += [(value, part) for value in part.assigned.get(f"self.{attribute}", ())]
        return bool(values) and all(self.fixed(value, where) for value, where in values)

    def _call(self, node: ast.Call, scope: Scope) -> bool:
        name, owner = last_name(node.func), node.func.value if isinstance(node.func, ast.Attribute) else None
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        if name in _NUMBERS or name in _QUOTED:
            return True
        if owner is not None:
            if name == "format" and isinstance(owner, ast.Call) and last_name(owner.func) == "SQL":
                return self.fixed(owner, scope)
            if name == "get" and self.fixed(owner, scope):
                return self._all(given[1:], scope)
            if name in ("format", "join", "replace"):
                return self.fixed(owner, scope) and self._all(given, scope)
            if name in _KEEPING | _READING:
                return self.fixed(owner, scope) and (name in _KEEPING or self._all(given[1:], scope))
        if name in _GATHERING or name in _KEEPING or name in self._module.enums:
            return name in self._module.enums or self._all(given, scope)
        return self._returned(name)

    def _returned(self, name: str) -> bool:
        """What the functions of that name in this module can return."""
        found = self._module.functions.get(name, [])
        returned = [
            (item.value, self._module.scopes[function])
            for function in found
            for item in ast.walk(function)
            if isinstance(item, ast.Return | ast.Yield) and item.value is not None
        ]
        return bool(returned) and all(self.fixed(value, where) for value, where in returned)


def _given(call: ast.Call, function: Function, name: str) -> list[ast.expr]:
    """What a call gives to a parameter; everything it gives where that cannot be told."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return [keyword.value]
    names = [item.arg for item in [*function.args.posonlyargs, *function.args.args]]
    if isinstance(call.func, ast.Attribute) and names[:1] in (["self"], ["cls"]):
        names = names[1:]
    if name in names:
        place = names.index(name)
        starred = [item for item in call.args if isinstance(item, ast.Starred)]
        return starred or call.args[place : place + 1]
    return list(call.args)


def _defaults(function: Function, name: str) -> list[ast.expr | None]:
    arguments = function.args
    ordered = [*arguments.posonlyargs, *arguments.args]
    pairs = [*zip(ordered[len(ordered) - len(arguments.defaults) :], arguments.defaults, strict=True)]
    pairs += zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    return [value for item, value in pairs if item.arg == name]
