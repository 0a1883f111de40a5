"""Runs a shell script in the mind: which commands it comes to, and what their failure does to its exit status.

Nothing is executed. Every command is taken to succeed but the one that is supposed to fail, and what becomes of that
failure (`|| true`, `set +e`, a pipe without pipefail, `if`, a trap, a saved `$?`) follows from the shell's own rules
(POSIX.1-2024, Shell Command Language, 2.8.1 and `set -e`; Bash Reference Manual, The Set Builtin). A status is 0, 1,
or None for what nothing here decides; where one of those steers, both ways are tried.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cache

import tree_sitter
import tree_sitter_bash

from chimera_compliance.probes.pipeline import words
from chimera_compliance.probes.pipeline.words import UNKNOWN

Status = int | None
Program = Callable[["Shell", list[str], int], Status]
"""What a command does that is no builtin: `(shell, argv, line) -> status`."""

_IGNORED = {"comment", "heredoc_body", "file_redirect", "heredoc_redirect", "herestring_redirect"}
_GROUPS = {"program", "compound_statement", "do_group", "else_clause", "ERROR"}
CALLS_DEEP = 12


class Exit(Exception):
    """The script ends here."""

    def __init__(self, status: Status) -> None:
        self.status = status


class Return(Exit):
    """A function ends here."""


@cache
def _parser() -> tree_sitter.Parser:
    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_bash.language()))


@cache
def parse(script: str) -> tree_sitter.Tree:
    """The syntax tree of a script."""
    return _parser().parse(script.encode("utf-8", "replace"))


@dataclass
class Shell:
    """One shell process: its options, variables and working directory, and where its text stands."""

    program: Program
    choose: Callable[[str], bool]
    is_file: Callable[[str], bool]
    file: str
    line: int = 1
    cwd: str = "."
    errexit: bool = False
    pipefail: bool = False
    variables: dict[str, str] = field(default_factory=dict)
    functions: dict[str, tree_sitter.Node] = field(default_factory=dict)
    traps: dict[str, str] = field(default_factory=dict)
    last: Status = 0
    depth: int = 0
    via: tuple[str, ...] = ()
    """The places that led here: a step, a make target, a script."""

    def run(self, script: str) -> Status:
        """The exit status of a whole script."""
        if self.depth > CALLS_DEEP:
            return None
        try:
            status = self.sequence(parse(script).root_node.children, tested=False)
        except Exit as end:
            status = end.status
        if "EXIT" in self.traps:
            return self._trapped(status)
        return status

    def child(self, **changes) -> "Shell":
        """A subshell: a copy, whose changes stay in it."""
        copied = {"variables": dict(self.variables), "functions": dict(self.functions), "traps": {}}
        return replace(self, **({**copied, "depth": self.depth + 1} | changes))

    def within(self, file: str, line: int, at: int, **changes) -> "Shell":
        """A new process that runs text of another place; nothing but exported variables comes with it."""
        fresh = {"functions": {}, "errexit": False, "pipefail": False, "last": 0}
        return self.child(file=file, line=line, via=(*self.via, f"{self.file}:{at}"), **(fresh | changes))

    def _trapped(self, status: Status) -> Status:
        body, self.traps, self.last = self.traps["EXIT"], {}, status
        inner = self.child(errexit=False)
        try:
            inner.sequence(parse(body).root_node.children, tested=False)
        except Exit as end:
            return end.status
        return status

    def sequence(self, nodes: Iterable[tree_sitter.Node], *, tested: bool) -> Status:
        """The status of commands, one after another."""
        status: Status = 0
        nodes = list(nodes)
        for node, following in zip(nodes, [*nodes[1:], None], strict=True):
            if not node.is_named or node.type in _IGNORED:
                continue
            if following is not None and following.type == "&":
                self.child(errexit=False)._execute(node, tested=True)
                status = 0
            else:
                status = self._execute(node, tested=tested)
            self.last = status
        return status

    def _execute(self, node: tree_sitter.Node, *, tested: bool) -> Status:
        if node.type in _GROUPS:
            return self.sequence(node.children, tested=tested)
        method = getattr(self, f"_{node.type}", None)
        return method(node, tested) if method else 0

    def _checked(self, status: Status, tested: bool) -> Status:
        """What `set -e` makes of a failure that nothing tests."""
        if status and not tested:
            if "ERR" in self.traps:
                body = self.traps.pop("ERR")
                self.sequence(parse(body).root_node.children, tested=True)
            if self.errexit:
                raise Exit(status)
        return status

    def _decided(self, status: Status, text: str) -> bool:
        return self.choose(" ".join(text.split())) if status is None else status == 0

    # What a script is made of

    def _list(self, node: tree_sitter.Node, tested: bool) -> Status:
        left, sign, right = node.children[0], node.children[1].type, node.children[-1]
        status = self._execute(left, tested=True)
        self.last = status
        if status is None and right.type == "command" and words.of(right)[:1] in (["true"], [":"], ["echo"]):
            return 0
        if self._decided(status, words.source(left)) is (sign == "&&"):
            return self._execute(right, tested=tested)
        return 1 if status is None else status

    def _pipeline(self, node: tree_sitter.Node, tested: bool) -> Status:
        parts = [child for child in node.children if child.is_named and child.type not in _IGNORED]
        statuses = [self.child().quietly([part]) for part in parts]
        status = next((one for one in reversed(statuses) if one), 0) if self.pipefail else statuses[-1]
        return self._checked(status, tested)

    def quietly(self, nodes: Iterable[tree_sitter.Node]) -> Status:
        """The status of commands in a process of their own, whose failure somebody else looks at."""
        try:
            return self.sequence(nodes, tested=True)
        except Exit as end:
            return end.status

    def _negated_command(self, node: tree_sitter.Node, tested: bool) -> Status:
        status = self._execute(node.children[-1], tested=True)
        return None if status is None else int(not status)

    def _redirected_statement(self, node: tree_sitter.Node, tested: bool) -> Status:
        body = node.child_by_field_name("body")
        return self._execute(body, tested=tested) if body else 0

    def _subshell(self, node: tree_sitter.Node, tested: bool) -> Status:
        inner = self.child()
        try:
            status = inner.sequence(node.children, tested=tested)
        except Exit as end:
            status = end.status
        return self._checked(status, tested)

    def _if_statement(self, node: tree_sitter.Node, tested: bool) -> Status:
        conditions, body, others = _parted(node.children, "then")
        status = self.sequence(conditions, tested=True)
        if self._decided(status, " ".join(map(words.source, conditions))):
            return self.sequence(body, tested=tested)
        for position, other in enumerate(others):
            if other.type == "else_clause":
                return self.sequence(other.children, tested=tested)
            conditions, body, _ = _parted(other.children, "then")
            status = self.sequence(conditions, tested=True)
            if self._decided(status, " ".join(map(words.source, conditions))):
                return self.sequence(others[position].children[_index(other.children, "then") :], tested=tested)
        return 0

    def _while_statement(self, node: tree_sitter.Node, tested: bool) -> Status:
        body = node.child_by_field_name("body")
        self.sequence([child for child in node.children if child != body], tested=True)
        return self.sequence(body.children, tested=tested) if body else 0

    def _for_statement(self, node: tree_sitter.Node, tested: bool) -> Status:
        name, body = node.child_by_field_name("variable"), node.child_by_field_name("body")
        items = [item for value in node.children_by_field_name("value") for item in words.expand(self, value)]
        status: Status = 0
        for item in items[:20] or [UNKNOWN]:
            if name:
                self.variables[words.source(name)] = item
            status = self._execute(body, tested=tested) if body else 0
        return status

    def _c_style_for_statement(self, node: tree_sitter.Node, tested: bool) -> Status:
        body = node.child_by_field_name("body")
        return self._execute(body, tested=tested) if body else 0

    def _case_statement(self, node: tree_sitter.Node, tested: bool) -> Status:
        subject = words.text(self, node.child_by_field_name("value"))
        for item in (child for child in node.children if child.type == "case_item"):
            patterns = [words.text(self, value) for value in item.children_by_field_name("value")]
            known = UNKNOWN not in subject
            if (known and words.matches(subject, patterns)) or (not known and self.choose(f"case {patterns[0]}")):
                return self.sequence(item.children[_index(item.children, ")") :], tested=tested)
        return 0

    def _function_definition(self, node: tree_sitter.Node, tested: bool) -> Status:
        name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
        if name and body:
            self.functions[words.source(name)] = body
        return 0

    def _variable_assignment(self, node: tree_sitter.Node, tested: bool) -> Status:
        return self._checked(words.assign(self, node), tested)

    def _variable_assignments(self, node: tree_sitter.Node, tested: bool) -> Status:
        return self._checked([words.assign(self, child) for child in node.children][-1], tested)

    def _declaration_command(self, node: tree_sitter.Node, tested: bool) -> Status:
        for child in node.children:
            if child.type == "variable_assignment":
                words.assign(self, child)
        return 0  # `export X=$(…)` has the status of `export`

    def _test_command(self, node: tree_sitter.Node, tested: bool) -> Status:
        return self._checked(words.test(self, words.test_words(self, node)), tested)

    def _command(self, node: tree_sitter.Node, tested: bool) -> Status:
        argv = [word for child in words.parts(node) for word in words.expand(self, child)]
        for child in node.children:
            if child.type == "variable_assignment" and not argv:
                words.assign(self, child)
        if not argv:
            return 0
        line = self.line + node.start_point[0]
        inner = self
        if given := [child for child in node.children if child.type == "variable_assignment"]:
            inner = self.child(traps=self.traps, depth=self.depth)
            for child in given:
                words.assign(inner, child)
        return self._checked(inner.call(argv, line), tested)

    def call(self, argv: list[str], line: int) -> Status:
        """Run a command: a function, a builtin, or a program."""
        name = argv[0]
        if name in self.functions and self.depth < CALLS_DEEP:
            return self._function(argv)
        from chimera_compliance.probes.pipeline.shell_builtins import BUILTINS

        if name in BUILTINS:
            return BUILTINS[name](self, argv, line)
        return self.program(self, argv, line)

    def _function(self, argv: list[str]) -> Status:
        self.depth += 1
        given = {str(number): word for number, word in enumerate(argv[1:], 1)}
        self.variables |= given
        try:
            return self._execute(self.functions[argv[0]], tested=False)
        except Return as end:
            return end.status
        finally:
            self.depth -= 1


def _parted(nodes: list[tree_sitter.Node], word: str) -> tuple[list, list, list]:
    """What stands before a word, after it, and the clauses that follow."""
    at = _index(nodes, word)
    clauses = [node for node in nodes[at:] if node.type in ("elif_clause", "else_clause")]
    before = [node for node in nodes[:at] if node.is_named]
    return before, [node for node in nodes[at:] if node not in clauses], clauses


def _index(nodes: list[tree_sitter.Node], word: str) -> int:
    return next((number for number, node in enumerate(nodes) if node.type == word), len(nodes))
