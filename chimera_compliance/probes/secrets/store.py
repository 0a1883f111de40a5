"""What a store of secrets tells about one secret, whichever store it is.

Another store (Vault, Google's, Azure's) fits in by a class with these methods that returns these facts.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from chimera_compliance.probes.secrets.needles import SecretValue
from chimera_compliance.probes.secrets.unseen import Unseen
from chimera_compliance.target.aws import RequiredSecret


@dataclass(frozen=True)
class Rotation:
    """The rule by which a secret is rotated; `managed` is the service that does it without a function of one's own."""

    on: bool
    rules: dict = field(default_factory=dict)
    function: str = ""
    managed: str = ""
    last: datetime | None = None
    next: datetime | None = None

    @property
    def text(self) -> str:
        """The rule in its own words."""
        return ", ".join(f"{name} {value}" for name, value in self.rules.items()) or "no rule"


@dataclass(frozen=True)
class StoredSecret:
    """A secret as its store describes it."""

    name: str
    arn: str
    rotation: Rotation
    created: datetime | None = None
    deleted: datetime | None = None
    key: str = ""
    stages: dict[str, list[str]] = field(default_factory=dict)
    replicas: dict[str, str] = field(default_factory=dict)
    observation: str = ""
    wanted: RequiredSecret | None = None

    @property
    def subject(self) -> str:
        """How findings name it."""
        return f"secret {self.name}"

    @property
    def actual(self) -> str:
        """Its rule."""
        return self.rotation.text

    def version(self, stage: str) -> str | None:
        """The version that has a staging label."""
        return next((version for version, labels in self.stages.items() if stage in labels), None)


@dataclass(frozen=True)
class StoredValue:
    """The value of one version."""

    value: SecretValue = field(repr=False)
    created: datetime | None
    observation: str


@dataclass(frozen=True)
class Holdings:
    """What the store holds of what is required."""

    present: list[StoredSecret]
    absent: list[RequiredSecret]
    unseen: dict[str, Unseen]
    others: list[StoredSecret] | Unseen
    """The secrets that nobody requires, or why they could not be listed."""


class SecretStore(Protocol):
    """A store of secrets."""

    def holdings(self) -> Holdings:
        """What it holds of what is required."""

    def value(self, secret: StoredSecret, stage: str) -> StoredValue:
        """A value; raises `Unseen`."""

    def version_created(self, secret: StoredSecret, version: str) -> datetime | None:
        """When a version was made; raises `Unseen`."""

    def policy(self, secret: StoredSecret) -> tuple[str, str]:
        """Its resource policy, empty if it has none, and the observation; raises `Unseen`."""


def days_since(moment: datetime | None) -> float | None:
    """How long ago something was."""
    if moment is None:
        return None
    return (datetime.now(UTC) - moment.astimezone(UTC)).total_seconds() / 86_400
