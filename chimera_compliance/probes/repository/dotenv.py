"""Files of environment variables: which of their values are real."""

import re
from collections.abc import Iterator

from chimera_compliance.probes.repository.judgement import Strength, strength
from chimera_compliance.probes.repository.names import kind

_LINE = re.compile(r"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.]*)[ \t]*[=:][ \t]*(.*?)[ \t\r]*$", re.MULTILINE)
_ADDRESS = re.compile(r"^\w[\w+.-]*://[^/@\s:]*:([^/@\s]+)@")


def settings(content: bytes) -> Iterator[tuple[str, str, int]]:
    """Name, value and line of every variable."""
    text = content.decode("utf-8", "replace").replace("\0", "")
    for found in _LINE.finditer(text):
        value = found[2]
        quoted = re.match(r"""(["'])(.*?)\1""", value)
        value = quoted[2] if quoted else re.split(r"\s#", value)[0].strip()
        yield found[1], value, text.count("\n", 0, found.start(1)) + 1


def credentials(content: bytes, least: Strength = Strength.LIKELY) -> Iterator[tuple[str, str, int]]:
    """The variables that hold a credential and no placeholder."""
    for name, value, line in settings(content):
        address = _ADDRESS.match(value)
        secret = address[1] if address else value if kind(name) else ""
        if secret and strength(secret) >= least:
            yield name, secret, line
