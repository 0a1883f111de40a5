"""Secrets come from AWS Secrets Manager, stay in memory for an hour at most, and outlive an outage of it."""

import logging
import time
from threading import Lock

from chimera_compliance.stack.emulator import ACCESS, REGION
from chimera_compliance.stack.variant import Settings

_SECONDS, _SECONDS_AT_THE_START = 2, 30
_logger = logging.getLogger(__name__)


class SecretCache:
    """Reads each secret on first use and again when its time is up; while the store is away, the last value serves."""

    def __init__(self, endpoint: str, settings: Settings):
        self._endpoint = endpoint
        self._client = _client(endpoint, _SECONDS)
        self._seconds, self._retry = settings.secrets_cached, settings.secrets_retry
        self._known, self._lock = {}, Lock()

    def read(self, *names: str) -> "SecretCache":
        """Get these now, in good time, for nobody waits for an answer yet; a start without its secrets fails here."""
        client = _client(self._endpoint, _SECONDS_AT_THE_START)
        for name in names:
            value = client.get_secret_value(SecretId=name)["SecretString"]
            self._known[name] = (value, time.monotonic() + self._seconds)
        client.close()
        return self

    def get(self, name: str) -> str:
        """The secret's current value.

        Raises:
            botocore's errors: it was never read, and cannot be read now.
        """
        with self._lock:
            value, until = self._known.get(name, (None, 0.0))
            if time.monotonic() < until:
                return value
            try:
                value, seconds = self._client.get_secret_value(SecretId=name)["SecretString"], self._seconds
            except Exception as error:
                if value is None:
                    raise
                _logger.warning("Secrets Manager is away (%s): using the last value", type(error).__name__)
                seconds = self._retry
            self._known[name] = (value, time.monotonic() + seconds)
            return value


def _client(endpoint: str, seconds: float):
    import boto3
    from botocore.config import Config

    return boto3.client(
        "secretsmanager",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=ACCESS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=ACCESS["AWS_SECRET_ACCESS_KEY"],
        config=Config(connect_timeout=seconds, read_timeout=seconds, retries={"total_max_attempts": 1}),
    )
