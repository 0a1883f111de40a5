"""Credentials in every place of a repository that no file shows: each is found, and told where it is."""

import io
import zipfile

import pytest

from chimera_compliance.probes.repository import review
from chimera_compliance.probes.repository.rule import filled

TOKEN = filled("ghp_{alnum:36}")
LINE = f'TOKEN = "{TOKEN}"\n'


def deleted(repo):
    repo.commit("src/a.py", LINE)
    repo.git("rm", "-q", "src/a.py")
    repo.git("commit", "-q", "-m", "Remove")


def unmerged_branch(repo):
    repo.git("checkout", "-q", "-b", "side")
    repo.commit("src/a.py", LINE)
    repo.git("checkout", "-q", "main")


def tag_only(repo):
    unmerged_branch(repo)
    repo.git("tag", "v0", "side")
    repo.git("branch", "-q", "-D", "side")


def evil_merge(repo):
    repo.git("checkout", "-q", "-b", "side")
    repo.commit("side.txt", "side\n")
    repo.git("checkout", "-q", "main")
    repo.commit("main.txt", "main\n")
    repo.git("merge", "-q", "--no-ff", "--no-commit", "side")
    repo.commit("side.txt", LINE, "Merge")
    repo.commit("side.txt", "side\n")


def no_diff_attribute(repo):
    repo.commit(".gitattributes", "* -diff\n")
    deleted(repo)


def archive_deleted(repo):
    octets = io.BytesIO()
    with zipfile.ZipFile(octets, "w") as archive:
        archive.writestr("a.env", LINE)
    repo.commit("a.zip", octets.getvalue())
    repo.git("rm", "-q", "a.zip")
    repo.git("commit", "-q", "-m", "Remove")


def utf_16_deleted(repo):
    repo.commit("a.ini", LINE.encode("utf-16-le"))
    repo.git("rm", "-q", "a.ini")
    repo.git("commit", "-q", "-m", "Remove")


def stash(repo):
    repo.write("a.txt", LINE)
    repo.git("stash", "push", "-q")


def dropped_stash(repo):
    stash(repo)
    repo.git("stash", "drop", "-q")


def reflog(repo):
    repo.commit("src/a.py", LINE)
    repo.git("reset", "-q", "--hard", "HEAD~1")


def dangling(repo):
    repo.git("hash-object", "-w", "--stdin", given=LINE.encode())


def message(repo):
    repo.git("commit", "-q", "--allow-empty", "-m", f"Ran with {TOKEN}")


def tag_message(repo):
    repo.git("tag", "-a", "v1", "-m", f"Ran with {TOKEN}")


def note(repo):
    repo.git("notes", "add", "-m", f"Ran with {TOKEN}")


def author(repo):
    repo.git("commit", "-q", "--allow-empty", "--author", f"{TOKEN} <a@b.example>", "-m", "Empty")


def file_name(repo):
    repo.commit(f"cache/{TOKEN}.json", "{}\n")
    repo.git("rm", "-q", f"cache/{TOKEN}.json")
    repo.git("commit", "-q", "-m", "Remove")


def packed(repo):
    deleted(repo)
    repo.git("gc", "-q", "--aggressive")


PLACES = {
    "history": [
        deleted,
        unmerged_branch,
        tag_only,
        evil_merge,
        no_diff_attribute,
        archive_deleted,
        utf_16_deleted,
        packed,
    ],
    "aside": [stash, dropped_stash, reflog, dangling],
    "text": [message, tag_message, note, author],
    "name": [file_name],
}


CASES = [pytest.param(where, plant, id=plant.__name__) for where, plants in PLACES.items() for plant in plants]


@pytest.mark.parametrize(("where", "plant"), CASES)
def test_it_is_found_where_it_is(repo, where, plant):
    plant(repo)
    leaks = review(repo.path).leaks
    assert [leak.where for leak in leaks] == [where]
    assert TOKEN not in repr(leaks) + leaks[0].subject + leaks[0].actual


def test_a_credential_of_the_tree_is_told_once(repo):
    repo.commit("src/a.py", LINE)
    repo.commit("src/b.py", "x = 1\n" + LINE)
    assert [(leak.where, leak.file, leak.line) for leak in review(repo.path).leaks] == [
        ("tree", "src/a.py", 1),
        ("tree", "src/b.py", 2),
    ]


def test_file_line_and_commit_are_told(repo):
    commit = repo.commit("src/a.py", "x = 1\n" * 40 + LINE)
    repo.git("rm", "-q", "src/a.py")
    repo.git("commit", "-q", "-m", "Remove")
    (leak,) = review(repo.path).leaks
    assert (leak.file, leak.line, leak.commit) == ("src/a.py", 41, commit)
