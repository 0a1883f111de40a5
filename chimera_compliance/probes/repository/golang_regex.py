"""Regular expressions of Go (RE2) as Python's `re` writes them, for the rules of a .gitleaks.toml."""

import re

_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "digit": "0-9",
    "lower": "a-z",
    "upper": "A-Z",
    "word": r"\w",
    "xdigit": "0-9A-Fa-f",
    "space": r"\s",
    "punct": r"!-/:-@\[-`{-~",
    "print": " -~",
    "graph": "!-~",
    "blank": r" \t",
    "cntrl": r"\x00-\x1f\x7f",
    "ascii": r"\x00-\x7f",
}
_POSIX = re.compile(r"\[:(\^?)(\w+):\]")
_FLAGS = re.compile(r"\(\?([imsU]*)(?:-([imsU]+))?\)")


def compiled(expression: str) -> re.Pattern[str]:
    """The pattern.

    Raises:
        re.error: it is not valid, or uses what Python has not.
    """
    return re.compile(translated(expression))


def translated(expression: str) -> str:
    """Go allows flags anywhere, ``\\z``, ``(?<name>`` and POSIX classes; Python writes them otherwise."""
    text = _POSIX.sub(_class, expression)
    text = text.replace(r"\z", r"\Z").replace("(?<", "(?P<").replace("(?P<=", "(?<=").replace("(?P<!", "(?<!")
    text = re.sub(r"\\x\{([0-9A-Fa-f]{1,6})\}", lambda found: re.escape(chr(int(found[1], 16))), text)
    text = re.sub(r"\\p\{?L\}?", lambda _: "[A-Za-z\u00c0-\u024f]", text)
    return _scoped(text)


def _class(found: re.Match[str]) -> str:
    negated = {"digit": r"\D", "space": r"\S", "word": r"\W"}
    return (negated if found[1] else _CLASSES).get(found[2], found[0])


def _scoped(text: str) -> str:
    """``a(?i)b`` means that the rest of the group ignores case: ``a(?i:b)``."""
    while found := _bare_flags(text):
        flags = found[1].replace("U", "")
        off = (found[2] or "").replace("U", "")
        stop = _end_of_group(text, found.end())
        rest = text[found.end() : stop]
        if not flags and not off:
            text = text[: found.start()] + rest + text[stop:]
            continue
        text = f"{text[: found.start()]}(?{flags}{'-' + off if off else ''}:{rest}){text[stop:]}"
    return text


def _bare_flags(text: str) -> re.Match[str] | None:
    for found in _FLAGS.finditer(text):
        if not _is_escaped(text, found.start()):
            return found
    return None


def _is_escaped(text: str, at: int) -> bool:
    before = at
    while before and text[before - 1] == "\\":
        before -= 1
    return (at - before) % 2 == 1


def _end_of_group(text: str, at: int) -> int:
    """Where the group that `at` is in closes."""
    depth, in_class = 0, False
    while at < len(text):
        match text[at]:
            case "\\":
                at += 1
            case "[" if not in_class:
                in_class = True
                if text[at + 1 : at + 2] == "]" or text[at + 1 : at + 3] == "^]":
                    at += 1 + (text[at + 1] == "^")
            case "]" if in_class:
                in_class = False
            case "(" if not in_class:
                depth += 1
            case ")" if not in_class:
                if depth == 0:
                    return at
                depth -= 1
        at += 1
    return len(text)
