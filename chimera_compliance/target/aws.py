"""The account that holds the secrets."""

from functools import cached_property

from pydantic import Field

from chimera_compliance.references import Secret, Text
from chimera_compliance.target.base import Operation, Settings, Url


class RequiredSecret(Settings):
    """A secret that the stack cannot do without; what is not said here holds as for all of them."""

    name: Text = Field(description="Name, ARN, or a shell pattern over names.")
    value: Secret | None = Field(None, description="Where the stack's own copy is, to compare: ${NAME} or file:PATH.")
    max_rotation_days: int | None = Field(None, ge=1)
    customer_managed_key: bool | None = None
    replica_regions: list[Text] | None = None


class Application(Settings):
    """How the application's reads of the store can be watched, and the store be taken away from it for a moment."""

    relay_url: Url = Field(
        description="Of `chimera-compliance relay`, which the application reads its secrets through."
    )
    cache_seconds: float = Field(3600, gt=0, description="How long this deployment keeps a secret in memory.")
    operation: Operation | None = Field(None, description="An operation that needs a secret; else a guarded GET.")


class AwsFacet(Settings):
    """The account that holds the secrets."""

    region: Text = "us-east-1"
    endpoint_url: Text | None = None
    profile: Text | None = None
    access_key_id: Secret | None = None
    secret_access_key: Secret | None = None
    required_secrets: list[Text | RequiredSecret] = Field([], description="Every secret of the region if empty.")
    max_rotation_days: int = Field(90, ge=1, description="A secret must be rotated at least this often.")
    max_cache_seconds: int = Field(3600, ge=1, description="The application may keep a secret no longer.")
    customer_managed_key: bool = Field(False, description="Whether AWS's own key for Secrets Manager is not enough.")
    replica_regions: list[Text] = Field([], description="Regions that must hold a replica of every required secret.")
    accounts: list[Text] = Field([], description="Further accounts (12 digits) that policies may name.")
    principals: list[Text] = Field([], description="Patterns of principals' ARNs that policies may name.")
    readers: list[Text] = Field([], description="Patterns of the roles and users that may read: names or ARNs.")
    regions: list[Text] = Field([], description="Further regions to look through for values in plain text.")
    public_settings: list[Text] = Field([], description="Patterns of settings whose values are no secrets, by name.")
    application: Application | None = None

    @cached_property
    def required(self) -> list[RequiredSecret]:
        """The required secrets, those given by name alone included."""
        return [RequiredSecret(name=one) if isinstance(one, str) else one for one in self.required_secrets]
