"""The page over a folder of runs: history and trend, what cannot be read, and a cache that nobody relies on."""

import json
import re

import pytest
import sample_results
from typer.testing import CliRunner

from chimera_compliance import history
from chimera_compliance.cli import app
from chimera_compliance.report import index
from chimera_compliance.report import json as canonical


@pytest.fixture
def keep(tmp_path):
    """Keeps a run of a day in the folder."""

    def keep(day: int, results=None, folder: str = "", target: str = "Chimera staging"):
        results = results or sample_results.realistic()
        results.run.started, results.run.target = f"2026-11-{day:02}T02:00:00+00:00", target
        file = tmp_path / (folder or f"run-{day:02}") / "results.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(canonical.render(results))
        return file

    return keep


def test_runs_are_listed_by_target_the_latest_first(keep, tmp_path):
    keep(2)
    keep(9, sample_results.green())
    keep(5, target="another")
    found = history.runs(tmp_path)
    assert [run.started[8:10] for run in found] == ["09", "05", "02"]
    page = index.render(tmp_path)
    assert page.index("9 Nov 2026") < page.index("2 Nov 2026")
    assert re.findall(r"<h2 id=\"t\d-title\"><bdi>([^<]+)", page) == ["Chimera staging", "another"]
    assert 'href="./run-09/report.html"' in page


def test_the_trend_shows_each_control_of_each_run(keep, tmp_path):
    for day in range(1, 5):
        keep(day)
    page = index.render(tmp_path)
    assert len(re.findall(r'<a class="mark failed"', page)) == 4 * 3
    assert len(re.findall(r'<td class="column">', page)) == 4
    assert "C03 failed, 4 Nov 2026" in page


def test_the_previous_run_is_the_latest_of_the_same_target(keep, tmp_path):
    keep(3)
    latest = keep(4)
    keep(6, target="another")
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / "results.json").write_text('{"schema')
    assert history.latest_of(tmp_path, "Chimera staging") == latest
    assert history.latest_of(tmp_path, "nobody") is None
    assert history.latest_of(tmp_path / "nowhere", "nobody") is None


def test_what_cannot_be_read_is_named(keep, tmp_path):
    keep(1)
    for name, text in {"cut": '{"schema', "old": '{"schema_version": "0.1"}', "other": "[]"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "results.json").write_text(text)
    page = index.render(tmp_path)
    assert "cut off" in page
    assert "schema version 0.1" in page
    assert "no results.json" in page
    assert "1 run<" in page


def test_a_run_that_has_changed_is_read_again_and_a_broken_cache_is_made_anew(keep, tmp_path):
    file = keep(1)
    assert history.runs(tmp_path)[0].verdict == "failed"
    cache = tmp_path / history.CACHE
    assert json.loads(cache.read_text())[0]["folder"] == "run-01"
    keep(1, sample_results.green())
    assert history.runs(tmp_path)[0].verdict == "passed"
    for broken in ("{", "[1]", '[{"folder": 1}]', "[" * 5000, '{"a": 1}'):
        cache.write_text(broken)
        assert history.runs(tmp_path)[0].verdict == "passed"
    file.unlink()
    assert history.runs(tmp_path) == []


def test_an_unchanged_run_is_not_read_again(keep, tmp_path, monkeypatch):
    keep(1)
    history.runs(tmp_path)
    monkeypatch.setattr(history, "read_results", lambda file: pytest.fail("read again"))
    assert len(history.runs(tmp_path)) == 1


def test_hostile_names_and_targets_stay_text(keep, tmp_path):
    evil = "\"'><script>owned=1</script>\u202e&{{7*7}}"
    keep(1, folder='"><img src=x onerror=owned=1>', target=evil)
    keep(2, target=evil)
    page = index.render(tmp_path)
    assert "<script" not in page
    assert "<img" not in page
    assert "\u202e" not in page
    assert "{{7*7}}" in page
    assert "script-src &#39;none&#39;" in page


def test_an_empty_folder_says_so(tmp_path):
    assert "There is no run in this folder yet." in index.render(tmp_path)


def test_the_command_writes_it(keep, tmp_path):
    keep(1)
    done = CliRunner().invoke(app, ["index", str(tmp_path)])
    assert done.exit_code == 0
    assert (tmp_path / "index.html").is_file()
    missing = CliRunner().invoke(app, ["index", str(tmp_path / "nowhere")])
    assert missing.exit_code != 0
