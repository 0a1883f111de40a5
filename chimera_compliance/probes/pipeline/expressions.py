"""GitHub's expressions, evaluated as far as the repository decides them.

What it does not decide (a variable of the organisation, an output of a step) is `Unknown`, and so is all that
depends on it: a condition then holds, does not hold, or is not known.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')|(?P<number>-?(?:0x[0-9a-fA-F]+|\d+(?:\.\d+)?(?:[eE][-+]?\d+)?))"
    r"|(?P<name>[A-Za-z_][\w-]*)|(?P<sign>&&|\|\||[!=<>]=|[!<>()\[\].,*]))"
)
_EMBEDDED = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_CLOSE = {"(": ")", "[": "]"}


@dataclass(frozen=True)
class Unknown:
    """A value that the repository does not decide; `name` is what it depends on."""

    name: str

    def __str__(self) -> str:
        return self.name


class NotAnExpression(ValueError):
    """The text cannot be parsed; GitHub would refuse the workflow."""


Names = Callable[[list[str]], Any]
Functions = dict[str, Callable[..., Any]]


def embedded(text: str) -> Iterator[str]:
    """What stands between `${{` and `}}`."""
    return (found[1].strip() for found in _EMBEDDED.finditer(text))


def filled(text: str, names: Names, functions: Functions, unknown: Callable[[str], str]) -> str:
    """The text with its expressions evaluated; `unknown` says what stands for one that is not known."""

    def one(found: re.Match[str]) -> str:
        value = evaluate(found[1], names, functions)
        shown = unknown(found[1].strip()) if isinstance(value, Unknown) else as_text(value)
        return shown + "\n" * (found[0].count("\n") - shown.count("\n"))

    return _EMBEDDED.sub(one, text)


def condition(text: Any, names: Names, functions: Functions) -> Any:
    """What an `if:` comes to: a value, whose truth counts, or `Unknown`."""
    if not isinstance(text, str):
        return True if text is None else text
    whole = text.strip()
    if not _EMBEDDED.search(whole):
        return evaluate(whole, names, functions) if whole else True
    if _EMBEDDED.fullmatch(whole) and whole.count("${{") == 1:
        return evaluate(whole[3:-2], names, functions)
    return True  # `${{ x }} && y` is a text, and a text that is not empty is true


def evaluate(text: str, names: Names, functions: Functions) -> Any:
    """The value of one expression; one that cannot be parsed is not known."""
    try:
        parser = _Parser(list(_tokens(text)), names, functions)
        value = parser.either()
        parser.end()
    except (NotAnExpression, RecursionError, TypeError, ValueError):
        return Unknown(text.strip())
    return value


def truth(value: Any) -> bool | Unknown:
    """Whether GitHub takes the value for true."""
    if isinstance(value, Unknown):
        return value
    return bool(value) if not isinstance(value, dict | list) else True


def as_text(value: Any) -> str:
    """How GitHub writes the value into a text."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case dict() | list():
            return json.dumps(value)
    return str(value)


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    position, text = 0, text.strip()
    while position < len(text):
        found = _TOKEN.match(text, position)
        if not found or found.end() == position:
            raise NotAnExpression(text)
        position = found.end()
        yield found.lastgroup or "", found[found.lastgroup or 0]
    yield "end", ""


