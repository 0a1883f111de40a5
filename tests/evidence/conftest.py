"""Bundles of made-up runs, and keys to sign them with."""

import shutil
from pathlib import Path

import pytest
from bundles import leave_run
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chimera_compliance.evidence.creation import Options, create
from chimera_compliance.evidence.signing import SigningKey, make_key, read_file


@pytest.fixture(scope="session")
def key_file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "evidence.key"
    make_key(path)
    return path


@pytest.fixture(scope="session")
def key(key_file) -> SigningKey:
    return SigningKey.parse(read_file(key_file), "key")


@pytest.fixture(scope="session")
def other_key() -> SigningKey:
    return SigningKey(Ed25519PrivateKey.generate())


@pytest.fixture(scope="session")
def made(tmp_path_factory, key) -> Path:
    """A run's folder with its bundle; copied for whoever changes it."""
    folder = leave_run(tmp_path_factory.mktemp("made") / "run")
    create(folder, Options(key=key, target=folder / "target.yaml"))
    return folder


@pytest.fixture
def run(made, tmp_path) -> Path:
    """What a run has left, without a bundle."""
    return Path(shutil.copytree(made, tmp_path / "run", ignore=shutil.ignore_patterns("evidence.zip")))


@pytest.fixture
def bundle(made, tmp_path) -> Path:
    """A signed bundle."""
    return Path(shutil.copy(made / "evidence.zip", tmp_path))


@pytest.fixture(scope="session")
def nightly(tmp_path_factory, key) -> list[Path]:
    """Three bundles, each following the one before; copied for whoever changes them."""
    root = tmp_path_factory.mktemp("nightly")
    found: list[Path] = []
    for day in (21, 22, 23):
        folder = leave_run(root / "runs" / str(day), run=f"202611{day}T204101Z-4f19ac", day=day)
        before = found[-1] if found else None
        found.append(create(folder, Options(key=key, previous=before, every_hours=24), root / "all" / f"{day}.zip"))
    return found


@pytest.fixture
def chain(nightly, tmp_path) -> list[Path]:
    """A copy of them."""
    folder = tmp_path / "all"
    folder.mkdir()
    return [Path(shutil.copy(file, folder)) for file in nightly]
