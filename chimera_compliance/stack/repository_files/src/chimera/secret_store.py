"""Where secrets come from: AWS Secrets Manager in production, the environment on a developer's machine."""

import os
import time

_CACHE_SECONDS = 3600
_cached: dict[str, tuple[str, float]] = {}


def get_secret(name: str, client=None) -> str:
    """The current value of a secret, at most an hour old; the last one while the store is away."""
    if client is None:
        return os.environ[name]
    value, until = _cached.get(name, (None, 0.0))
    if time.monotonic() < until:
        return value
    try:
        value = client.get_secret_value(SecretId=f"chimera/production/{name}")["SecretString"]
    except client.exceptions.ClientError:
        if value is None:
            raise
    _cached[name] = (value, time.monotonic() + _CACHE_SECONDS)
    return value
