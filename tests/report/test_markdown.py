"""Markdown that GitHub shows: rendered, nothing of the target's comes alive; cut, it says by how much."""

import re

import pytest
import sample_builders
import sample_results
from markdown_it import MarkdownIt

from chimera_compliance.outcomes import Outcome
from chimera_compliance.report import markdown, pull_request
from chimera_compliance.report.escaping import code, said

EVIL = [
    "@octocat #1 GH-1 org/repo#2 deadbeef12",
    "![x](https://evil.example/p.png)",
    "[click](javascript:alert(1))",
    "<img src=x onerror=alert(1)><script>x</script>",
    "https://evil.example www.evil.example evil@evil.example",
    "`` ` ``` @octocat",
    "`",
    "a | b | <b>c</b>",
    "\n# Heading\n- [ ] task",
    "\\` @octocat",
    "&lt;b&gt; &#64;octocat",
    "| --- |\n| x |",
]
MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable("table")


def page(text: str) -> str:
    """The page without what stands in code, where GitHub links nothing."""
    html = MARKDOWN.render(text)
    return re.sub(r"<code>.*?</code>", "", html, flags=re.DOTALL)


def with_text(text: str):
    found = sample_builders.finding("C03.1", "high", text, text, expected=text, actual=text, case=text)
    items = [
        sample_builders.requirement("C03.1", "It holds.", Outcome.FAILED, findings=[found], reasons=[text]),
        sample_builders.requirement("C03.2", "It holds.", Outcome.ERROR, reasons=[text]),
    ]
    return sample_builders.of({"C03": items}, notes=[text], run={"target": text})


@pytest.mark.parametrize("text", EVIL)
@pytest.mark.parametrize("render", [markdown.render, pull_request.render], ids=["summary", "comment"])
def test_nothing_of_the_target_comes_alive(text, render):
    shown = page(render(with_text(text)))
    for trace in (
        "octocat",
        "evil.example",
        "javascript:",
        "<img",
        "<script",
        "onerror",
        "<b>",
        "task",
        "<a ",
        "deadbeef",
    ):
        assert trace not in shown
    assert len(re.findall(r"<h[12]", shown)) == 1


@pytest.mark.parametrize("text", EVIL)
def test_what_is_shown_is_what_was_found(text):
    one_line = " ".join(text.split())
    shown = MARKDOWN.render(code(text))
    escaped = one_line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    assert f"<code>{escaped}</code>" in shown.replace("<code> ", "<code>").replace(" </code>", "</code>")


def test_quiet_sentences_need_no_code():
    assert said("admitted a token that nobody signed (alg=none)") == "admitted a token that nobody signed (alg=none)"
    assert said("see //evil.example") == "`see //evil.example`"
    assert said("fixes GH-12") == "`fixes GH-12`"
    assert said("in deadbeef12") == "`in deadbeef12`"


def test_tables_keep_their_columns():
    text = markdown.render(with_text("a | b"))
    tables = [line for line in text.splitlines() if line.startswith("| ")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in tables} == {4, 5}


@pytest.mark.parametrize("count", [1000, 5000])
def test_a_long_report_is_cut_and_says_by_how_much(count):
    results = sample_results.many(count)
    for text, most in ((markdown.render(results), 1_048_576), (pull_request.render(results), 65_536)):
        assert len(text.encode()) < most
        listed = len(re.findall(r"^- \*\*(critical|low)", text, re.MULTILINE))
        left = re.search(r"\*\*([\d,]+) further findings\*\* \((.+)\) in results.json", text)
        if listed < count:
            assert listed + int(left[1].replace(",", "")) == count
        assert f"{count:,}" in text


def test_a_comment_can_be_found_again_and_tells_first_what_blocks():
    results = sample_results.realistic()
    for finding in results.findings:
        finding.tolerated = "baseline" if finding.severity == "critical" else ""
    text = pull_request.render(results)
    assert text.startswith("<!-- chimera-compliance -->\n")
    assert text.index("**high**") < text.index("**critical, in the baseline**")


def test_all_gates_and_gaps_are_told():
    text = markdown.render(sample_results.realistic())
    assert "9 of 12 controls not reviewed" in text
    assert "1 of 16 requirements ended in an error" in text
    assert "### Undecided" in text
    assert "left behind" in text or "could not be removed" in text
