"""How C02's flaws plant credentials: made up afresh for every stack, so that none stands in this repository."""

import secrets
import string
from pathlib import Path

from chimera_compliance.stack import repository

_LETTERS = string.ascii_letters + string.digits


def chance(count: int, letters: str = _LETTERS) -> str:
    """Random letters and digits."""
    return "".join(secrets.choice(letters) for _ in range(count))


def github_token() -> str:
    """A token as GitHub issues it."""
    return "ghp_" + chance(36)


def aws_key_id() -> str:
    """An access key id as AWS issues it."""
    return "AKIA" + chance(16, string.ascii_uppercase + "234567")


def password() -> str:
    """A password that meets a policy."""
    return f"{chance(5)}#{chance(5)}7kQ"


def private_key() -> str:
    """A private key in PEM; generated, and good for nothing."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def puts(file: str, text, *, commit: str | None = "More"):
    """A change of the repository: a file, committed unless `commit` is None; `text` is text, octets or makes them."""

    def change(folder: Path) -> None:
        content = text() if callable(text) else text
        place = folder / file
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
        if commit:
            commits(folder, commit, file)

    return change


def commits(folder: Path, message: str, *paths: str) -> None:
    """Commit some paths, or all."""
    repository.git(folder, "add", "--force", "--all", "--", *(paths or (".",)))
    repository.git(folder, "commit", "--quiet", "-m", message)


def removes(file: str):
    """A change of the repository: the file is deleted again."""

    def change(folder: Path) -> None:
        repository.git(folder, "rm", "--quiet", "--force", "--", file)
        repository.git(folder, "commit", "--quiet", "-m", "Remove what is not needed")

    return change


def runs(*arguments: str):
    """A change of the repository: one git command."""
    return lambda folder: repository.git(folder, *arguments)


def holding(made, file: str, text, *, deleted: bool = False) -> None:
    """A variant whose repository has, or once had, a file."""
    made.repo.append(puts(file, text))
    if deleted:
        made.repo.append(removes(file))
