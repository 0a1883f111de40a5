"""Text of a target inside Markdown: set as code, or with everything escaped to which Markdown gives a meaning.

GitHub links mentions, issues, commits and addresses in the finished page, where a backslash no longer protects; code
is what it leaves alone (github.github.com/gfm, §6.3). So untrusted text is set as code, always.
"""

import re

from chimera_compliance.report.untrusted import one_line

_LIVE = re.compile(r"([\\`*_\[\]<>~&$])")
_CODE = re.compile(r"(`[^`\n]+`)")
# Words and quiet punctuation: nothing that Markdown or GitHub's links to issues, commits and addresses take up.
_QUIET = re.compile(r"[A-Za-z][A-Za-z0-9 ,.;:'()%/=+?-]*")
_LINKED = re.compile(r"//|www\.|\bGH-|\b[0-9a-f]{7,}\b", re.IGNORECASE)


def code(text: str, *, longest: int = 300) -> str:
    """Untrusted text as a code span on one line."""
    line = one_line(text)
    line = line if len(line) <= longest else line[:longest] + "…"
    if not line:
        return ""
    fence = "`" * (max((len(run) for run in re.findall(r"`+", line)), default=0) + 1)
    padding = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{padding}{line}{padding}{fence}"


def said(text: str, *, longest: int = 400) -> str:
    """A sentence that may hold names from the target: as it is while nothing in it can come alive, or else as code."""
    line = one_line(text)
    quiet = len(line) <= longest and _QUIET.fullmatch(line) and not _LINKED.search(line)
    return line if quiet else code(line, longest=longest)


def cell(markdown: str) -> str:
    """Markdown in a cell of a table, which is cut at pipes before code is seen (GFM §4.10)."""
    return markdown.replace("|", r"\|")


def plain(text: str) -> str:
    """Untrusted text on one line that renders as itself where nobody is mentioned, as in OSCAL's markup."""
    return _LIVE.sub(r"\\\1", one_line(text)) or "-"


def sentence(text: str) -> str:
    """The checklist's own sentence: its `code` stays, everything else is text."""
    parts = _CODE.split(one_line(text))
    return "".join(part if index % 2 else _LIVE.sub(r"\\\1", part) for index, part in enumerate(parts))
