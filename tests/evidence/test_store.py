"""S3 with Object Lock, as moto has it on loopback: what it enforces, and what of that is believed."""

import socket
from datetime import UTC, datetime, timedelta

import boto3
import pytest
import requests
from botocore.exceptions import ClientError
from bundles import cli
from moto.server import ThreadedMotoServer

from chimera_compliance.errors import ConfigurationError
from chimera_compliance.evidence.store import Store, retention_end

UNTIL = datetime.now(UTC).replace(microsecond=0) + timedelta(days=365)


@pytest.fixture(scope="module")
def endpoint():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(endpoint, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    client.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    client.create_bucket(Bucket="open")
    yield client
    requests.post(f"{endpoint}/moto-api/reset", timeout=5)


@pytest.fixture
def store(s3, endpoint) -> Store:
    return Store("locked", "evidence/", endpoint_url=endpoint, region="us-east-1")


KEY = "evidence/chimera-staging/000001-20261123t204101z-4f19ac.zip"


def test_a_bundle_lies_there_as_it_is_here_locked(store, s3, bundle):
    kept = store.put(bundle, "COMPLIANCE", UNTIL)
    assert kept.holds, kept.bad
    assert kept.place == f"s3://locked/{KEY}"
    assert any("byte for byte" in text for text in kept.good)
    assert any(f"locked until {UNTIL.isoformat()} (COMPLIANCE)" in text for text in kept.good)
    assert store.look(bundle).holds


def test_the_locked_version_cannot_be_deleted_there(store, s3, bundle):
    """What moto enforces: without it the test before would say little."""
    store.put(bundle, "COMPLIANCE", UNTIL)
    version = s3.list_object_versions(Bucket="locked")["Versions"][0]["VersionId"]
    with pytest.raises(ClientError):
        s3.delete_object(Bucket="locked", Key=KEY, VersionId=version)


def test_that_somebody_may_shorten_the_lock_is_told(store, bundle):
    assert any("may bypass governance" in text for text in store.put(bundle, "GOVERNANCE", UNTIL).good)


def test_a_bucket_without_locks_is_refused(s3, endpoint, bundle):
    with pytest.raises(ConfigurationError, match="has no Object Lock"):
        Store("open", endpoint_url=endpoint, region="us-east-1").put(bundle, "COMPLIANCE", UNTIL)


def test_what_was_put_over_it_is_seen(store, s3, bundle):
    store.put(bundle, "COMPLIANCE", UNTIL)
    s3.put_object(Bucket="locked", Key=KEY, Body=b"another")
    bad = "\n".join(store.look(bundle).bad)
    assert "is not this bundle" in bad
    assert "is not locked" in bad
    assert "2 versions are there" in bad


def test_what_was_deleted_is_seen(store, s3, bundle):
    store.put(bundle, "COMPLIANCE", UNTIL)
    s3.delete_object(Bucket="locked", Key=KEY)
    assert "it is marked as deleted" in store.look(bundle).bad


def test_what_is_not_there_is_seen(store, bundle):
    assert store.look(bundle).bad == ["it is not there"]


def test_nothing_is_stored_over_what_is_there(store, bundle):
    store.put(bundle, "COMPLIANCE", UNTIL)
    with pytest.raises(ConfigurationError, match="is there already"):
        store.put(bundle, "COMPLIANCE", UNTIL)


def test_what_cannot_be_asked_is_one_line(s3, endpoint, bundle):
    with pytest.raises(ConfigurationError, match="there is no such bucket"):
        Store("none", endpoint_url=endpoint, region="us-east-1").look(bundle)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ConfigurationError, match="EndpointConnectionError"):
        Store("locked", endpoint_url=f"http://127.0.0.1:{port}", region="us-east-1").look(bundle)


@pytest.mark.parametrize(
    "text", ["", "tomorrow", "0d", "2020-01-01T00:00:00+00:00", "2030-01-01", "2030-01-01T00:00:00", "-1d"]
)
def test_a_retention_needs_an_end_with_a_zone(text):
    with pytest.raises(ConfigurationError, match="--until"):
        retention_end(text)


def test_a_retention_may_be_days():
    assert retention_end("365d", datetime(2026, 1, 1, tzinfo=UTC)) == datetime(2027, 1, 1, tzinfo=UTC)


def test_the_command_line_stores_and_looks(s3, endpoint, bundle):
    common = ("--bucket", "locked", "--endpoint-url", endpoint, "--region", "us-east-1")
    stored = cli("store", bundle, *common, "--until", "30d", "--mode", "COMPLIANCE")
    assert stored.returncode == 0, stored.stderr
    looked = cli("stored", bundle, *common)
    assert looked.returncode == 0
    assert "byte for byte" in looked.stdout
    assert "its own word" in looked.stdout
