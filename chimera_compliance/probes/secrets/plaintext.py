"""Which settings hold a secret in plain text: by exact value, by a known form, by name, or by randomness.

A reference to a secret is how it should be, and is not one.
"""

import fnmatch
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from chimera_compliance.probes.secrets import lookalikes
from chimera_compliance.probes.secrets.needles import Needle, search
from chimera_compliance.probes.secrets.places import Setting

_LONGEST = 32_768
_BY_NAME = "its name is a secret's, and it holds a value"


@dataclass(frozen=True)
class Exposed:
    """A setting that holds a secret; `how` says by what it was known, never the value."""

    setting: Setting
    how: str
    exact: bool = False

    @property
    def subject(self) -> str:
        """The setting."""
        return self.setting.subject

    @property
    def actual(self) -> str:
        """By what it was known."""
        return self.how

    @property
    def observation(self) -> str:
        """Where it was seen."""
        return self.setting.observation


def exposed(settings: Iterable[Setting], needles: list[Needle], public: list[str]) -> list[Exposed]:
    """The settings that hold secrets, each once; `public` are patterns of names that are declared to be none."""
    found = [one for setting in settings if (one := _exposed(setting, needles, public))]
    # A script is looked at as a whole and by its assignments: what one of them tells, the whole need not repeat.
    named = {(one.setting.place, one.how) for one in found if one.setting.name}
    told = [one for one in found if one.setting.name or (one.setting.place, one.how) not in named]
    return list({(one.subject, one.how): one for one in told}.values())


def _exposed(setting: Setting, needles: list[Needle], public: list[str]) -> Exposed | None:
    octets = setting.value if isinstance(setting.value, bytes) else setting.value.encode("utf-8", "surrogatepass")
    if hits := search(octets, needles):
        spelt = "" if hits[0].form == "raw" else f", in {hits[0].form}"
        return Exposed(setting, f"the value of secret {hits[0].secret}{spelt}", exact=True)
    name = setting.name or setting.place.rpartition("/")[2].rpartition(" ")[2]
    if any(fnmatch.fnmatchcase(one, pattern) for pattern in public for one in (name, setting.subject)):
        return None
    text = octets.decode("utf-8", "replace").strip()
    if isinstance(setting.value, bytes) or len(text) > _LONGEST:  # a whole script: its assignments come by themselves
        form = lookalikes.form_of(text)
        return Exposed(setting, f"the form of a credential ({form})") if form else None
    how = _lookalike(name, text)
    return Exposed(setting, how) if how else None


def _lookalike(name: str, text: str) -> str:
    """By what a value without known spelling looks like a secret; empty if by nothing."""
    if form := lookalikes.form_of(text) or lookalikes.form_of(lookalikes.unbased(text)):
        return f"the form of a credential ({form})"
    if not text or lookalikes.is_reference(text):
        return ""
    if lookalikes.holds_password(text):
        return "a password in a connection string"
    members = list(_members(text))
    for key, member in members:
        if how := _lookalike(key, member):
            return f"{how}, as {key}"
    if lookalikes.is_secret_name(name) and lookalikes.could_be_secret(text) and not members:
        return _BY_NAME
    random = lookalikes.looks_random(text) and not lookalikes.is_harmless_name(name)
    return "a random value, such as only secrets are" if random else ""


def _members(text: str) -> Iterator[tuple[str, str]]:
    """The settings inside one that is a JSON object."""
    if not text.startswith(("{", "[")):
        return
    try:
        waiting = [("", json.loads(text))]
    except (ValueError, RecursionError):
        return
    while waiting:
        key, node = waiting.pop()
        match node:
            case dict():
                waiting += [(str(name), item) for name, item in node.items()]
            case list():
                waiting += [(key, item) for item in node]
            case str() if not node.startswith(("{", "[")):
                yield key, node
