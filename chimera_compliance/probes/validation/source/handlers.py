"""Handlers by the idioms of FastAPI, Starlette, Flask, Django, aiohttp and Litestar, and what they do with a body."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from chimera_compliance.probes.validation.source.annotations import ELSEWHERE, IN_BODY, Names
from chimera_compliance.probes.validation.source.tree import Module, last_name

_WITH_BODY = frozenset({"post", "put", "patch", "delete"})
_ANY_METHOD = frozenset({"route", "api_route", "api_view", "add_url_rule", "add_api_route", "add_route", "Route"})
_READS = frozenset({"json", "get_json", "body", "form", "data", "get_data", "values", "POST", "json_body", "post"})
_VALIDATES = re.compile(
    r"valid|schema|deseriali[sz]e|structure|clean|parse_(obj|raw)|from_(dict|json)|convert|decode_as|^load$|^loads_as$"
    r"|marshal|use_(args|kwargs|json)|^arguments$|^input$|^expect$|^validate$|serializer|form_?class|type_?adapter",
    re.IGNORECASE,
)
_PLAIN_JSON = frozenset({"json", "simplejson", "ujson", "orjson", "yaml", "pickle"})
_CLASS = re.compile(r"_?[A-Z]\w*[a-z]\w*")
_VIEW = re.compile(r"View|Resource|HTTPEndpoint|Handler|Controller")
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Problem:
    """Why a body has no model, and where."""

    line: int
    why: str
    code: str


@dataclass
class Handler:
    """A function that answers requests with a body."""

    file: str
    line: int
    name: str
    route: str
    problems: list[Problem] = field(default_factory=list)

    @property
    def subject(self) -> str:
        """Its route and its name."""
        return f"{self.route} {self.name}()".strip()


def handlers_in(module: Module, names: Names) -> Iterator[Handler]:
    """Every handler of a module, judged."""
    named = _added(module.tree)
    for owner, function in _functions(module.tree):
        route = next(filter(None, map(_route, function.decorator_list)), "") or named.get(function.name, "")
        if not route and owner is not None and _is_view(owner) and function.name in _WITH_BODY:
            route = f"{function.name.upper()} {owner.name}"
        if route and route.partition(" ")[0] != "GET":
            handler = Handler(module.file, function.lineno, function.name, route)
            handler.problems += [*_parameters(function, route, names), *_unchecked(function)]
            yield handler


def _functions(tree: ast.Module) -> Iterator[tuple[ast.ClassDef | None, Function]]:
    """Functions with the class that they are a method of, wherever they are nested (an app factory)."""
    owners = {id(part): node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for part in node.body}
    for node in ast.walk(tree):
        if isinstance(node, Function):
            yield owners.get(id(node)), node


def _is_view(owner: ast.ClassDef) -> bool:
    return any(_VIEW.search(last_name(base)) for base in owner.bases)


def _route(decorator: ast.expr) -> str:
    """``POST /campaigns`` of a decorator that gives a function a path; empty for any other."""
    if not isinstance(decorator, ast.Call):
        return ""
    verb, path = last_name(decorator.func), _path(decorator)
    if verb in _WITH_BODY and path is not None:
        return f"{verb.upper()} {path}"
    if verb == "api_view" or (verb in _ANY_METHOD and path is not None):
        methods = _methods(decorator)
        chosen = next((method for method in methods if method.lower() in _WITH_BODY), "GET")
        return f"{chosen} {path or ''}".strip()
    return ""


def _path(call: ast.Call) -> str | None:
    first = call.args[0] if call.args else next((item.value for item in call.keywords if item.arg == "path"), None)
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        return first.value if first.value == "" or first.value[0] in "/{<^" else None
    if first is None and isinstance(call.func, ast.Name) and call.func.id in _WITH_BODY:
        return ""  # Litestar: @post()
    return None


def _methods(call: ast.Call) -> list[str]:
    """The methods that a call names, as a list of texts."""
    lists = [item.value for item in call.keywords if item.arg in ("methods", "http_method_names")]
    lists += [item for item in call.args if isinstance(item, ast.List | ast.Tuple)]
    elements = [part for item in lists if isinstance(item, ast.List | ast.Tuple | ast.Set) for part in item.elts]
    return [str(part.value).upper() for part in elements if isinstance(part, ast.Constant)]


def _added(tree: ast.Module) -> dict[str, str]:
    """Functions that a call gives a path: ``add_api_route("/x", create, methods=["POST"])``, ``Route("/x", …)``."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and last_name(node.func) in _ANY_METHOD and (path := _path(node)) is not None:
            method = next((item for item in _methods(node) if item.lower() in _WITH_BODY), None)
            given = [*node.args[1:], *(item.value for item in node.keywords if item.arg in ("endpoint", "view_func"))]
            for part in given:
                if method and isinstance(part, ast.Name):
                    found[part.id] = f"{method} {path}"
    return found


def _parameters(function: Function, route: str, names: Names) -> Iterator[Problem]:
    """Parameters that are read from the body and that nothing describes."""
    arguments = function.args
    plain = [*arguments.posonlyargs, *arguments.args]
    defaults = [*[None] * (len(plain) - len(arguments.defaults)), *arguments.defaults]
    for argument, default in [
        *zip(plain, defaults, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]:
        marked = names.markers(argument.annotation) | names.markers(default)
        if (
            argument.arg in ("self", "cls")
            or marked & ELSEWHERE
            or f"{{{argument.arg}" in route
            or f"{argument.arg}>" in route
        ):
            continue
        anything = argument.annotation is None or last_name(argument.annotation) in ("Any", "object")
        if anything and not marked & IN_BODY:
            continue  # FastAPI reads it from the query, others do not fill it
        if names.bare(argument.annotation) or (argument.annotation is None and "Body" in marked):
            code = ast.unparse(argument) + (f" = {ast.unparse(default)}" if default is not None else "")
            yield Problem(argument.lineno, "a parameter that takes any members", code[:120])


def _unchecked(function: Function) -> Iterator[Problem]:
    """What is read from the request itself, where nothing in the function looks at its form."""
    reads = [node for node in ast.walk(function) if isinstance(node, ast.Attribute) and _reads_body(node)]
    if not reads or any(
        _VALIDATES.search(last_name(part)) for item in function.decorator_list for part in _callees(item)
    ):
        return
    if not any(_validates(node) for node in ast.walk(function)):
        first = min(reads, key=lambda node: (node.lineno, node.col_offset))
        yield Problem(first.lineno, "reads the request's body and no model looks at it", ast.unparse(first)[:120])


def _callees(decorator: ast.expr) -> Iterator[ast.expr]:
    yield decorator.func if isinstance(decorator, ast.Call) else decorator


def _reads_body(node: ast.Attribute) -> bool:
    owner = last_name(node.value)
    return node.attr in _READS and owner.lower() in ("request", "req") and isinstance(node.ctx, ast.Load)


def _validates(node: ast.AST) -> bool:
    """A call that gives data a form: a validator, a schema's load, a model made of its members."""
    if not isinstance(node, ast.Call):
        return False
    name = last_name(node.func)
    owner = last_name(node.func.value) if isinstance(node.func, ast.Attribute) else ""
    if owner in _PLAIN_JSON and name in ("load", "loads", "decode"):
        return any(item.arg == "type" for item in node.keywords)
    if name in ("decode", "convert") and any(item.arg == "type" for item in node.keywords):
        return True
    if _CLASS.fullmatch(name) and any(item.arg is None for item in node.keywords):
        return True  # Campaign(**data)
    return bool(_VALIDATES.search(name))
