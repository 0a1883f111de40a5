"""CSV that a spreadsheet shows and never computes."""

import csv
import io

import pytest
import sample_builders
import sample_results

from chimera_compliance.outcomes import Outcome
from chimera_compliance.report import csv as spreadsheet


def rows_of(results) -> list[dict]:
    text = spreadsheet.render(results)
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


@pytest.mark.parametrize(
    "text",
    [
        '=HYPERLINK("http://evil.example")',
        "+1",
        "-1+1",
        "@SUM(A1)",
        "\t=1",
        "  =1",
        "\n=1",
        "\uff1d1",
        "\uff0b1",
        "|cmd'",
        "%0A=1",
    ],
)
def test_no_cell_is_a_formula(text):
    found = sample_builders.finding("C03.1", "high", text, text, actual=text)
    results = sample_builders.of(
        {"C03": [sample_builders.requirement("C03.1", "It holds.", Outcome.FAILED, findings=[found])]}
    )
    row = next(row for row in rows_of(results) if row["fingerprint"])
    for name in ("subject", "message", "actual"):
        assert row[name].startswith("'"), row[name]
    for line in csv.reader(io.StringIO(spreadsheet.render(results))):
        assert not any(cell[:1] in ("=", "+", "-", "@", "\t", "\r") for cell in line)


def test_ordinary_text_is_left_alone():
    assert spreadsheet.cell("401 or 403") == "401 or 403"
    assert spreadsheet.cell("max-age=86400") == "max-age=86400"


def test_nothing_that_came_out_is_missing():
    results = sample_results.realistic()
    rows = rows_of(results)
    assert len([row for row in rows if row["fingerprint"]]) == 20
    assert {row["requirement"] for row in rows if row["requirement"]} == {
        item.id for control in results.controls for item in control.requirements
    }
    assert {row["control"] for row in rows} == {f"C{n:02}" for n in range(1, 13)}
    undecided = next(row for row in rows if row["requirement"] == "C04.5")
    assert (undecided["outcome"], undecided["reasons"]) == (
        "error",
        "InsufficientPrivilege: permission denied for view agent_overview",
    )


def test_every_line_is_one_row(tmp_path):
    text = spreadsheet.render(sample_results.hostile(sample_results.realistic(), 'a\r\n"b'))
    assert text.count("\r\n") == len(list(csv.reader(io.StringIO(text, newline=""))))
    assert "\n" not in text.replace("\r\n", "")
