"""Bundles of a made-up run, and the command line that checks them."""

import contextlib
import hashlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import sample_results

from chimera_compliance.cli import main
from chimera_compliance.gathering import suite_digest
from chimera_compliance.home import CHECKLIST
from chimera_compliance.report import write_all

TARGET = "name: Chimera staging\nversion: 1\nrepo: {path: .}\n"


def digest_of(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def leave_run(
    folder: Path, *, run: str = "20261123T204101Z-4f19ac", day: int = 23, hour: int = 20, **facts: str
) -> Path:
    """What a run leaves in its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "target.yaml").write_text(TARGET)
    results = sample_results.realistic()
    identity = {
        "id": run,
        "started": f"2026-11-{day}T{hour:02}:41:01+00:00",
        "finished": f"2026-11-{day}T{hour:02}:41:13+00:00",
        "suite_digest": suite_digest(),
        "checklist_digest": digest_of(CHECKLIST),
        "target_digest": digest_of(folder / "target.yaml"),
    }
    results.run = results.run.model_copy(update={**identity, **facts})
    write_all(results, folder, {"environment.json": '{"redactions": {"$ALICE_TOKEN": 12}}\n'})
    (folder / "observations.jsonl").write_text("".join(json.dumps(each) + "\n" for each in observations(results)))
    return folder


def observations(results) -> list[dict]:
    items = [item for control in results.controls for item in control.requirements]
    shown = {
        each.id: each for item in items for each in [*item.samples, *(f.evidence for f in item.findings if f.evidence)]
    }
    kept = [each.model_dump(mode="json") for each in shown.values()]
    for item in items:
        rest = item.observations - sum(each["requirement"] == item.id for each in kept)
        kept += [{"id": f"{item.id}-{n}", "requirement": item.id} for n in range(rest)]
    return kept


def cli(*arguments: object, **environment: str) -> subprocess.CompletedProcess:
    """The command line as `main` has it, in this process: exit code and what is printed."""
    command = ["chimera-compliance", "evidence", *map(str, arguments)]
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "argv", command),
        mock.patch.dict(os.environ, environment),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code: object = None
        try:
            main()
        except SystemExit as end:
            code = end.code
    return subprocess.CompletedProcess(command, code or 0, out.getvalue(), err.getvalue())
