"""Every real secret value that a run can read, for those who look where it must not be.

The required secrets of the store, in force and previous (one that was rotated out still opens whatever did not follow),
and what the target file refers to. All of them are told to the journal's redactor before anybody sees them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from pydantic import BaseModel

from chimera_compliance.errors import ConfigurationError
from chimera_compliance.journal import Journal
from chimera_compliance.probes.secrets.needles import Needle, SecretValue, needles, parts, unsearchable
from chimera_compliance.probes.secrets.unseen import Unseen
from chimera_compliance.references import is_reference
from chimera_compliance.target import Target

if TYPE_CHECKING:
    from chimera_compliance.probes.secrets.estate import Vault


@dataclass(frozen=True)
class Readable:
    """The values that could be read, each once, and why others could not."""

    values: list[SecretValue] = field(repr=False)
    unread: dict[str, str]

    @cached_property
    def needles(self) -> list[Needle]:
        """Every spelling of every value that can be searched for."""
        return needles(self.values)

    @property
    def unsearched(self) -> dict[str, str]:
        """The values that cannot be searched for, and why: too short, or too common a word."""
        return {value.name: reason for value in self.values if (reason := unsearchable(value))}


def readable(target: Target, journal: Journal, vault: "Vault | None" = None, missing: str = "") -> Readable:
    """Every secret that the target file requires or refers to; what cannot be read is named, not raised.

    `vault` is what the store holds, and `missing` why there is none although the target has an account.
    """
    found: dict[bytes, SecretValue] = {}
    unread: dict[str, str] = {"Secrets Manager": missing} if missing else {}
    for value in [*_stored(vault, unread), *_referred(target, unread)]:
        if value.octets:
            found.setdefault(value.octets, value)
    for value in found.values():
        hide(journal, value)
    return Readable(list(found.values()), unread)


def hide(journal: Journal, value: SecretValue) -> None:
    """From now on nothing that is written down holds this value, nor a secret member of it."""
    for part in parts(value):
        if (text := part.text) is not None and unsearchable(part) is None:
            journal.redact.add(text, f"SECRET:{part.name}")


def _stored(vault: "Vault | None", unread: dict[str, str]) -> Iterator[SecretValue]:
    if vault is None:
        return
    for name, result in [*vault.current.items(), *vault.previous.items()]:
        if isinstance(result, Unseen):
            unread.setdefault(name, result.reason)
        else:
            yield result.value
    unread |= {name: unseen.reason for name, unseen in vault.holdings.unseen.items()}
    unread |= {wanted.name: "it is not in the store" for wanted in vault.holdings.absent}


def _referred(target: Target, unread: dict[str, str]) -> Iterator[SecretValue]:
    """What `${NAME}`, `file:` and `secretsmanager:` stand for, in whatever section of the target file."""
    for path, reference in _references(target):
        try:
            text = target.secret(reference)
        except ConfigurationError as error:
            unread[path] = str(error)
            continue
        yield SecretValue(path, _password(text) if path.endswith("dsn") else text.encode())


def _references(node: object, path: str = "") -> Iterator[tuple[str, str]]:
    match node:
        case BaseModel():
            for name in type(node).model_fields:
                yield from _references(getattr(node, name), f"{path}.{name}" if path else name)
        case dict():
            for name, item in node.items():
                yield from _references(item, f"{path}.{name}")
        case list():
            for position, item in enumerate(node):
                yield from _references(item, f"{path}.{position}")
        case str() if is_reference(node):
            yield path, node


def _password(dsn: str) -> bytes:
    """Of a DSN the password is the secret; the rest is an address."""
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    try:
        return str(conninfo_to_dict(dsn).get("password") or "").encode()
    except ProgrammingError:
        return b""
