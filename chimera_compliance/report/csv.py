"""CSV for spreadsheets: a row for each finding, and one for each requirement and control that has none.

A cell that a spreadsheet would take for a formula is made text by an apostrophe (CWE-1236); every cell is quoted and
on one line. The byte order mark is there because Excel reads UTF-8 by no other sign.
"""

import csv
import io
import re
from collections.abc import Iterable

from chimera_compliance.report.untrusted import one_line
from chimera_compliance.results import ControlResult, Finding, RequirementResult, Results, Waiver

FILE = "findings.csv"
COLUMNS = (
    *("control", "requirement", "sentence", "outcome", "severity", "status", "since", "subject", "case", "message"),
    *("expected", "actual", "file", "line", "reasons", "tested", "known", "untested"),
    *("waiver_owner", "waiver_approver", "waiver_reason", "waiver_ticket", "waiver_expires", "tolerated"),
    *("clause", "ASVS 5.0", "API Top 10 2023", "SOC 2", "GDPR", "CWE", "NIST 800-53r5"),
    *("fingerprint", "observation", "reproduce"),
)
# What Excel, LibreOffice and Google Sheets begin a formula with, full-width forms too.
_FORMULA = re.compile(r"^\s*[=+\-@\uff1d\uff0b\uff0d\uff20|%]")


def render(results: Results) -> str:
    """The table, lines ended as RFC 4180 says."""
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, COLUMNS, restval="", quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    table.writeheader()
    table.writerows({name: cell(value) for name, value in row.items()} for row in _rows(results))
    return "\ufeff" + text.getvalue()


def cell(value: object) -> str:
    """A value as text on one line that no spreadsheet computes."""
    text = one_line(str(value))
    return f"'{text}" if _FORMULA.match(text) else text


def _rows(results: Results) -> Iterable[dict[str, object]]:
    for control in results.controls:
        if not control.requirements:
            yield {"control": control.id, "sentence": control.title, **_of(control), **_cited(control)}
        for item in control.requirements:
            about = {**_about(control, item), **_of(item), **_cited(item)}
            yield from ({**about, **_found(finding)} for finding in item.findings)
            if not item.findings:
                yield {**about, **_accepted(item.waiver)}


def _of(item: ControlResult | RequirementResult) -> dict[str, object]:
    return {"outcome": item.outcome, "reasons": "; ".join(item.reasons)}


def _cited(item: ControlResult | RequirementResult) -> dict[str, object]:
    return {name: ", ".join(clauses) for name, clauses in item.references.items() if name in COLUMNS}


def _about(control: ControlResult, item: RequirementResult) -> dict[str, object]:
    known = item.population
    counted = {"tested": known.tested, "known": known.known, "untested": len(known.untested)} if known else {}
    return {
        "control": control.id,
        "requirement": item.id,
        "sentence": item.sentence,
        "severity": item.severity,
        "clause": control.clause,
        **counted,
    }


def _found(finding: Finding) -> dict[str, object]:
    names = ("subject", "case", "message", "expected", "actual", "severity", "since", "tolerated", "fingerprint")
    place, seen = finding.location, finding.evidence
    return {
        **{name: getattr(finding, name) for name in names},
        "status": finding.status or "",
        "file": place.file if place else "",
        "line": (place.line or "") if place else "",
        "observation": seen.id if seen else "",
        "reproduce": seen.reproduce if seen else "",
        **_accepted(finding.waiver),
    }


def _accepted(waiver: Waiver | None) -> dict[str, object]:
    names = ("owner", "approver", "reason", "ticket", "expires")
    return {f"waiver_{name}": getattr(waiver, name) for name in names} if waiver else {}
