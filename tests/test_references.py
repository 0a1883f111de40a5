"""What the checklist cites exists, in the version that is cited."""

import re
from pathlib import Path

import pytest

from chimera_compliance.checklist import Checklist

LISTS = Path(__file__).parent / "frameworks"


def listed(name: str) -> set[str]:
    return {line for line in (LISTS / name).read_text().splitlines() if not line.startswith("#")}


# Enhancements that no baseline selects: IA-5(7) no embedded static authenticators, SA-11(1) static code analysis.
UNSELECTED = {"IA-5(7)", "SA-11(1)"}
# Trust Services Criteria 2017, with the points of focus of 2022: the common ones and those of the other categories.
CRITERIA = {
    *(
        f"CC{family}.{n}"
        for family, last in zip(range(1, 10), (5, 3, 4, 2, 3, 8, 5, 1, 2), strict=True)
        for n in range(1, last + 1)
    ),
    *("A1.1", "A1.2", "A1.3", "C1.1", "C1.2", *(f"PI1.{n}" for n in range(1, 6))),
}
ARTICLES = {"5(2)", "25", "32(1)(a)", "32(1)(b)", "32(1)(c)", "32(1)(d)"}
KNOWN = {
    "ASVS 5.0": {f"v5.0.0-{name}" for name in listed("asvs-5.0.0.txt")},
    "API Top 10 2023": {f"API{n}" for n in range(1, 11)},
    "SOC 2": CRITERIA,
    "GDPR": ARTICLES,
    "CWE": {f"CWE-{name}" for name in listed("cwe-4.14.txt")},
    "NIST 800-53r5": listed("nist-800-53r5.txt") | UNSELECTED,
}
CITING = [item for control in Checklist.load().controls for item in (control, *control.requirements)]


def part_of(name: str) -> str:
    """The control that a statement such as IA-5(f) belongs to."""
    return re.sub(r"\([a-z]\)$", "", name)


@pytest.mark.parametrize("framework", KNOWN)
def test_every_clause_cited_exists(framework):
    cited = {(item.id, clause) for item in CITING for clause in item.references.get(framework, [])}
    assert cited
    strip = part_of if framework == "NIST 800-53r5" else str
    assert {(name, clause) for name, clause in cited if strip(clause) not in KNOWN[framework]} == set()


def test_no_other_framework_is_cited():
    assert {name for item in CITING for name in item.references} == set(KNOWN)


def test_nothing_is_cited_twice():
    for item in CITING:
        assert all(len(clauses) == len(set(clauses)) for clauses in item.references.values()), item.id
