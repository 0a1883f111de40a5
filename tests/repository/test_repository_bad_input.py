"""Repositories as nobody wants them: what cannot be looked at is told, and nothing of theirs is run."""

import os
import subprocess
import time

import pytest

from chimera_compliance.errors import ConfigurationError
from chimera_compliance.probes.repository import review
from chimera_compliance.probes.repository.git import Git
from chimera_compliance.probes.repository.rule import filled

HOSTILE = """
    core.fsmonitor core.hooksPath core.sshCommand core.pager core.editor diff.external filter.evil.clean
    filter.evil.smudge
    filter.evil.process diff.evil.textconv diff.evil.command gpg.program log.mailmap
""".split()  # noqa: SIM905
LINE = filled('TOKEN = "ghp_{alnum:36}"\n')


def files(made):
    return {leak.file for leak in made.leaks}


def test_no_repository(tmp_path):
    with pytest.raises(ConfigurationError, match="no folder"):
        review(tmp_path / "missing")
    with pytest.raises(ConfigurationError, match="no git repository"):
        review(tmp_path)


def test_a_folder_inside_a_repository(repo):
    repo.commit("src/a.py")
    with pytest.raises(ConfigurationError, match="top folder"):
        review(repo.path / "src")


def test_an_empty_repository(tmp_path):
    from tests.repository.conftest import Repo

    made = review(Repo(tmp_path / "empty").path)
    assert not made.leaks
    assert not made.git.has_commits


def test_a_shallow_clone_says_so(repo, tmp_path):
    repo.commit("b.txt", "x\n")
    subprocess.run(["git", "clone", "-q", "--depth=1", f"file://{repo.path}", tmp_path / "clone"], check=True)
    assert review(tmp_path / "clone").git.shallow


def test_a_bare_repository_and_a_linked_work_tree(repo, tmp_path):
    repo.commit("src/a.py", LINE)
    subprocess.run(["git", "clone", "-q", "--bare", repo.path, tmp_path / "bare"], check=True)
    assert files(review(tmp_path / "bare")) == {"src/a.py"}
    repo.git("worktree", "add", "-q", str(tmp_path / "linked"))
    assert files(review(tmp_path / "linked")) == {"src/a.py"}


def test_sha256(tmp_path):
    from tests.repository.conftest import Repo

    made = Repo(tmp_path / "sha256", "--object-format=sha256")
    made.commit("src/a.py", LINE)
    made.git("rm", "-q", "src/a.py")
    made.git("commit", "-q", "-m", "Remove")
    assert files(review(made.path)) == {"src/a.py"}


def test_names_and_contents_that_are_not_utf_8(repo):
    name = os.fsdecode(b"src/\xff\xfe caf\xe9 \n.py")
    repo.commit(name, b"\xe9\xff\xfe" + LINE.encode())
    assert len(review(repo.path).leaks) == 1


def test_links_are_not_followed(repo, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret.py").write_text(LINE)
    (repo.path / "out").symlink_to(tmp_path / "outside")
    (repo.path / "file").symlink_to(tmp_path / "outside/secret.py")
    (repo.path / "loop").symlink_to("loop")
    repo.commit("b.txt", "x\n")
    assert not review(repo.path).leaks


def test_a_submodule_is_another_repository(repo, tmp_path):
    from tests.repository.conftest import Repo

    inner = Repo(repo.path / "inner")
    inner.commit("src/a.py", LINE)
    assert not review(repo.path).leaks


def test_a_pointer_to_large_storage_is_told(repo):
    repo.commit("big.bin", "version https://git-lfs.github.com/spec/v1\noid sha256:" + "ab" * 32 + "\nsize 12\n")
    assert review(repo.path).pointers == ["big.bin"]


def test_a_corrupt_object_is_named_and_the_others_are_read(repo):
    repo.commit("src/a.py", LINE)
    repo.git("rm", "-q", "src/a.py")
    repo.git("commit", "-q", "-m", "Remove")
    blob = repo.git("hash-object", "-w", "--stdin", given=b"broken soon")
    loose = repo.path / ".git/objects" / blob[:2] / blob[2:]
    loose.chmod(0o600)
    loose.write_bytes(b"no zlib at all")
    made = review(repo.path)
    assert files(made) == {"src/a.py"}
    assert made.looked.missing == [blob]


def test_nothing_of_a_hostile_repository_is_run(repo, tmp_path):
    trap = tmp_path / "trap"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {trap}\n")
    program.chmod(0o755)
    repo.commit(".gitattributes", "* filter=evil diff=evil\n")
    for setting in HOSTILE:
        repo.git("config", setting, str(program))
    repo.git("config", "alias.ls-files", f"!{program}")
    hook = repo.path / ".git/hooks/post-index-change"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(program.read_text())
    hook.chmod(0o755)
    repo.write("a.txt", LINE)
    assert files(review(repo.path)) == {"a.txt"}
    assert not trap.exists()


def test_a_work_tree_elsewhere_is_not_read(repo, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret.py").write_text(LINE)
    repo.git("config", "core.worktree", str(tmp_path / "outside"))
    try:
        made = review(repo.path)
    except ConfigurationError:
        return
    assert "secret.py" not in files(made)


def test_a_bomb_does_not_go_off(repo):
    import gzip
    import io
    import zipfile

    octets = io.BytesIO()
    with zipfile.ZipFile(octets, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", b"\0" * (200 << 20))
    repo.write("bomb.zip", octets.getvalue())
    repo.write("bomb.gz", gzip.compress(octets.getvalue()))
    begun = time.monotonic()
    review(repo.path)
    assert time.monotonic() - begun < 60


def test_a_large_binary_is_read_in_pieces(repo, monkeypatch):
    from chimera_compliance.probes.repository import stream

    monkeypatch.setattr(stream, "_LARGE", 1 << 20)
    monkeypatch.setattr(stream, "_BUFFER", 1 << 18)
    repo.commit("big.txt", "x = 1\n" * (1 << 19) + LINE + "y = 2\n" * (1 << 18))
    repo.git("rm", "-q", "big.txt")
    repo.git("commit", "-q", "-m", "Remove")
    (leak,) = review(repo.path).leaks
    assert (leak.file, leak.line) == ("big.txt", (1 << 19) + 1)


def test_git_is_asked_without_its_user(repo, monkeypatch):
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    assert not Git.open(repo.path).bare
