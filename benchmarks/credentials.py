"""Recall and false alarms of C02's search, beside other engines, on the corpus of tests/repository.

    python -m benchmarks.credentials [--gitleaks PATH] [--each]

The corpus is files, each with one credential or with one look-alike; a file counts once, whatever is reported in it.
Each engine is asked about the planted files and then about the benign ones, with the rules it comes with:

* C02: `review`, as the checks ask it. It asks detect-secrets too, without the guesses by entropy, and judges that.
* its patterns alone: all that our rules look for, before value, name and place of a hit are judged.
* detect-secrets: `scan --all-files --no-verify`, for nothing is sent to issuers here.
* gitleaks: `dir`, told to look into archives.

Seconds are for both parts, programs' own start included. `--each` names what was missed and what was reported in vain.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from chimera_compliance.probes.repository import review
from chimera_compliance.probes.repository.detectors import built_in
from chimera_compliance.probes.repository.engine import engine
from chimera_compliance.probes.repository.unpacking import unpacked
from tests.repository.conftest import Repo
from tests.repository.corpus import SPECIAL, Content, benign, planted, reported

Engine = Callable[[Path, dict[str, Content]], set[str]]
KINDS = ("code", "settings", "commands, SQL", "packed, encoded")
_FOLDERS = {"src": "code", "scripts": "commands, SQL", "db": "commands, SQL"}


def kind(path: str) -> str:
    """What sort of place the credential is planted in."""
    return "packed, encoded" if path in SPECIAL else _FOLDERS.get(path.partition("/")[0], "settings")


def c02(folder: Path, files: dict[str, Content]) -> set[str]:
    """The search of the control, judgement and second opinion included."""
    return reported(review(folder).leaks, files)


def patterns(folder: Path, files: dict[str, Content]) -> set[str]:
    """Whatever the built-in rules look for, in names, files and what is packed in them."""
    search = engine([trigger for detector in built_in() for trigger in detector.triggers])

    def texts(path: str) -> Iterator[bytes]:
        content = (folder / path).read_bytes()
        yield from (path.encode(), content, *(part.content for part in unpacked(content)))

    return {path for path in files if any(search.hits(text) for text in texts(path))}


def detect_secrets(folder: Path, files: dict[str, Content]) -> set[str]:
    """All plugins, as they come."""
    told = _output([sys.executable, "-m", "detect_secrets", "scan", "--all-files", "--no-verify"], folder)
    return set(json.loads(told)["results"]) & files.keys()


def gitleaks(program: str) -> Engine:
    """All rules, as they come."""
    options = ("--max-archive-depth=2", "--exit-code=0", "--log-level=error", "--no-banner")

    def search(folder: Path, files: dict[str, Content]) -> set[str]:
        told = _output([program, "dir", *options, "--report-format=json", "--report-path=-", "."], folder)
        return {leak["File"].partition("!")[0] for leak in json.loads(told)} & files.keys()

    return search


def _output(command: list[str], folder: Path) -> str:
    return subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True).stdout


@contextmanager
def laid_out(files: dict[str, Content]) -> Iterator[Path]:
    """A repository of these files, as a developer has them before the commit."""
    with tempfile.TemporaryDirectory() as folder:
        repo = Repo(Path(folder) / "repo")
        repo.commit("readme.txt")
        for path, content in files.items():
            repo.write(path, content)
        yield repo.path


def main() -> int:
    """Print the table: an engine a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gitleaks", default=shutil.which("gitleaks"), help="the program; by default that on PATH")
    parser.add_argument("--each", action="store_true", help="name the files as well")
    given = parser.parse_args()
    engines: dict[str, Engine] = {
        "C02": c02,
        "its patterns alone": patterns,
        f"detect-secrets {version('detect-secrets')}": detect_secrets,
    }
    if given.gitleaks and not shutil.which(given.gitleaks):
        parser.error(f"there is no program {given.gitleaks}: pip install 'chimera-compliance[gitleaks]'")
    if given.gitleaks:
        engines[f"gitleaks {_output([given.gitleaks, 'version'], Path()).strip()}"] = gitleaks(given.gitleaks)
    bad, good = planted(), benign()
    totals = {name: sum(kind(path) == name for path in bad) for name in KINDS}
    heads = (f"planted, of {len(bad)}", f"benign, of {len(good)}", "seconds", *(f"{k}, {n}" for k, n in totals.items()))
    print(f"{'':24}", *(f"{head:>18}" for head in heads))
    for name, search in engines.items():
        with laid_out(bad) as there, laid_out(good) as elsewhere:
            begun = time.monotonic()
            found, alarms = search(there, bad), search(elsewhere, good)
            seconds = time.monotonic() - begun
        kinds = [sum(kind(path) == one for path in found) for one in KINDS]
        print(f"{name:24}", *(f"{x:>18}" for x in (len(found), len(alarms), f"{seconds:.1f}", *kinds)), flush=True)
        if given.each:
            print("    missed:", *sorted(bad.keys() - found), "\n    in vain:", *sorted(alarms))
    return 0


if __name__ == "__main__":
    sys.exit(main())
