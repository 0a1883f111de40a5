"""The git repository, and the logs that the application writes."""

from typing import Literal

from pydantic import Field, field_validator

from chimera_compliance.references import Secret, Text
from chimera_compliance.target.base import Settings, Url


class GitHub(Settings):
    """The repository's place on GitHub, whose branch rules are read through its API."""

    repository: Text = Field(description="Owner and name, such as acme/chimera.")
    token: Secret = Field(description="Reads metadata and, for bypasses and classic protection, administration.")
    api_url: Url = "https://api.github.com"

    @field_validator("repository")
    @classmethod
    def _owner_and_name(cls, value: str) -> str:
        if value.count("/") != 1 or not all(value.split("/")):
            raise ValueError("expected owner/name, such as acme/chimera")
        return value


class RepoFacet(Settings):
    """The git repository."""

    path: Text
    default_branch: Text | None = Field(None, description="The one that HEAD of origin names if not given.")
    shipping_branches: list[Text] = Field([], description="Branches or patterns; the default branch if empty.")
    source_folders: list[Text] = Field(["src", "skills"], description="Where the Python is that Bandit must see.")
    scan_commands: dict[Literal["gitleaks", "bandit"], list[Text]] = Field(
        {}, description="Run in a throw-away clone, without a shell, in place of the command that the pipeline spells."
    )
    github: GitHub | None = None
    cache: Text | None = Field(
        "~/.cache/chimera-compliance", description="Folder that remembers which objects are clean; null for none."
    )
    logs: list[Text] = Field([], description="Log files of the application, in which no real secret may stand.")
