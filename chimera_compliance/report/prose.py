"""The checklist's own prose: paragraphs, `code` in a sentence, and code that stands for itself."""

import re
import textwrap
from collections.abc import Iterable

from markupsafe import Markup, escape

from chimera_compliance.report.untrusted import visible

_CODE = re.compile(r"`([^`\n]+)`")
_FENCED = re.compile(r"^```\w*\n(.*?)^```\s*$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^(?: {2,}|\t).*\n?|^\n(?=(?: {2,}|\t)))+", re.MULTILINE)


def blocks(text: str) -> list[tuple[str, str]]:
    """Pairs of `text` or `code` and its content, in order; code is fenced or indented."""
    found: list[tuple[str, str]] = []
    for kind, part in _fences(text.strip("\n")):
        found += [(kind, part)] if kind == "code" else _paragraphs(part)
    return found


def _fences(text: str) -> Iterable[tuple[str, str]]:
    for index, part in enumerate(_FENCED.split(text)):
        if part.strip():
            yield ("code", part.rstrip()) if index % 2 else ("text", part)


def _paragraphs(text: str) -> Iterable[tuple[str, str]]:
    place = 0
    for code in _INDENTED.finditer(text):
        yield from _prose(text[place : code.start()])
        yield "code", _dedent(code.group())
        place = code.end()
    yield from _prose(text[place:])


def _prose(text: str) -> Iterable[tuple[str, str]]:
    return (("text", " ".join(part.split())) for part in re.split(r"\n\s*\n", text) if part.strip())


def _dedent(code: str) -> str:
    return textwrap.dedent(code).strip("\n")


def inline(text: str) -> Markup:
    """A sentence as HTML, `code` in backticks set as code."""
    escaped = str(escape(visible(text)))
    return Markup(_CODE.sub(lambda found: f"<code>{found.group(1)}</code>", escaped))  # nosec B704  # escaped above
