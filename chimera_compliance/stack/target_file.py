"""Writes what a verifier is given: the target file of a variant, and the files that it names."""

import json
from dataclasses import dataclass
from pathlib import Path

import yaml

from chimera_compliance.home import TARGETS
from chimera_compliance.stack.database import Login
from chimera_compliance.stack.emulator import ACCESS
from chimera_compliance.stack.github import TOKEN as GITHUB_TOKEN
from chimera_compliance.stack.postgres import Server
from chimera_compliance.stack.variant import BASE, Variant


@dataclass(frozen=True)
class Place:
    """Where a variant lives."""

    folder: Path
    authority: Path
    port: int
    plain_port: int
    aws_port: int
    relay_port: int
    github_port: int

    @property
    def url(self) -> str:
        """The API's base URL."""
        return f"https://127.0.0.1:{self.port}{BASE}"

    @property
    def github_url(self) -> str:
        """The root of the variant's own GitHub API."""
        return f"http://127.0.0.1:{self.github_port}"

    @property
    def aws_url(self) -> str:
        """The emulated account's endpoint."""
        return f"http://127.0.0.1:{self.aws_port}"

    @property
    def relay_url(self) -> str:
        """Where the application reads its secrets: the account again, counted."""
        return f"http://127.0.0.1:{self.relay_port}"


def write(place: Place, variant: Variant, server: Server, login: Login) -> Path:
    """Fill config/targets/reference.yaml for this variant; secrets go to files that only we can read."""
    _write_secrets(place.folder, variant, server, login)
    (place.folder / "ca.pem").write_bytes(place.authority.read_bytes())
    document = yaml.safe_load(_resolved((TARGETS / "reference.yaml").read_text(encoding="utf-8"), place))
    document["tokens"]["mint"]["algorithm"] = variant.signing.algorithm
    if variant.settings.secrets_cached > 0:
        document["aws"]["application"]["cache_seconds"] = variant.settings.secrets_cached
    if variant.signing.public_key:
        (place.folder / "jwt.pub").write_text(variant.signing.public_key)
        document["tokens"]["public_key"] = str(place.folder / "jwt.pub")
    if variant.name:
        document["name"] += f", variant {variant.name}"
    for change in variant.target:
        change(document)
    target = place.folder / "target.yaml"
    target.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return target


def write_openapi(place: Place, document: dict) -> None:
    """The stack publishes its OpenAPI document as a file: served, it would be one more anonymous path."""
    (place.folder / "openapi.json").write_text(json.dumps(document, indent=1), encoding="utf-8")


def _resolved(text: str, place: Place) -> str:
    values = {
        "DIR": str(place.folder),
        "URL": place.url,
        "AWS": place.aws_url,
        "RELAY": place.relay_url,
        "PLAIN_PORT": str(place.plain_port),
        "GITHUB": place.github_url,
    }
    for name, value in values.items():
        text = text.replace(f"${{CHIMERA_STACK_{name}}}", value)
    return text


def _write_secrets(folder: Path, variant: Variant, server: Server, login: Login) -> None:
    contents = {
        "jwt.key": variant.signing.key,
        "app.dsn": server.dsn(login.database, login.role, login.password),
        "catalog.dsn": server.dsn(login.database),
        "github.token": GITHUB_TOKEN,
        "aws.id": ACCESS["AWS_ACCESS_KEY_ID"],
        "aws.key": ACCESS["AWS_SECRET_ACCESS_KEY"],
    }
    for name, text in contents.items():
        file = folder / name
        file.touch(mode=0o600)
        file.write_text(text, encoding="utf-8")
