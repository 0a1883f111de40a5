"""Whether a text is certainly outside a regular expression of the target's, which may be hostile.

Only expressions that cannot run away are run: no repeat within a repeat, no alternatives within one, no reference back.
"""

import re
import re._constants as op
import re._parser as parser
import warnings
from functools import lru_cache
from typing import Any

_LONGEST = 2000
_LONGEST_TEXT = 100
_REPEATS = (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT)
_MOST_REPEATS = 3


def certainly_without(pattern: str, text: str) -> bool:
    """Whether the expression is run and finds nothing in the text (JSON Schema's `pattern` is a search)."""
    expression = _compiled(pattern)
    return expression is not None and len(text) <= _LONGEST_TEXT and expression.search(text) is None


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if len(pattern) > _LONGEST or not _tame(parser.parse(pattern)):
                return None
            return re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return None


def _tame(tree: Any) -> bool:
    """Whether matching takes steps that grow with a small power of the text's length at most."""
    found = list(_nodes(tree, False))
    open_repeats = sum(kind in _REPEATS and argument[1] > 1 for kind, argument, _ in found)
    runs_away = any(within and kind in (*_REPEATS, op.BRANCH) for kind, _, within in found)
    return not runs_away and open_repeats <= _MOST_REPEATS and not any(kind is op.GROUPREF for kind, _, _ in found)


def _nodes(tree: Any, within: bool):
    for kind, argument in tree:
        yield kind, argument, within
        if kind in _REPEATS:
            yield from _nodes(argument[2], within or argument[1] > 1)
        elif kind is op.SUBPATTERN:
            yield from _nodes(argument[3], within)
        elif kind is op.BRANCH:
            for branch in argument[1]:
                yield from _nodes(branch, within)
        elif kind in (op.ASSERT, op.ASSERT_NOT):
            yield from _nodes(argument[1], within)
        elif kind is op.ATOMIC_GROUP:
            yield from _nodes(argument, within)
