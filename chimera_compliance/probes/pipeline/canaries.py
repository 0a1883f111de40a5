"""What is planted for the scanners to find: made at run time, so that no secret stands in anybody's repository.

The kinds are those of ADR-005 §6, those that its three patterns miss (PKCS#8, fine-grained tokens, temporary AWS
keys), and a few that only the scanner's own rules know.
"""

import base64
import secrets
import string
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from chimera_compliance.probes.pipeline.git import run
from chimera_compliance.probes.pipeline.snapshot import Snapshot

_ALNUM = string.ascii_letters + string.digits
_BASE32 = string.ascii_uppercase + "234567"
_NO_TARGET = ("test", "tests", "testing", "docs", "examples", "node_modules", "vendor", ".venv", "venv", "build")
_MOST_FOLDERS = 6


@dataclass(frozen=True)
class Kind:
    """A kind of secret; `origin` says who asks for it."""

    name: str
    what: str
    origin: str


ADR = "ADR-005 §6"
BLIND = "missed by ADR-005's patterns"
DEFAULT = "gitleaks' own rules"
KINDS = (
    Kind("github-pat", "a GitHub token (ghp_)", ADR),
    Kind("aws-access-key", "an AWS access key (AKIA)", ADR),
    Kind("private-key-rsa", "an RSA private key", ADR),
    Kind("private-key-ec", "an EC private key", ADR),
    Kind("private-key-openssh", "an OpenSSH private key", ADR),
    Kind("private-key-pkcs8", "a PKCS#8 private key", BLIND),
    Kind("private-key-encrypted", "an encrypted PKCS#8 private key", BLIND),
    Kind("github-fine-grained-pat", "a fine-grained GitHub token (github_pat_)", BLIND),
    Kind("aws-temporary-key", "a temporary AWS key (ASIA)", BLIND),
    Kind("slack-token", "a Slack token", DEFAULT),
    Kind("stripe-key", "a Stripe key", DEFAULT),
)


@dataclass(frozen=True)
class Secret:
    """A secret that was planted: of a kind, in a file."""

    kind: Kind
    file: str
    where: str


@dataclass(frozen=True)
class Weakness:
    """A finding of Bandit's that was planted."""

    test: str
    severity: str
    file: str
    folder: str


WEAKNESSES = {"B602": "high", "B307": "medium", "B105": "low"}


@dataclass(frozen=True)
class Planted:
    """What a canary commit holds, and where it is: two commits upon the one that is judged."""

    secrets: tuple[Secret, ...]
    weaknesses: tuple[Weakness, ...]
    harmless: str
    branch: str
    base: str
    first: str
    head: str


def value(kind: str) -> str:
    """A secret of a kind, of random characters."""
    letters = {
        "github-pat": lambda: "ghp_" + _random(_ALNUM, 36),
        "github-fine-grained-pat": lambda: f"github_pat_{_random(_ALNUM, 22)}_{_random(_ALNUM, 59)}",
        "aws-access-key": lambda: "AKIA" + _random(_BASE32, 16),
        "aws-temporary-key": lambda: "ASIA" + _random(_BASE32, 16),
        "slack-token": lambda: f"xoxb-{_random('123456789', 12)}-{_random('123456789', 12)}-{_random(_ALNUM, 24)}",
        "stripe-key": lambda: "sk_live_" + _random(_ALNUM, 32),
    }
    if kind in letters:
        return letters[kind]()
    word = {"rsa": "RSA ", "ec": "EC ", "openssh": "OPENSSH ", "pkcs8": "", "encrypted": "ENCRYPTED "}
    name = f"{word[kind.removeprefix('private-key-')]}PRIVATE KEY"
    body = base64.encodebytes(secrets.token_bytes(600)).decode()
    return f"-----BEGIN {name}-----\n{body}-----END {name}-----\n"


def _random(alphabet: str, length: int) -> str:
    """Random characters that repeat little: scanners take what repeats for a placeholder."""
    while True:
        made = "".join(secrets.choice(alphabet) for _ in range(length))
        if len(set(made)) >= min(length, len(alphabet)) * 0.6 and made[-1].isalnum():
            return made


