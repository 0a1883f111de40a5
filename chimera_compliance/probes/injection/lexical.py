"""Where in a statement a word stands: in a literal, a quoted name, a comment, or among what is executed.

An application may quote values itself before it sends a statement (psycopg2 does), and does it right as long as
nothing of a value leaves its literal. So a statement that holds what was sent is read as PostgreSQL reads it
(https://www.postgresql.org/docs/current/sql-syntax-lexical.html); it may be cut off at its end.
"""

import re
from collections.abc import Iterator

_TOKEN = re.compile(
    r"""
      (?P<escape>[eE]'(?:[^'\\]|\\.|'')*(?:'|$))
    | (?P<text>'(?:[^']|'')*(?:'|$))
    | (?P<name>"(?:[^"]|"")*(?:"|$))
    | (?P<dollar>\$(?P<tag>(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?)\$.*?(?:\$(?P=tag)\$|$))
    | (?P<line>--[^\n]*)
    | (?P<block>/\*)
    | (?P<word>[A-Za-z0-9_\u0080-\uffff]+)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)


def tokens(statement: str) -> Iterator[tuple[str, str]]:
    """(kind, text) of each token; comments count as one."""
    place = 0
    while place < len(statement):
        found = _TOKEN.match(statement, place)
        kind, text = found.lastgroup or "", found.group()
        if kind == "tag":
            kind = "dollar"
        if kind == "block":
            text = statement[place : _end_of_comment(statement, place)]
        place += len(text)
        yield kind, text


def _end_of_comment(statement: str, place: int) -> int:
    """Comments nest."""
    depth = 0
    for found in re.finditer(r"/\*|\*/", statement[place:]):
        depth += 1 if found.group() == "/*" else -1
        if depth == 0:
            return place + found.end()
    return len(statement)


def stands_outside(statement: str, word: str) -> bool:
    """Whether the word stands where the server reads SQL, at least once: outside literals, quoted names, comments."""
    return any(word in text for kind, text in tokens(statement) if kind in ("word", "other"))
