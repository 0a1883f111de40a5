"""Words of a shell script, expanded as far as they are known, and the tests made of them."""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import tree_sitter

if TYPE_CHECKING:
    from chimera_compliance.probes.pipeline.shell import Shell, Status

UNKNOWN = "\ue000"
"""Stands for what nothing here decides; a private character, so that no file holds it by accident."""

_VARIABLE = re.compile(r"\$\{(\w+)(?::?[-=](.*?))?\}", re.DOTALL)
_NOT_WORDS = {"variable_assignment", "file_redirect", "heredoc_redirect", "herestring_redirect"}


def source(node: tree_sitter.Node) -> str:
    """The node's own text."""
    return (node.text or b"").decode("utf-8", "replace")


def parts(command: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    """The words of a command, its name first."""
    for child in command.children:
        if child.type == "command_name":
            yield child.children[0]
        elif child.is_named and child.type not in _NOT_WORDS:
            yield child


def of(command: tree_sitter.Node) -> list[str]:
    """The words of a command as they are written."""
    return [source(part) for part in parts(command)]


def expand(shell: "Shell", node: tree_sitter.Node) -> list[str]:
    """The arguments that a word becomes; what is not quoted is split."""
    value = text(shell, node)
    if node.type in ("simple_expansion", "expansion"):
        return value.split()
    return [value]


def text(shell: "Shell", node: tree_sitter.Node | None) -> str:
    """What a word stands for."""
    if node is None:
        return UNKNOWN
    match node.type:
        case "word" | "number" | "extglob_pattern" | "special_character" | "regex":
            return re.sub(r"\\(.)", r"\1", source(node).replace("\\\n", ""), flags=re.DOTALL)
        case "string_content":
            return re.sub(r'\\([$`"\\])', r"\1", source(node).replace("\\\n", ""))
        case "raw_string":
            return source(node)[1:-1]
        case "string":
            return "".join(text(shell, child) for child in node.children if child.is_named)
        case "concatenation":
            return "".join(text(shell, child) for child in node.children)
        case "simple_expansion" | "expansion":
            return _variable(shell, source(node))
        case "command_substitution" | "process_substitution":
            _substitute(shell, node)
            return UNKNOWN
    return source(node) if not node.is_named else UNKNOWN


def _substitute(shell: "Shell", node: tree_sitter.Node) -> "Status":
    return shell.child(errexit=False).quietly(node.children)


def _variable(shell: "Shell", written: str) -> str:
    if written == "$?":
        return UNKNOWN if shell.last is None else str(shell.last)
    if found := _VARIABLE.fullmatch(written):
        name, default = found[1], found[2]
        return shell.variables.get(name, UNKNOWN if default is None else default.strip("\"'"))
    return shell.variables.get(written[1:], UNKNOWN)


def assign(shell: "Shell", node: tree_sitter.Node) -> "Status":
    """Carry out `NAME=value`; the status is that of a command inside the value."""
    name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
    if value is not None and value.type == "string" and value.named_child_count == 1:
        inside = value.named_children[0]
        value = inside if inside.type == "command_substitution" else value
    substituted = value is not None and value.type == "command_substitution"
    status = _substitute(shell, value) if substituted else 0
    made = UNKNOWN if substituted else text(shell, value) if value is not None else ""
    if name is not None:
        shell.variables[source(name)] = made
    return status


def matches(subject: str, patterns: list[str]) -> bool:
    """Whether one of a case's patterns matches."""
    return any(fnmatchcase(subject, pattern) for pattern in patterns)


def test_words(shell: "Shell", node: tree_sitter.Node) -> list[str]:
    """A test's operands and operators in order, without the brackets."""
    found: list[str] = []
    arithmetic = source(node).startswith("((")
    for child in node.children:
        _flatten(shell, child, found, arithmetic)
    return [word for word in found if word not in ("[", "]", "[[", "]]", "((", "))")]


def _flatten(shell: "Shell", node: tree_sitter.Node, found: list[str], arithmetic: bool) -> None:
    if node.type.endswith("_expression"):
        for child in node.children:
            _flatten(shell, child, found, arithmetic)
    elif node.type in ("test_operator",) or not node.is_named:
        found.append(source(node))
    elif arithmetic and node.type in ("variable_name", "word"):
        found.append(shell.variables.get(source(node), source(node)))
    else:
        found.append(text(shell, node))


def test(shell: "Shell", given: list[str]) -> "Status":
    """The status of `[ … ]`, where it is known."""
    for sign, decides in (("||", 0), ("&&", 1), ("-o", 0), ("-a", 1)):
        if sign in given:
            at = given.index(sign)
            sides = [test(shell, given[:at]), test(shell, given[at + 1 :])]
            return decides if decides in sides else None if None in sides else 1 - decides
    match given:
        case ["!", *rest]:
            status = test(shell, rest)
            return None if status is None else 1 - status
        case [("-z" | "-n") as sign, value]:
            return None if UNKNOWN in value else int(bool(value) is (sign == "-z"))
        case [("-f" | "-e"), path] if UNKNOWN not in path and not path.startswith("/"):
            return 0 if shell.is_file(path) else None
        case [left, sign, right] if UNKNOWN not in left + right:
            return _compared(left, sign, right)
        case [value] if UNKNOWN not in value:
            return int(not value or value == "0")
    return None


def _compared(left: str, sign: str, right: str) -> "Status":
    numbers = {"-eq": "==", "-ne": "!=", "-gt": ">", "-lt": "<", "-ge": ">=", "-le": "<="}
    sign = numbers.get(sign, sign)
    if sign in ("=", "=="):
        return int(not fnmatchcase(left, right))
    if sign == "!=":
        return int(fnmatchcase(left, right))
    if sign not in (">", "<", ">=", "<=") or not (left.lstrip("-").isdigit() and right.lstrip("-").isdigit()):
        return None
    one, other = int(left), int(right)
    return int(not {">": one > other, "<": one < other, ">=": one >= other, "<=": one <= other}[sign])
