"""AWS over HTTP: clients made from the target file's aws section."""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from chimera_compliance.errors import ConfigurationError

if TYPE_CHECKING:
    from chimera_compliance.target import Target


def client(target: "Target", service: str):
    """A boto3 client for a service of the target's account.

    Raises:
        ConfigurationError: the target has no aws section, or names a profile that does not exist.
    """
    if target.aws is None:
        raise ConfigurationError("a secretsmanager: reference needs an aws section in the target file")
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    settings = target.aws
    keys = {
        "aws_access_key_id": settings.access_key_id and target.secret(settings.access_key_id),
        "aws_secret_access_key": settings.secret_access_key and target.secret(settings.secret_access_key),
    }
    timeout = target.scope.timeout_seconds
    try:
        session = boto3.Session(profile_name=settings.profile, region_name=settings.region)
        return session.client(
            service,
            endpoint_url=settings.endpoint_url,
            config=Config(
                connect_timeout=timeout,
                read_timeout=timeout,
                retries={"max_attempts": 3},
                proxies={} if _is_local(settings.endpoint_url) else None,
            ),
            **{name: value for name, value in keys.items() if value},
        )
    except BotoCoreError as error:
        raise ConfigurationError(f"aws: {error}") from None


def _is_local(endpoint: str | None) -> bool:
    """Whether the endpoint is on this machine, where no proxy can reach it."""
    return urlsplit(endpoint or "").hostname in ("127.0.0.1", "localhost", "::1")
