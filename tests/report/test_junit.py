"""JUnit XML: what the xunit2 dialect allows, and what a CI server shows of each outcome."""

import xml.etree.ElementTree as ET

import pytest
import sample_results

from chimera_compliance.outcomes import Outcome
from chimera_compliance.report import junit

# What the xunit2 dialect of Jenkins allows: for each element its attributes (required ones first) and children.
REQUIRED = {"testsuite": {"name", "tests", "failures", "errors"}, "testcase": {"name"}, "property": {"name", "value"}}
OPTIONAL = {
    "testsuites": {"name", "time", "tests", "failures", "errors"},
    "testsuite": {"group", "time", "skipped", "timestamp", "hostname", "id", "package", "file", "log", "url"},
    "testcase": {"time", "classname", "group"},
    "failure": {"type", "message"},
    "error": {"type", "message"},
    "skipped": {"type", "message"},
}
CHILDREN = {
    "testsuites": {"testsuite"},
    "testsuite": {"properties", "testcase", "system-out", "system-err"},
    "properties": {"property"},
    "testcase": {"failure", "error", "skipped", "system-out", "system-err"},
}


def violations(element: ET.Element) -> list[str]:
    """What of an element and all below it the dialect does not allow."""
    given, required = set(element.attrib), REQUIRED.get(element.tag, set())
    found = [f"{element.tag} lacks {name}" for name in required - given]
    found += [f"{element.tag} has {name}" for name in given - required - OPTIONAL.get(element.tag, set())]
    for child in element:
        allowed = child.tag in CHILDREN.get(element.tag, set())
        found += violations(child) if allowed else [f"{element.tag} holds {child.tag}"]
    return found


@pytest.fixture(scope="module")
def root() -> ET.Element:
    return ET.fromstring(junit.render(sample_results.realistic()))


def case(root: ET.Element, name: str) -> ET.Element:
    return next(each for each in root.iter("testcase") if each.get("name").startswith(name + " "))


def test_the_document_keeps_to_the_dialect(root):
    assert violations(root) == []


def test_the_dialect_is_really_checked():
    assert violations(
        ET.fromstring("<testsuites><testsuite name='a'><testcase><properties/></testcase></testsuite></testsuites>")
    )


def test_the_sums_of_suites_and_cases_are_right(root):
    for suite in root:
        for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.get(attribute)) == len(suite.findall(f"testcase/{tag}"))
        assert int(suite.get("tests")) == len(suite.findall("testcase"))
    for attribute in ("tests", "failures", "errors"):
        assert int(root.get(attribute)) == sum(int(suite.get(attribute)) for suite in root)


@pytest.mark.parametrize(
    ("name", "tag", "kind"),
    [
        ("C03.2", "failure", Outcome.FAILED),
        ("C04.5", "error", Outcome.ERROR),
        ("C04.4", "error", Outcome.INCONCLUSIVE),
        ("C03.7", "skipped", Outcome.NOT_APPLICABLE),
        ("C01", "skipped", Outcome.NOT_REVIEWED),
    ],
)
def test_only_what_passed_looks_passed(root, name, tag, kind):
    (child,) = case(root, name)
    assert (child.tag, child.get("type")) == (tag, kind)
    assert child.get("message")


def test_a_failure_names_its_findings_and_how_to_see_them_again(root):
    text = case(root, "C03.2").find("failure").text
    assert "POST /commerce/transactions admitted a token that nobody signed" in text
    assert "expected: 401 or 403" in text
    assert "reproduce: curl" in text


def test_a_failure_of_thousands_stays_readable():
    root = ET.fromstring(junit.render(sample_results.many(3000)))
    text = case(root, "C03.2").find("failure").text
    assert "and 2,900 further findings in results.json" in text
    assert len(text) < 60_000


def test_each_suite_says_what_was_run_against_what(root):
    facts = {each.get("name"): each.get("value") for each in root[2].iter("property")}
    assert facts["control"] == "C03"
    assert facts["target"] == "Chimera staging"
    assert facts["target_digest"]
    assert facts["CWE"] == "CWE-306, CWE-287, CWE-347"
