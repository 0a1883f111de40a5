"""What errors tell that is nobody's business: words from behind the scenes.

Everything that this control sends is free of SQL, of paths of a file system and of stack traces, so that whatever of
them stands in an answer is the server's own (CWE-209; ASVS v5.0.0-16.5.1).
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from chimera_compliance.probes.http.exchange import Exchange

_TELLING: dict[str, tuple[str, ...]] = {
    "a Python traceback": (r"Traceback \(most recent call last\)", r"File \"[^\"\n]{1,300}\", line \d+"),
    "a Java stack trace": (
        r"\bat [\w$.]+\.[\w$<>]+\([\w$]+\.(?:java|kt|scala):\d+\)",
        r"\bjava\.lang\.\w+(?:Exception|Error)\b",
    ),
    "a .NET stack trace": (r"\bat [\w.`<>]+\([^)\n]*\) in \S+:line \d+", r"\bSystem\.(?:\w+\.)*\w+Exception\b"),
    "a Node.js stack trace": (r"\bat (?:[\w.<>\[\] ]+ )?\(?(?:file://)?/?[\w./@-]+\.[cm]?[jt]s:\d+:\d+\)?",),
    "a Go stack trace": (r"goroutine \d+ \[\w+\]:", r"\bpanic: runtime error"),
    "a PHP error": (r"(?:Fatal error|Warning|Notice|Parse error)\S*: .{1,300} on line \S*\d+",),
    "a Ruby stack trace": (r"[\w./-]+\.rb:\d+:in [`']",),
    "a Rust panic": (r"thread '[^'\n]*' panicked at",),
    "SQL": (
        r"\bSELECT\b[^\n]{1,400}?\bFROM\b\s+[\"\w]",
        r"\bINSERT INTO\b\s+[\"\w]+[\w.\"]*\s*\(",
        r"\bUPDATE\b\s+[\"\w.]+\s+SET\b",
        r"\bDELETE FROM\b\s+[\"\w.]+\s+WHERE\b",
    ),
    "a message of the database": (
        r"SQLSTATE|\bORA-\d{5}\b|SQLITE_ERROR|ODBC (?:SQL|Driver)|Unclosed quotation mark",
        r"syntax error at or near|You have an error in your SQL syntax|duplicate key value violates",
        r"violates (?:check|foreign key|not-null|unique|row-level)|new row for relation",
        r"(?:relation|column) \"[^\"]+\"[^\n]{0,60} does not exist|invalid input syntax for type",
        r"(?:UNIQUE|NOT NULL|CHECK|FOREIGN KEY) constraint failed|value too long for type",
        r"(?:integer|bigint|numeric field|value) (?:out of range|overflow)",
    ),
    "a database driver": (
        r"\b(?:psycopg2?|asyncpg|sqlalchemy|sqlite3|pymysql|MySQLdb|cx_Oracle|pg8000|pymongo)\.\w+",
        r"\bmysql\.connector\b",
    ),
    "a path of the file system": (
        r"(?<![\w:/.])/(?:usr/(?:local/|lib|src|share)|home/\w|root/|var/(?:www|lib|task)|opt/\w|srv/\w|etc/\w)[\w./-]*",
        r"(?<![\w:/.])/(?:app|code|src|workspace|tmp|Users)/[\w./-]*\w\.(?:py|js|ts|rb|php|java|go|cs|so|sql)\b",
        r"\b[A-Z]:\\(?:\w[\w .-]*\\)+\w",
        r"\b(?:site-packages|node_modules|dist-packages)/[\w./-]+",
    ),
    "the class of an exception": (r"\b(?:[a-z_][\w]*\.)+_?[A-Z]\w*(?:Error|Exception)\b",),
    "a debugger's page": (r"Werkzeug Debugger|Django Version:|DEBUG = True|Whoops\\Exception|Rails\.root:",),
}
_PATTERNS = [(what, re.compile("|".join(patterns))) for what, patterns in _TELLING.items()]
_LONGEST = 200_000


@dataclass(frozen=True)
class Leak:
    """An error that tells of the inside."""

    exchange: Exchange
    what: str
    words: str

    @property
    def subject(self) -> str:
        """The operation."""
        return self.exchange.subject

    @property
    def actual(self) -> str:
        """The answer, and what it told."""
        special = f" for {self.exchange.request.note}" if self.exchange.request.note else ""
        return f"{self.exchange.actual}{special}: {self.words}"

    @property
    def observation(self) -> str:
        """The exchange."""
        return self.exchange.observation


def leaks(exchanges: Iterable[Exchange]) -> Iterator[Leak]:
    """The errors that tell of the inside, each with the first thing it tells."""
    for exchange in exchanges:
        if (exchange.status or 0) >= 400:
            text = _plain(exchange.body[:_LONGEST])
            sent = _sent(exchange)
            for what, pattern in _PATTERNS:
                if (found := pattern.search(text)) and found.group() not in sent and not _echo(exchange, found.group()):
                    yield Leak(exchange, what, " ".join(found.group().split())[:100])
                    break


def _plain(body: bytes) -> str:
    """The body as text, and the texts within it where it is JSON: quotes and line ends stand there escaped."""
    text = body.decode("utf-8", "replace")
    try:
        return "\n".join([text, *_texts(json.loads(body), [0])])
    except (ValueError, RecursionError):
        return text.replace("&quot;", '"').replace("&#34;", '"').replace("&#39;", "'").replace("&lt;", "<")


def _texts(node: Any, seen: list[int]) -> Iterator[str]:
    seen[0] += 1
    if seen[0] > 5000:
        return
    match node:
        case str():
            yield node
        case dict():
            for value in node.values():
                yield from _texts(value, seen)
        case list():
            for value in node:
                yield from _texts(value, seen)


def _echo(exchange: Exchange, words: str) -> bool:
    """Whether what looks like a path is the request's own, with the base path before it."""
    asked = exchange.request.path.partition("?")[0]
    return len(asked) > 1 and words.endswith(asked)


def _sent(exchange: Exchange) -> str:
    return exchange.request.path + "\n" + (exchange.request.body or b"").decode("utf-8", "replace")
