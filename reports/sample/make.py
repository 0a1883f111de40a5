"""Makes the sample report anew: two real runs against the embedded stack, the second as ADR-005's own samples have it.

    make sample

The run before is of a stack with another flaw, so that the sample shows what is new and what was fixed; a waiver is
given as well. The picture is taken with Chromium (tests/browser/install puts it on a Debian machine).
"""

import re
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

HERE = Path(__file__).parent
NAME = "Chimera, built from the samples of ADR-005"
BEFORE, NOW = "c11-no-vary", "c03-adr-005-as-written"
SIZE = (1360, 1500)
WAIVER = """waivers:
  - requirement: C04.46
    owner: ada@chimera.example
    approver: grace@chimera.example
    reason: Objects are named alike until the move to random ids is done.
    ticket: SEC-412
    approved: {approved}
    expires: {expires}
"""


def main() -> None:
    """Run, and put report.html and report.png beside this file."""
    from chimera_compliance.stack import Stack

    with tempfile.TemporaryDirectory(prefix="chimera-sample-") as name, Stack.start() as stack:
        folder = Path(name)
        for variant in (BEFORE, NOW):
            running = stack.boot(variant)
            _verify(_named(running.target), folder, variant)
            stack.stop(running)
        shutil.copyfile(folder / "out" / "report.html", HERE / "report.html")
    _picture(HERE / "report.html", HERE / "report.png")
    print(f"wrote {HERE / 'report.html'} and report.png")


def _named(target: Path) -> Path:
    """The same target file under one name, as the same stack would have."""
    file = target.with_name("sample.yaml")
    file.write_text(re.sub(r"(?m)^name:.*$", f'name: "{NAME}"', target.read_text()))
    return file


def _verify(target: Path, folder: Path, variant: str) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    waivers = folder / "waivers.yaml"
    waivers.write_text(
        WAIVER.format(approved=(now - timedelta(days=20)).isoformat(), expires=(now + timedelta(days=40)).isoformat())
    )
    command = [sys.executable, "-m", "chimera_compliance.cli", "verify", "--target", target, "--out", folder / "out"]
    print(f"verifying {variant}", flush=True)
    code = subprocess.run([*command, "--waivers", waivers], stdout=subprocess.DEVNULL).returncode
    if code != 1:
        raise SystemExit(f"{variant} came out with exit code {code}, and findings were to be expected")


def _picture(page: Path, picture: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("no chromium here: run tests/browser/install as root; report.html is made, its picture is not")
    width, height = SIZE
    with tempfile.TemporaryDirectory(prefix="chimera-sample-profile-") as profile:
        quiet = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]
        offline = ["--disable-background-networking", "--disable-component-update", "--no-first-run"]
        where = [f"--user-data-dir={profile}", f"--window-size={width},{height}", f"--screenshot={picture}"]
        subprocess.run(
            [chromium, *quiet, *offline, *where, page.as_uri()], check=True, capture_output=True, timeout=120
        )


if __name__ == "__main__":
    main()
