"""What the reports say: the verdict, what is not shown, evidence and remediation."""

import pytest
import sample_builders
import sample_results

from chimera_compliance.outcomes import Outcome
from chimera_compliance.report import html, terminal
from chimera_compliance.report.evidence import excerpt
from chimera_compliance.report.headline import gaps, headline
from chimera_compliance.report.prose import blocks, inline
from chimera_compliance.report.untrusted import one_line, visible

HOLDS = {"C03": [sample_builders.requirement("C03.1", "It holds.", population=sample_builders.operations())]}
NOT_APPLICABLE = {
    "C03": [sample_builders.requirement("C03.1", "It holds.", Outcome.NOT_APPLICABLE, reasons=["no API"])]
}


def said(results) -> str:
    return " / ".join(gap.sentence for gap in gaps(results))


def test_findings_are_said_before_anything_else():
    spoken = headline(sample_results.realistic())
    assert (spoken.title, spoken.tone) == ("Not compliant", "failed")
    assert spoken.sentence == "20 findings (4 critical, 3 high, 12 medium, 1 low) in 3 of 12 controls."


def test_everything_undecided_is_said_beside_the_verdict():
    assert said(sample_results.realistic()) == (
        "9 of 12 controls not reviewed / 1 of 16 requirements ended in an error / 2 of 16 requirements inconclusive"
        " / 1 of 16 requirements not applicable / 4 requirements not tested on every known subject"
    )


def test_a_run_of_few_controls_never_looks_like_all_of_them():
    results = sample_results.green()
    assert headline(results).title == "Compliant in what was verified"
    assert headline(results).sentence == "3 of 3 selected controls passed; nothing was found."
    assert said(results) == "9 controls left out of this run"
    assert "9 controls left out of this run" in html.render(results)


def test_nothing_reviewed_is_not_compliance():
    spoken = headline(sample_builders.of({}))
    assert (spoken.title, spoken.tone) == ("Not established", "undecided")
    assert spoken.sentence == "Nothing was found, but only 0 of 12 controls passed."


def test_a_stack_to_which_nothing_applies_is_not_compliant():
    assert headline(sample_builders.of(NOT_APPLICABLE, selected=["C03"])).title == "Not established"


def test_an_interrupted_run_says_so():
    interrupted = sample_builders.of(HOLDS, run={"interrupted": True})
    assert headline(interrupted).sentence.startswith("The run was interrupted.")


def test_the_terminal_shows_the_gravest_and_counts_the_rest(tmp_path):
    lines = terminal.summary(sample_results.many(300), tmp_path)
    assert sum("admitted a forged token" in line for line in lines) == 20
    assert not any(line.startswith("LOW") for line in lines)
    assert "and 280 further findings in the report" in lines
    assert lines[-1] == f"report: {tmp_path / 'report.html'}"


def test_the_terminal_tells_what_is_new_and_why_the_gate_blocks(tmp_path):
    lines = terminal.summary(sample_results.eventful(), tmp_path)
    assert "since 2026-11-22T20:41:01+00:00: 1 new, 1 regressed, 18 still, 1 fixed" in lines
    gate = next(line for line in lines if line.startswith("gate: "))
    assert gate.startswith("gate: blocks with exit code 1: 4 critical, 11 medium, 1 low findings, and ")
    assert "let through: 3 high findings covered by a waiver" in lines


def test_without_colour_there_is_no_escape(tmp_path):
    assert "\x1b" not in "".join(terminal.summary(sample_results.realistic(), tmp_path))
    assert "\x1b[1;31m" in "".join(terminal.summary(sample_results.realistic(), tmp_path, colour=True))


@pytest.mark.parametrize(
    ("tty", "environment", "wanted"),
    [(True, {}, True), (False, {}, False), (True, {"NO_COLOR": "1"}, False), (True, {"TERM": "dumb"}, False)],
)
def test_colour_is_for_terminals_that_want_it(monkeypatch, tty, environment, wanted):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    stream = type("Stream", (), {"isatty": lambda self: tty})()
    assert terminal.wants_colour(stream) is wanted


def test_an_exchange_reads_as_http():
    record = sample_builders.exchange("GET /campaigns", "200 OK", 1)
    assert excerpt(record.sent).splitlines()[:3] == [
        "# note: alg none",
        "GET https://chimera.staging.example/api/v1/campaigns",
        "Authorization: Bearer $ALICE_TOKEN",
    ]
    _, status, *_, blank, body = excerpt(record.received).splitlines()
    assert (status, blank) == ("200 OK", "")
    assert body.startswith('{"id"')


def test_a_statement_reads_as_sql():
    record = sample_builders.statement("table public.agents", "SELECT 1", [{"count": 4}, {"count": 5}], 1)
    assert excerpt(record.sent).splitlines()[-1] == "SELECT 1"
    assert excerpt(record.received) == '{"count": 4}\n{"count": 5}'


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ({}, ""),
        ({"headers": None, "n": 0}, "n: 0"),
        ({"headers": ["a: 1"]}, "a: 1"),
        ({"headers": [["a", 1]]}, "a: 1"),
        ({"headers": {"a": 1}}, "a: 1"),
        ({"status": 200, "note": {"a": [1]}}, '# note: {"a": [1]}\n200'),
        ({"rows": [["x", None]], "body": None}, '["x", null]'),
    ],
)
def test_facts_of_any_shape_can_be_shown(facts, text):
    assert excerpt(facts) == text


def test_a_long_body_is_cut_and_says_by_how_much():
    assert excerpt({"body": "x" * 5000}).endswith("x\n… 2,600 more characters")


def test_remediation_keeps_sentences_and_code_apart():
    assert blocks(sample_results.SQL_FIX)[0][0] == "text"
    kind, code = blocks(sample_results.SQL_FIX)[1]
    assert kind == "code"
    assert code.splitlines()[3] == "  USING (tenant_id = current_setting('app.current_tenant_id')::uuid)"
    assert [kind for kind, _ in blocks(sample_results.JWT_FIX)] == ["text", "code", "text"]
    assert blocks("One\nparagraph.\n\nAnother.") == [("text", "One paragraph."), ("text", "Another.")]


def test_code_in_a_sentence_is_escaped():
    assert inline("Set `<b>` & go") == "Set <code>&lt;b&gt;</code> &amp; go"


def test_what_cannot_be_seen_is_shown():
    assert visible("a\u202eb\x1bc\r\nd\te") == "a⟨U+202E⟩b⟨U+001B⟩c\nd\te"
    assert visible("Zürich 東京 עברית") == "Zürich 東京 עברית"
    assert one_line("a\r\n  b\u2028c") == "a b⟨U+2028⟩c"
