"""Repositories as nobody should have them: one clear line each, no traceback, no pass."""

import subprocess

import pytest
from repositories import make, script

from chimera_compliance.outcomes import NotReviewed
from chimera_compliance.probes.pipeline.documents import load_toml, load_yaml
from chimera_compliance.probes.pipeline.git import RepositoryError
from chimera_compliance.probes.pipeline.pipeline import Pipeline
from chimera_compliance.probes.pipeline.snapshot import Unreadable
from chimera_compliance.target.repo import RepoFacet

BOMB = b"a: &a [x,x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (98 + n, 98 + n, b",".join([b"*%c" % (97 + n)] * 10)) for n in range(8)
)
ODD_JOBS = """
on: push
jobs:
  a: 3
  b: {steps: 7}
  c: {steps: [1, {uses: ./}, {uses: ./x}, {run: 3}]}
  d: {uses: ./y}
"""
ODD_MATRIX = """
on: {push: 3, pull_request: [x]}
jobs: {a: {needs: [a], strategy: {matrix: {x: 3, include: 7}}, steps: [{run: x}]}}
"""
FILE = ".github/workflows/ci.yml"


def opened(folder):
    pipeline = Pipeline.open(RepoFacet(path=str(folder)), folder)
    pipeline.close()
    return pipeline


def broken(tmp_path, content: bytes):
    folder = make(tmp_path / "repo", {})
    (folder / ".github/workflows").mkdir(parents=True)
    (folder / FILE).write_bytes(content)
    return [(one.line, one.why) for one in opened(folder).judged[-1].workflows.broken]


@pytest.mark.parametrize(
    ("content", "line", "why"),
    [
        (b"", 1, "empty"),
        (b"# nothing\n", 1, "empty"),
        (b"- a\n", 1, "no mapping"),
        (b"on: push\n", 1, "has no `jobs:`"),
        (b"jobs: {a: {}}\n", 1, "has no `on:`"),
        (b"on: push\njobs:\n  a: [\n", 4, "malformed YAML"),
        (b"on: push\njobs:\n\ta: 1\n", 3, "malformed YAML"),
        (b"on: push\non: pull_request\njobs: {}\n", 2, "is given twice"),
        (b"on: push\nname: \xff\xfe\n", 2, "not UTF-8"),
        (b"on: push\nx: " + b"[" * 3000, 0, "too deep"),
        (BOMB, None, "expand"),
        (b"on: push\njobs: &j\n  a: *j\n", None, "expand"),
        (b"on: push\njobs:\n" + b"  # filler\n" * 60_000, None, "larger than"),
    ],
)  # fmt: skip
def test_a_workflow_that_cannot_be_read_is_named_with_its_line(content, line, why, tmp_path):
    ((at, told),) = broken(tmp_path, content)
    assert why in told or (why == "too deep" and "nest" in told)
    assert line in (None, at) or line == 0


def test_a_link_in_place_of_a_workflow_is_not_followed(tmp_path):
    folder = make(tmp_path / "repo", {"real.yml": "on: push\njobs: {a: {steps: [{run: gitleaks git}]}}\n"})
    (folder / ".github/workflows").mkdir(parents=True)
    (folder / FILE).symlink_to("../../real.yml")
    assert "link" in opened(folder).judged[-1].workflows.broken[0].why


def test_a_bare_repository_is_judged_like_any_other(tmp_path):
    folder = make(tmp_path / "repo", script("bandit -r src skills"))
    subprocess.run(["git", "clone", "--quiet", "--bare", folder, tmp_path / "bare"], check=True)
    (judged,) = opened(tmp_path / "bare").judged
    assert len(judged.biting("bandit")) == 1


@pytest.mark.parametrize("kind", ["missing", "file", "plain folder", "no commit"])
def test_what_is_no_repository_is_told_in_one_line(kind, tmp_path):
    folder = tmp_path / "x"
    if kind == "file":
        folder.write_text("")
    elif kind != "missing":
        folder.mkdir()
    if kind == "no commit":
        subprocess.run(["git", "init", "--quiet", folder], check=True)
    with pytest.raises(RepositoryError) as told:
        opened(folder)
    assert "\n" not in str(told.value)


def test_without_git_nothing_is_reviewed(tmp_path, monkeypatch):
    folder = make(tmp_path / "repo", {})
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotReviewed, match="git is not installed"):
        opened(folder)


def test_a_repository_without_anything_is_no_error(tmp_path):
    (judged,) = opened(make(tmp_path / "repo", {"README": "hi"}, sources=False)).judged
    assert judged.folders == []
    assert not judged.gates[0].candidates


def test_words_of_yaml_1_1_are_words():
    assert load_yaml("on: yes\noff: no\nversion: 3.10\ntrue: 1") == {
        "on": "yes",
        "off": "no",
        "version": "3.10",
        "true": 1,
    }


def test_lines_are_those_of_the_file():
    document = load_yaml("a:\n  b: |\n    one\n    two\n  c: [x,\n      y]\n")
    assert document["a"].lines == {"b": 2, "c": 5}
    assert document["a"]["b"].line == 3
    assert document["a"]["c"].lines == [5, 6]


@pytest.mark.parametrize(("text", "line"), [("a = 1\nb = \n", 2), ("[x\n", 1), ("a = 1\na = 2\n", 2)])
def test_malformed_toml_is_named_with_its_line(text, line):
    with pytest.raises(Unreadable, match="malformed TOML") as told:
        load_toml(text)
    assert told.value.line == line


@pytest.mark.parametrize(
    "files",
    [
        {**script("tox -e x"), "tox.ini": "[tox\n"},
        {**script("nox -s x"), "noxfile.py": "def (:\n"},
        {**script("pre-commit run -a"), ".pre-commit-config.yaml": "repos: [\n"},
        {**script("pre-commit run -a"), ".pre-commit-config.yaml": "repos: [{hooks: 3}, 7, {hooks: [1, {id: [x]}]}]\n"},
        {**script("make x"), "Makefile": "x: x\n\tmake x\n"},
        {**script("./a.sh"), "a.sh": "#!/bin/sh\n./a.sh\n"},
        {**script("f() { f; }\nf")},
        {**script("while true; do :; done\nfor (( ; ; )); do :; done")},
        {**script("cat <<EOF\nunfinished")},
        {**script("${{ broken")},
        {**script("eval 'eval \"eval x\"'\n((((((")},
        {**script("hatch run x"), "pyproject.toml": "[tool\n"},
        {FILE: ODD_JOBS},
        {FILE: ODD_MATRIX},
        {FILE: "on: push\njobs: {a: {uses: ./.github/workflows/ci.yml}}\n"},
    ],
)  # fmt: skip
def test_nothing_in_a_repository_is_fatal(files, tmp_path):
    assert len(opened(make(tmp_path / "repo", files)).judged[0].gates) == 3
