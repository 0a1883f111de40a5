"""How a target file names what it does not contain: environment variables, files and stored secrets.

Plain settings may have ``${NAME}`` anywhere in them. A secret is never written into a target file: it is
``${NAME}``, ``file:PATH`` or ``secretsmanager:ID`` (``secretsmanager:ID#KEY`` for one key of a JSON secret).
"""

import json
import os
import re
from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from chimera_compliance.errors import ConfigurationError

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_REFERENCE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}|file:.+|secretsmanager:.+", re.DOTALL)
REFERENCE_PATTERN = r"^(\$\{[A-Za-z_][A-Za-z0-9_]*\}|file:.+|secretsmanager:.+)$"


def is_reference(text: str) -> bool:
    """Whether a text names a secret instead of being one."""
    return bool(_REFERENCE.fullmatch(text))


def expand(text: str) -> str:
    """Replace each ``${NAME}`` by the environment variable of that name.

    Raises:
        PydanticCustomError: a variable is not set.
    """
    return _VARIABLE.sub(_environment, text)


def _environment(found: re.Match[str]) -> str:
    value = os.environ.get(found[1])
    if value is None:
        raise PydanticCustomError("variable", "environment variable {name} is not set: export it", {"name": found[1]})
    return value


def _expanded(value: object) -> object:
    """YAML takes ``7`` for a number and ``2026-01-31`` for a date; where text is wanted, they are text."""
    if isinstance(value, int | float | date) and not isinstance(value, bool):
        return str(value)
    return expand(value) if isinstance(value, str) else value


def _secret(value: object) -> object:
    if isinstance(value, str) and not is_reference(value):
        raise PydanticCustomError(
            "inline_secret",
            "a secret must not stand in a target file: write ${NAME}, file:PATH or secretsmanager:ID[#KEY]",
        )
    return value


Text = Annotated[str, BeforeValidator(_expanded)]
Secret = Annotated[str, BeforeValidator(_secret), WithJsonSchema({"type": "string", "pattern": REFERENCE_PATTERN})]


def resolve(reference: str, *, base: Path, secrets_manager=None) -> str:
    """The value behind a reference; ``file:`` paths are relative to the target file's folder.

    `secrets_manager` is a boto3 client, or a function that makes one when it is needed.

    Raises:
        ConfigurationError: the variable, file or stored secret is not there or cannot be read.
    """
    if variable := _VARIABLE.fullmatch(reference):
        if variable[1] not in os.environ:
            raise ConfigurationError(f"environment variable {variable[1]} is not set: export it")
        return os.environ[variable[1]]
    scheme, _, rest = reference.partition(":")
    if scheme == "file":
        return _read(base / Path(_VARIABLE.sub(_variable_or_fail, rest)).expanduser())
    return _stored(_VARIABLE.sub(_variable_or_fail, rest), secrets_manager)


def _variable_or_fail(found: re.Match[str]) -> str:
    try:
        return os.environ[found[1]]
    except KeyError:
        raise ConfigurationError(f"environment variable {found[1]} is not set: export it") from None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").rstrip("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigurationError(f"cannot read the secret file {path}: {reason}") from None


def _stored(identifier: str, secrets_manager) -> str:
    name, _, key = identifier.partition("#")
    if secrets_manager is None:
        raise ConfigurationError(f"secretsmanager:{name} needs an aws section in the target file")
    client = secrets_manager() if callable(secrets_manager) else secrets_manager
    try:
        value = client.get_secret_value(SecretId=name)["SecretString"]
        return json.loads(value)[key] if key else value
    except Exception as error:
        # The cause may quote the secret's value (a JSON error does), so only its kind is told.
        raise ConfigurationError(f"cannot read secretsmanager:{identifier}: {type(error).__name__}") from None
