"""The types that every section of a target file is made of."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

from chimera_compliance.references import Text, expand, is_reference

_OPERATION = re.compile(r"[A-Z]+ /\S*|[A-Z]+ https?://\S+")


class Settings(BaseModel):
    """A section of the target file: a name that is not known is an error."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


def _operation(text: str) -> str:
    method, _, path = text.strip().partition(" ")
    canonical = f"{method.upper()} {path.strip()}"
    if not _OPERATION.fullmatch(canonical):
        raise ValueError("an operation is a method and a path, such as `GET /campaigns/{campaign_id}`")
    return canonical


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected an http:// or https:// URL, such as https://api.example.com/api/v1")
    if parts.password:
        raise ValueError("a URL must not hold a password")
    return text.rstrip("/")


def _dsn(value: object) -> object:
    if isinstance(value, str) and not is_reference(value) and re.search(r"://[^/@]*:[^/@]+@|password\s*=", value):
        raise ValueError("a DSN with a password must not stand in a target file: write ${NAME} or file:PATH")
    return expand(value) if isinstance(value, str) and not is_reference(value) else value


Operation = Annotated[Text, AfterValidator(_operation)]
Url = Annotated[Text, AfterValidator(_url)]
Dsn = Annotated[str, BeforeValidator(_dsn)]
