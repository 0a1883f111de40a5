"""The account that holds the secrets."""

from chimera_compliance.references import Secret, Text
from chimera_compliance.target.base import Settings


class AwsFacet(Settings):
    """The account that holds the secrets."""

    region: Text = "us-east-1"
    endpoint_url: Text | None = None
    profile: Text | None = None
    access_key_id: Secret | None = None
    secret_access_key: Secret | None = None
    required_secrets: list[Text] = []
