"""AWS over HTTP: clients made from the target file's aws section."""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from chimera_compliance.errors import ConfigurationError

if TYPE_CHECKING:
    from chimera_compliance.target import Target


def client(target: "Target", service: str, *, session=None, region: str | None = None, attempts: int = 3):
    """A boto3 client for a service of the target's account; `session` is one made by `session` before.

    Throttled calls are repeated ever more slowly, at the pace that the account grants (botocore's adaptive mode).

    Raises:
        ConfigurationError: the target has no aws section, or names a profile that does not exist.
    """
    if target.aws is None:
        raise ConfigurationError("a secretsmanager: reference needs an aws section in the target file")
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    settings, timeout = target.aws, target.scope.timeout_seconds
    keys = {
        "aws_access_key_id": settings.access_key_id and target.secret(settings.access_key_id),
        "aws_secret_access_key": settings.secret_access_key and target.secret(settings.secret_access_key),
    }
    config = Config(
        connect_timeout=timeout,
        read_timeout=timeout,
        max_pool_connections=32,
        retries={"mode": "adaptive", "total_max_attempts": attempts},
        proxies={} if _is_local(settings.endpoint_url) else None,
    )
    try:
        return (session or make_session(target)).client(
            service,
            region_name=region or settings.region,
            endpoint_url=settings.endpoint_url,
            config=config,
            **{name: value for name, value in keys.items() if value},
        )
    except (BotoCoreError, ValueError) as error:  # botocore raises ValueError for an endpoint that is no URL
        raise ConfigurationError(f"aws: {error}") from None


def make_session(target: "Target"):
    """A boto3 session for the target's account; making clients of one is not thread-safe, using them is.

    Raises:
        ConfigurationError: the target names a profile that does not exist.
    """
    import boto3
    from botocore.exceptions import BotoCoreError

    try:
        return boto3.Session(profile_name=target.aws.profile, region_name=target.aws.region)
    except BotoCoreError as error:
        raise ConfigurationError(f"aws: {error}") from None


def _is_local(endpoint: str | None) -> bool:
    """Whether the endpoint is on this machine, where no proxy can reach it."""
    return urlsplit(endpoint or "").hostname in ("127.0.0.1", "localhost", "::1")
