"""A text that a regular expression accepts, made by walking the expression, never by running it.

The expression comes from the target's document: running it could take for ever.
"""

import re
import re._constants as op
import re._parser as parser
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

_MOST_REPEATS = 256
_LONGEST = 4096
_FAVOURITES = "a1A0_- ."
_SAMPLES = {
    op.CATEGORY_DIGIT: "0123456789",
    op.CATEGORY_WORD: "aA1_",
    op.CATEGORY_SPACE: " \t\n",
    op.CATEGORY_NOT_DIGIT: "aA_- .",
    op.CATEGORY_NOT_WORD: "- .",
    op.CATEGORY_NOT_SPACE: "a1A0_-.",
}


class _BeyondMeans(Exception):
    """The expression uses what cannot be sampled."""


def matching(pattern: str, shortest: int = 1) -> str | None:
    """A text for the pattern, of `shortest` characters or more if its repeats allow; None where none is found."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = parser.parse(pattern)
        texts = (_Walk(extra).text(tree) for extra in (0, 1, shortest))
        text = ""
        for text in texts:
            if len(text) >= shortest:
                break
        return text[:_LONGEST]
    except (re.error, RecursionError, OverflowError, _BeyondMeans):
        return None


class _Walk:
    """One walk; `extra` is how often an open repeat goes beyond its minimum."""

    def __init__(self, extra: int) -> None:
        self._extra = extra
        self._groups: dict[int, str] = {}
        self._left = _LONGEST

    def text(self, nodes: Iterable[tuple[Any, Any]]) -> str:
        return "".join(self._parts(nodes))

    def _parts(self, nodes: Iterable[tuple[Any, Any]]) -> Iterator[str]:
        for kind, argument in nodes:
            part = self._part(kind, argument)
            self._left -= len(part)
            if self._left < 0:
                raise _BeyondMeans
            yield part

    def _part(self, kind: Any, argument: Any) -> str:
        if kind in (op.AT, op.ASSERT, op.ASSERT_NOT):
            return ""
        if kind is op.LITERAL:
            return chr(argument)
        if kind is op.NOT_LITERAL:
            return _outside({chr(argument)})
        if kind is op.ANY:
            return "a"
        if kind is op.IN:
            return _member(argument)
        if kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
            return self._repeated(*argument)
        return self._grouped(kind, argument)

    def _grouped(self, kind: Any, argument: Any) -> str:
        if kind is op.SUBPATTERN:
            number, _, _, nodes = argument
            text = self.text(nodes)
            self._groups |= {number: text} if number is not None else {}
            return text
        if kind is op.ATOMIC_GROUP:
            return self.text(argument)
        if kind is op.BRANCH:
            return self.text(argument[1][0])
        if kind is op.GROUPREF:
            return self._groups.get(argument, "")
        raise _BeyondMeans

    def _repeated(self, least: int, most: int, nodes: Iterable[tuple[Any, Any]]) -> str:
        times = max(least, min(int(most), least + self._extra, _MOST_REPEATS))
        if times > _LONGEST:
            raise _BeyondMeans
        return "".join(self.text(nodes) for _ in range(times))


def _member(members: list[tuple[Any, Any]]) -> str:
    """A character of a class, a plain one if it has one."""
    if members[0][0] is op.NEGATE:
        return _outside({character for member in members[1:] for character in _characters(*member)})
    characters = [character for member in members for character in _characters(*member)]
    return next((favourite for favourite in _FAVOURITES if favourite in characters), characters[0])


def _characters(kind: Any, argument: Any) -> str:
    if kind is op.LITERAL:
        return chr(argument)
    if kind is op.RANGE:
        low, high = argument
        return "".join(map(chr, range(low, min(high, low + 255) + 1)))
    return _SAMPLES.get(argument, "a")


def _outside(excluded: set[str]) -> str:
    found = next((character for character in _FAVOURITES + "xyz;#" if character not in excluded), None)
    if found is None:
        raise _BeyondMeans
    return found
