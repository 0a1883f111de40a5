"""All formats together: written whole, agreeing on every number, holding under hostile text."""

import json
import re
import xml.etree.ElementTree as ET

import pytest
import sample_results

from chimera_compliance.outcomes import Outcome, Severity
from chimera_compliance.report import FORMATS, html, junit, terminal, write_all
from chimera_compliance.report import json as canonical
from chimera_compliance.results import Results

EVIL = (
    "\"'><script>owned=1</script><img src=x onerror=owned=1>{{7*7}}</style>]]>&\u202e\x00\x1b[31m\u2028\ufffe\u200b\x85"
)
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff]")


@pytest.fixture
def evil() -> Results:
    return sample_results.hostile(sample_results.realistic(), EVIL)


def test_every_format_is_written_and_results_json_is_the_first(tmp_path):
    paths = write_all(sample_results.realistic(), tmp_path / "out")
    assert [path.name for path in paths][:3] == ["results.json", "report.xml", "report.html"]
    others = {"report.sarif", "summary.md", "comment.md", "oscal.json", "hdf.json", "findings.csv"}
    assert {path.name for path in paths[3:]} == others
    assert sorted(tmp_path.glob("out/*")) == sorted(paths)


def test_results_json_can_be_read_back_as_it_was():
    results = sample_results.realistic()
    assert Results.model_validate_json(canonical.render(results)) == results


def test_a_format_is_the_same_whenever_it_is_made():
    results = sample_results.realistic()
    assert [each.render(results) for each in FORMATS] == [each.render(results) for each in FORMATS]


def test_an_earlier_report_survives_a_write_that_fails(tmp_path, monkeypatch):
    write_all(sample_results.green(), tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_all(sample_results.realistic(), tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("name", ["realistic", "green"])
def test_the_numbers_agree_in_every_format(name, tmp_path):
    results = getattr(sample_results, name)()
    counts = json.loads(canonical.render(results))["counts"]
    page = html.render(results)
    root = ET.fromstring(junit.render(results))
    printed = "\n".join(terminal.summary(results, tmp_path))

    found = sum(counts["findings"].values())
    assert len(re.findall(r"<li id=\"f-", page)) == found
    for outcome in Outcome:
        assert (
            len(re.findall(rf'<li id="C\d\d\.\d+" data-outcome="{outcome}"', page)) == counts["requirements"][outcome]
        )
    assert len(root.findall(".//failure")) == counts["requirements"]["failed"]
    assert len(root.findall(".//error")) == counts["requirements"]["error"] + counts["requirements"]["inconclusive"]
    without = sum(not control.requirements for control in results.controls)
    assert int(root.get("tests")) == sum(counts["requirements"].values()) + without
    assert f"(of {sum(counts['controls'].values())})" in printed
    for severity in Severity:
        assert (f"{counts['findings'][severity]} {severity}" in printed) == bool(counts["findings"][severity])


def test_hostile_text_stays_text_in_the_page(evil):
    page = html.render(evil)
    scripts = re.findall(r"<script", page, re.IGNORECASE)
    assert len(scripts) == 1
    assert "<img" not in page
    assert "{{7*7}}" in page
    assert not UNSEEN.search(page)
    assert "⟨U+202E⟩" in page


def test_hostile_text_stays_text_in_junit(evil):
    text = junit.render(evil)
    assert not UNSEEN.search(text)
    ET.fromstring(text)


@pytest.mark.parametrize("colour", [False, True])
def test_hostile_text_cannot_steer_the_terminal(evil, tmp_path, colour):
    lines = terminal.summary(evil, tmp_path, colour=colour)
    without_ours = [re.sub(r"\x1b\[[\d;]*m", "", line) if colour else line for line in lines]
    assert not any(UNSEEN.search(line) for line in without_ours)
    assert all("\n" not in line for line in lines)


def test_a_lone_surrogate_breaks_no_format(tmp_path):
    results = sample_results.realistic()
    results.notes.append("half of a pair: \ud800")
    for path in write_all(results, tmp_path):
        assert path.read_bytes().decode()