class _Parser:
    """Recursive descent over the grammar in GitHub's reference, evaluating as it goes."""

    def __init__(self, tokens: list[tuple[str, str]], names: Names, functions: Functions) -> None:
        self._tokens, self._at = tokens, 0
        self._names, self._functions = names, {**_FUNCTIONS, **functions}

    def end(self) -> None:
        if self._tokens[self._at][0] != "end":
            raise NotAnExpression

    def either(self) -> Any:
        left = self._both()
        while self._take("||"):
            right = self._both()
            sure = truth(left)
            left = right if sure is False or (truth(right) is True and sure is not True) else left
        return left

    def _both(self) -> Any:
        left = self._compared()
        while self._take("&&"):
            right = self._compared()
            sure = truth(left)
            left = right if sure is True or (truth(right) is False and sure is not False) else left
        return left

    def _compared(self) -> Any:
        left = self._unary()
        while (sign := self._tokens[self._at][1]) in ("==", "!=", "<", ">", "<=", ">="):
            self._at += 1
            left = _compare(sign, left, self._unary())
        return left

    def _unary(self) -> Any:
        if self._take("!"):
            value = truth(self._unary())
            return Unknown(f"!{value}") if isinstance(value, Unknown) else not value
        return self._primary()

    def _primary(self) -> Any:
        kind, text = self._tokens[self._at]
        self._at += 1
        match kind:
            case "string":
                return text[1:-1].replace("''", "'")
            case "number":
                return (
                    float(int(text, 16)) if "0x" in text else float(text) if "." in text or "e" in text else int(text)
                )
            case "name":
                return self._named(text)
        if text != "(":
            raise NotAnExpression
        value = self.either()
        self._need(")")
        return value

    def _named(self, name: str) -> Any:
        if self._tokens[self._at][1] == "(":
            return self._call(name)
        literal = {"true": True, "false": False, "null": None}
        if name in literal:
            return literal[name]
        path = [name]
        while (sign := self._tokens[self._at][1]) in (".", "["):
            self._at += 1
            path.append(self._step(sign))
        return self._names(path)

    def _step(self, sign: str) -> str:
        if sign == "[":
            index = self.either()
            self._need("]")
            return as_text(index)
        kind, text = self._tokens[self._at]
        if kind != "name" and text != "*":
            raise NotAnExpression
        self._at += 1
        return text

    def _call(self, name: str) -> Any:
        self._need("(")
        arguments = []
        while not self._take(")"):
            arguments.append(self.either())
            if not self._take(","):
                self._need(")")
                break
        function = {key.lower(): value for key, value in self._functions.items()}.get(name.lower())
        if function is None or any(isinstance(argument, Unknown) for argument in arguments):
            return Unknown(f"{name}({', '.join(map(str, arguments))})")
        return function(*arguments)

    def _take(self, sign: str) -> bool:
        taken = self._tokens[self._at] == ("sign", sign)
        self._at += taken
        return taken

    def _need(self, sign: str) -> None:
        if not self._take(sign):
            raise NotAnExpression


def _compare(sign: str, left: Any, right: Any) -> Any:
    if isinstance(left, Unknown) or isinstance(right, Unknown):
        return Unknown(f"{left} {sign} {right}")
    if isinstance(left, str) and isinstance(right, str):
        left, right = left.lower(), right.lower()
    elif type(left) is not type(right):
        left, right = _number(left), _number(right)
    operations = {"==": left == right, "!=": left != right}
    if sign in operations:
        return operations[sign]
    return {"<": left < right, ">": left > right, "<=": left <= right, ">=": left >= right}[sign]


def _number(value: Any) -> float:
    try:
        return float(value or 0)
    except (TypeError, ValueError):
        return float("nan")


def _contains(where: Any, what: Any) -> bool:
    if isinstance(where, list):
        return any(_compare("==", item, what) is True for item in where)
    return as_text(what).lower() in as_text(where).lower()


_FUNCTIONS: Functions = {
    "contains": _contains,
    "startsWith": lambda text, begin: as_text(text).lower().startswith(as_text(begin).lower()),
    "endsWith": lambda text, end: as_text(text).lower().endswith(as_text(end).lower()),
    "format": lambda text, *values: re.sub(r"\{(\d+)\}", lambda found: as_text(values[int(found[1])]), text),
    "join": lambda values, by=",": by.join(map(as_text, values)) if isinstance(values, list) else as_text(values),
    "toJSON": json.dumps,
    "fromJSON": json.loads,
}
