"""Matrix, timeline and frameworks: the same numbers as in the results, and silence named."""

import pytest
import sample_builders
import sample_results

from chimera_compliance.checklist import Checklist
from chimera_compliance.outcomes import Outcome
from chimera_compliance.report import html
from chimera_compliance.report.frameworks import by_framework, load_frameworks
from chimera_compliance.report.matrix import matrices
from chimera_compliance.report.timeline import WIDTH, timeline
from chimera_compliance.results import Population, Untested


def view(results, name: str):
    return next(each for each in by_framework(results) if each.framework.name == name)


def test_the_matrix_shows_every_pair_once():
    results = sample_results.realistic()
    first = matrices(results)[0]
    assert first.unit == "operations"
    states = [cell.state for row in first.rows for cell in row.cells]
    tested, asked = first.pairs
    assert states.count("untested") == asked - tested == 2
    assert states.count("passed") + states.count("found") == tested
    row = next(row for row in first.rows if row.subject == "POST /commerce/transactions")
    cell = row.cells[[item.id for item in first.requirements].index("C03.2")]
    assert (cell.state, cell.findings) == ("found", 1)
    assert f'id="{cell.link}"' in html.render(results)


def test_thousands_of_subjects_are_cut_to_those_with_something_to_see():
    subjects = [f"table t{i}" for i in range(3000)]
    found = [sample_builders.finding("C04.1", "high", subject, "is open") for subject in subjects[2500:2520]]
    untested = [Untested(subject=subject, reason="locked") for subject in subjects[100:400]]
    population = Population(unit="tables", known=3000, tested=2700, subjects=subjects[:100] + subjects[400:])
    population.untested = untested
    rows = {"population": population, "facets": ["db"]}
    one = sample_builders.requirement("C04.1", "It holds.", Outcome.FAILED, findings=found, **rows)
    two = sample_builders.requirement("C04.2", "It holds as well.", **rows)
    (matrix,) = matrices(sample_builders.of({"C04": [one, two]}))
    assert len(matrix.rows) == 150
    assert {row.subject for row in matrix.rows} >= {finding.subject for finding in found}
    assert (matrix.known, matrix.cut) == (3000, True)


def test_the_timeline_fits_its_picture():
    results = sample_results.eventful()
    picture = timeline(results)
    assert [line.control.id for line in picture.lines] == ["C03", "C04", "C12"]
    for line in picture.lines:
        assert all(span.left >= 0 and span.left + span.width <= WIDTH for span in line.spans)
    assert picture.ticks[0] == 0
    assert picture.ticks[-1] <= picture.seconds


@pytest.mark.parametrize("started", ["", "yesterday", "2026-11-23T20:41:01"])
def test_a_run_that_does_not_say_when_has_no_timeline(started):
    results = sample_results.realistic()
    for control in results.controls:
        for item in control.requirements:
            item.started = started
    assert timeline(results) is None
    html.render(results)


def test_every_reference_of_the_checklist_stands_in_the_pivot():
    results = sample_builders.of({})
    cited = {
        (name, clause)
        for control in Checklist.load().controls
        for name, clauses in control.references.items()
        for clause in clauses
    }
    shown = {(each.framework.name, clause.name) for each in by_framework(results) for clause in each.clauses}
    assert shown == cited


def test_every_clause_that_a_control_cites_has_a_title():
    titles = {each.name: each for each in load_frameworks()}
    for control in Checklist.load().controls:
        for name, clauses in control.references.items():
            untitled = [clause for clause in clauses if not titles[name].title(clause)]
            assert not untitled, f"config/frameworks.yaml: {name} lacks a title for {untitled}"


def test_a_clause_is_as_bad_as_its_worst_requirement_and_counts_its_findings():
    results = sample_results.realistic()
    clause = next(each for each in view(results, "CWE").clauses if each.name == "CWE-306")
    assert clause.outcome is Outcome.FAILED
    assert clause.findings == sum(len(item.findings) for item in results.controls[2].requirements)
    assert sum(clause.counts.values()) == len(results.controls[2].requirements)
    assert next(each for each in view(results, "CWE").clauses if each.name == "CWE-89").outcome is Outcome.NOT_REVIEWED


def test_clauses_are_in_the_order_in_which_people_count():
    names = [clause.name for clause in view(sample_builders.of({}), "CWE").clauses]
    assert names.index("CWE-89") < names.index("CWE-287") < names.index("CWE-1021")


def test_what_no_requirement_speaks_to_is_named():
    silent = view(sample_results.realistic(), "API Top 10 2023").silent
    assert set(silent) == {"API7", "API9", "API10"}
    page = html.render(sample_results.realistic())
    assert "Art. 50 (transparency)" in page
    assert "The rights of data subjects" in page


def test_a_framework_that_only_the_checklist_knows_is_shown_too():
    results = sample_builders.of({"C03": [sample_builders.requirement("C03.1", "It holds.")]})
    results.controls[2].requirements[0].references["House rules"] = ["7.1"]
    assert [clause.name for clause in view(results, "House rules").clauses] == ["7.1"]


def test_evidence_gets_shorter_where_there_are_thousands():
    few, many = (len(html.render(sample_results.many(count))) / count for count in (100, 4000))
    assert many < few
