"""A shell command that repeats a request, with placeholders such as ``$ALICE_TOKEN`` where secrets stood.

Everything else stands in single quotes: what a target answered or a probe sent is never read by the shell.
"""

import re
import shlex
from functools import lru_cache

from chimera_compliance.probes.http.exchange import Headers

_PLACEHOLDER = re.compile(r"(\$[A-Z][A-Z0-9_]*)")
_PLAIN = re.compile(r"[\w@%+=:,./-]+", re.ASCII)
_LONGEST_BODY = 4000


def quoted(text: str, placeholders: frozenset[str] = frozenset()) -> str:
    """One shell word in which only the placeholders are expanded."""
    if _PLAIN.fullmatch(text):
        return text
    words: list[str] = [""]
    for part in _PLACEHOLDER.split(text):
        if part in placeholders:
            words += [f'"{part}"', ""]
        else:
            words[-1] += part
    return "".join(
        word if place % 2 else shlex.quote(word) for place, word in enumerate(words) if word or len(words) == 1
    )


def curl(
    method: str, url: str, headers: Headers, body: str | None, *, authorities: bool, placeholders: frozenset[str]
) -> str:
    """The command. All texts are redacted already; `authorities`: the target names its own, as ``$CA_FILE``."""
    words = ["curl -sSi --path-as-is -g"]
    if authorities:
        words.append('--cacert "$CA_FILE"')
    if method != "GET" or body is not None:
        words.append("--head" if method == "HEAD" else f"-X {quoted(method)}")
    words += [_header(name, value, placeholders) for name, value in headers]
    if body is not None:
        typed = any(name.lower() == "content-type" for name, _ in headers)
        words += [] if typed else ["-H Content-Type:"]
        words.append(f"--data-binary {_data(body, placeholders)}")
    return " ".join([*words, quoted(url, placeholders)])


@lru_cache(maxsize=2048)
def _header(name: str, value: str, placeholders: frozenset[str]) -> str:
    """Most requests of a run share most headers."""
    return f"-H {quoted(f'{name}: {value}' if value else f'{name};', placeholders)}"


def _data(body: str, placeholders: frozenset[str]) -> str:
    """The body as a word, or the name of a file for one that no command line can hold."""
    fits = len(body) <= _LONGEST_BODY and not body.startswith("@") and "\0" not in body and "\ufffd" not in body
    return quoted(body, placeholders) if fits else "@body.bin"