def plant(clone: Path, home: Path, snapshot: Snapshot, commit: str, folders: list[str]) -> Planted:
    """Commit the canaries: the first commit holds one that the second takes away again."""
    tag = secrets.token_hex(4)
    removed = Secret(KINDS[0], f"probe_{tag}_removed.py", "a file that a later commit removes")
    files, planted = _secrets(tag, snapshot, folders)
    weak, weaknesses = _weaknesses(tag, snapshot, folders)
    harmless = f"probe_{tag}_harmless.py"
    files |= weak | {harmless: f'"""Nothing to see."""\n\nREQUEST = "{uuid.uuid4()}"\nRETRIES = 3\n'}
    base = run(clone, home, "rev-parse", f"{commit}^{{commit}}").decode().strip()
    name = f"probe-{tag}"
    first = _commit(base, f"{name}-first", {removed.file: f'TOKEN = "{value(removed.kind.name)}"\n'})
    second = _commit(f"refs/heads/{name}-first", name, files, without=removed.file)
    run(clone, home, "fast-import", "--quiet", given=first + second)
    run(clone, home, "branch", f"{name}-base", base)
    one, two = run(clone, home, "rev-parse", f"refs/heads/{name}-first", f"refs/heads/{name}").decode().split()
    return Planted((removed, *planted), tuple(weaknesses), harmless, name, base, one, two)


def _secrets(tag: str, snapshot: Snapshot, folders: list[str]) -> tuple[dict[str, str], list[Secret]]:
    files, planted = {}, []
    for kind in KINDS:
        path = f"probe_{tag}_{kind.name.replace('-', '_')}.py"
        secret = value(kind.name)
        quote = '"""' if "\n" in secret else '"'
        files[path] = f"PROBE = {quote}{secret}{quote}\n"
        planted.append(Secret(kind, path, "the repository's root"))
    for folder in _inner_folders(snapshot, folders):
        path = f"{folder}/probe_{tag}_keys.py".removeprefix("./")
        files[path] = f'PROBE = "{value("aws-access-key")}"\n'
        planted.append(Secret(KINDS[1], path, folder))
    for path in (f"deploy/probe_{tag}.yaml", f"probe_{tag}.env"):
        files[path] = f"token: {value('github-pat')}\n" if path.endswith("yaml") else f"TOKEN={value('github-pat')}\n"
        planted.append(Secret(KINDS[0], path, "a settings file"))
    return files, planted


def _weaknesses(tag: str, snapshot: Snapshot, folders: list[str]) -> tuple[dict[str, str], list[Weakness]]:
    files, planted = {}, []
    for folder in _inner_folders(snapshot, folders):
        path = f"{folder}/probe_{tag}_flow.py".removeprefix("./")
        files[path] = (
            "import subprocess\n\n\ndef probe(given):\n"
            f'    password = "{_random(_ALNUM, 12)}"\n'
            "    subprocess.call(given, shell=True)\n"
            "    return eval(given), password\n"
        )
        planted += [Weakness(test, severity, path, folder) for test, severity in WEAKNESSES.items()]
    return files, planted


def _inner_folders(snapshot: Snapshot, folders: list[str]) -> list[str]:
    """Each source folder, and those directly in it that hold Python and no tests."""
    found = dict.fromkeys(folder.rstrip("/") for folder in folders)
    for folder in folders:
        for path in snapshot.under(folder):
            inner = path.rpartition("/")[0].split("/")
            depth = 1 if folder == "." else folder.rstrip("/").count("/") + 2
            below = "/".join(inner[:depth])
            parts = set(below.lower().split("/"))
            if path.endswith(".py") and below and len(inner) >= depth and not parts & set(_NO_TARGET):
                found[below] = None
    kept = [folder for folder in found if folder in folders or folder.rstrip("/") in folders]
    return (kept + [folder for folder in found if folder not in kept])[: max(_MOST_FOLDERS, len(kept))]


def _commit(parent: str, branch: str, files: dict[str, str], *, without: str = "") -> bytes:
    """A commit upon another for `git fast-import`: made without a work tree, so that no link leads a write astray."""
    when = f"Compliance probe <probe@compliance.invalid> {int(time.time())} +0000"
    lines = [f"commit refs/heads/{branch}", f"committer {when}", "data 8", "A change", f"from {parent}"]
    made = "\n".join(lines).encode() + b"\n"
    if without:
        made += f"D {without}\n".encode()
    for path, text in files.items():
        name = (
            path.encode("utf-8", "surrogateescape").replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
        )
        content = text.encode()
        made += b'M 100644 inline "%s"\ndata %d\n%s\n' % (name, len(content), content)
    return made
