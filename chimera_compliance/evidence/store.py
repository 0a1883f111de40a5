"""Keeps bundles in S3 under Object Lock, and looks whether they lie there as they are here.

The lock is the store's word: what is read back is that a version is there, byte for byte, with a retention that ends
when it should, and that nothing was put over it since. That the store keeps its word, nobody can see from outside.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from chimera_compliance.errors import ConfigurationError
from chimera_compliance.evidence.archive import BadArchive
from chimera_compliance.evidence.opened import NotABundle, Opened
from chimera_compliance.report.sarif import slug

MODES = ("COMPLIANCE", "GOVERNANCE")
_SHARE = 1 << 20


def retention_end(text: str, now: datetime | None = None) -> datetime:
    """When a retention ends: a time with its offset, or a number of days as in ``365d``.

    Raises:
        ConfigurationError: it is neither, or over already.
    """
    now = now or datetime.now(UTC)
    try:
        days = re.fullmatch(r"(\d{1,5})d", text)
        end = now + timedelta(days=int(days[1])) if days else datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        end = None
    if end is None or end.tzinfo is None:
        raise ConfigurationError(
            f"--until: {text!r} is neither days, as 365d, nor a time, as 2027-12-31T00:00:00+00:00"
        )
    if end <= now:
        raise ConfigurationError(f"--until: {text} is over already")
    return end.astimezone(UTC).replace(microsecond=0)


@dataclass
class Kept:
    """What lies in the store."""

    place: str
    good: list[str] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether the bundle is there as it is here, locked."""
        return not self.bad

    def lines(self) -> Iterator[str]:
        """What to print."""
        yield self.place
        yield from (f"wrong       {text}" for text in self.bad)
        yield from (f"seen        {text}" for text in self.good)
        yield "not proven  that the store enforces the lock: that is its own word"


@dataclass(frozen=True)
class Store:
    """A bucket."""

    bucket: str
    prefix: str = ""
    endpoint_url: str | None = None
    region: str | None = None

    def put(self, file: Path, mode: str, until: datetime) -> Kept:
        """Store a bundle under a lock, and look at it there.

        Raises:
            ConfigurationError: the bucket has no Object Lock, another object is there, or the store refuses.
        """
        if mode not in MODES:
            raise ConfigurationError(f"--mode: {mode!r} is none of {', '.join(MODES)}")
        bundle, client = _open(file), self._client()
        with _Refusals(self.bucket):
            self._can_lock(client)
            client.put_object(
                Bucket=self.bucket,
                Key=self._key(bundle),
                Body=bundle.data,
                ContentType="application/zip",
                ChecksumAlgorithm="SHA256",
                IfNoneMatch="*",
                ObjectLockMode=mode,
                ObjectLockRetainUntilDate=until,
            )
        return self._look(client, bundle, until)

    def look(self, file: Path) -> Kept:
        """Whether a bundle lies there as it is here, and how it is locked.

        Raises:
            ConfigurationError: the store cannot be asked.
        """
        return self._look(self._client(), _open(file), None)

    def _client(self):
        import boto3

        return boto3.client("s3", endpoint_url=self.endpoint_url, region_name=self.region)

    def _key(self, bundle: Opened) -> str:
        manifest = bundle.manifest
        return f"{self.prefix}{slug(manifest.target)}/{manifest.sequence:06}-{slug(manifest.run)}.zip"

    def _can_lock(self, client) -> None:
        from botocore.exceptions import ClientError

        try:
            state = client.get_object_lock_configuration(Bucket=self.bucket)["ObjectLockConfiguration"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "ObjectLockConfigurationNotFoundError":
                raise
            state = {}
        if state.get("ObjectLockEnabled") != "Enabled":
            raise ConfigurationError(f"the bucket {self.bucket} has no Object Lock: it is chosen when a bucket is made")

    def _look(self, client, bundle: Opened, until: datetime | None) -> Kept:
        key = self._key(bundle)
        kept = Kept(f"s3://{self.bucket}/{key}")
        with _Refusals(self.bucket):
            versions = client.list_object_versions(Bucket=self.bucket, Prefix=key)
            own = [each for each in versions.get("Versions", []) if each["Key"] == key]
            markers = [each for each in versions.get("DeleteMarkers", []) if each["Key"] == key]
            for version in own:
                self._compare(client, bundle, key, version["VersionId"], until, kept)
        if not own:
            kept.bad.append("it is not there")
        if len(own) > 1:
            kept.bad.append(f"{len(own)} versions are there: somebody has put another over it")
        if markers:
            kept.bad.append("it is marked as deleted")
        return kept

    def _compare(self, client, bundle: Opened, key: str, version: str, until: datetime | None, kept: Kept) -> None:
        found = client.get_object(Bucket=self.bucket, Key=key, VersionId=version)
        digest = hashlib.sha256()
        for share in found["Body"].iter_chunks(_SHARE):
            digest.update(share)
        name = f"version {version}"
        if digest.hexdigest() == bundle.digest:
            kept.good.append(f"{name} is this bundle, byte for byte")
        else:
            kept.bad.append(f"{name} is not this bundle")
        _retention(found, name, until, kept)


def _retention(found: dict[str, Any], name: str, until: datetime | None, kept: Kept) -> None:
    mode, end = found.get("ObjectLockMode"), found.get("ObjectLockRetainUntilDate")
    if mode is None or end is None:
        kept.bad.append(f"{name} is not locked")
    elif end <= datetime.now(UTC):
        kept.bad.append(f"{name}: its lock ended at {end.isoformat()}")
    elif until is not None and end < until:
        kept.bad.append(f"{name} is locked until {end.isoformat()} only")
    else:
        more = "" if mode == "COMPLIANCE" else ", which whoever may bypass governance can shorten"
        kept.good.append(f"{name} is locked until {end.isoformat()} ({mode}{more})")


def _open(file: Path) -> Opened:
    try:
        return Opened.read(file)
    except OSError as error:
        raise ConfigurationError(f"cannot read {file}: {error.strerror}") from None
    except (BadArchive, NotABundle) as error:
        raise ConfigurationError(f"{file} is no evidence bundle: {error}") from None


class _Refusals:
    """What the store refuses, in one line."""

    def __init__(self, bucket: str) -> None:
        self.bucket = bucket

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind, error, trace) -> bool:
        from botocore.exceptions import BotoCoreError, ClientError

        if isinstance(error, ClientError):
            code = error.response["Error"].get("Code", "")
            said = {
                "PreconditionFailed": "an object of this name is there already: `evidence stored` looks at it",
                "NoSuchBucket": "there is no such bucket",
            }
            raise ConfigurationError(f"s3://{self.bucket}: {said.get(code, code)}") from None
        if isinstance(error, BotoCoreError):
            raise ConfigurationError(
                f"s3://{self.bucket}: {type(error).__name__}: are region and credentials set?"
            ) from None
        return False
