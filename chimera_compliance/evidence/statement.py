"""The in-toto Statement of a bundle: which files, and what the tests in them came to.

Its predicate is https://in-toto.io/attestation/test-result/v0.1. It knows PASSED, WARNED and FAILED only: a run that is
not complete is FAILED, since a policy that admits WARNED must not admit what nobody looked at.
"""

import json
from typing import Any

from chimera_compliance.errors import EXIT_CLEAN
from chimera_compliance.outcomes import Outcome
from chimera_compliance.report.headline import requirements
from chimera_compliance.results import Results

TYPE = "https://in-toto.io/Statement/v1"
PREDICATE = "https://in-toto.io/attestation/test-result/v0.1"
_WARNED = (Outcome.ERROR, Outcome.INCONCLUSIVE, Outcome.NOT_REVIEWED)


def statement(results: Results, digests: dict[str, str]) -> bytes:
    """The statement over files with these SHA-256 digests."""
    document = {
        "_type": TYPE,
        "subject": [{"name": name, "digest": {"sha256": digest}} for name, digest in sorted(digests.items())],
        "predicateType": PREDICATE,
        "predicate": predicate(results),
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def predicate(results: Results) -> dict[str, Any]:
    """What the run came to."""
    run = results.run
    configuration = {"target file": run.target_digest, "checklist": run.checklist_digest, "suite": run.suite_digest}
    return {
        "result": result(results),
        "configuration": [{"name": name, "digest": {"sha256": digest}} for name, digest in configuration.items()],
        "passedTests": [item.id for item in requirements(results) if item.outcome is Outcome.PASSED],
        "warnedTests": [item.id for item in requirements(results) if item.outcome in _WARNED],
        "failedTests": [item.id for item in requirements(results) if item.outcome is Outcome.FAILED],
    }


def result(results: Results) -> str:
    """PASSED, WARNED where the gate tolerated something, or FAILED."""
    if results.exit_code != EXIT_CLEAN:
        return "FAILED"
    return "WARNED" if results.gate and results.gate.tolerated else "PASSED"
