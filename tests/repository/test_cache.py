"""A second look reads only what is new, and keeps nothing that anybody could use."""

from chimera_compliance.probes.repository import cache as cache_module
from chimera_compliance.probes.repository import history, review
from chimera_compliance.probes.repository.rule import filled
from chimera_compliance.probes.secrets.needles import SecretValue, needles

TOKEN = filled("ghp_{alnum:36}")


def looked(repo, folder, sought=()):
    return review(repo.path, sought, folder)


def few(monkeypatch):
    monkeypatch.setattr(history, "LEAST_OBJECTS", 1)


def test_only_new_objects_are_read(repo, tmp_path, monkeypatch):
    few(monkeypatch)
    repo.commit("src/a.py", f'TOKEN = "{TOKEN}"\n')
    repo.git("rm", "-q", "src/a.py")
    repo.git("commit", "-q", "-m", "Remove")
    first = looked(repo, tmp_path / "cache")
    second = looked(repo, tmp_path / "cache")
    assert second.looked.known == first.looked.objects - 1
    assert second.looked.objects == 1
    assert [(x.file, x.line, x.commit) for x in second.leaks] == [(x.file, x.line, x.commit) for x in first.leaks]
    repo.commit("b.txt", "new\n")
    assert looked(repo, tmp_path / "cache").looked.objects == 4


def test_a_rewritten_history_is_noticed(repo, tmp_path, monkeypatch):
    few(monkeypatch)
    repo.commit("b.txt", "x\n")
    looked(repo, tmp_path / "cache")
    repo.git("commit", "-q", "--amend", "-m", "Another")
    repo.git("reflog", "expire", "--expire=now", "--all")
    repo.git("gc", "-q", "--prune=now")
    assert looked(repo, tmp_path / "cache").looked.gone == 1


def test_other_secrets_make_it_void(repo, tmp_path, monkeypatch):
    few(monkeypatch)
    repo.commit("b.txt", "x\n")
    one, other = (needles([SecretValue("s", filled("{alnum:32}", n).encode())]) for n in (1, 2))
    looked(repo, tmp_path / "cache", one)
    assert looked(repo, tmp_path / "cache", one).looked.known
    assert not looked(repo, tmp_path / "cache", other).looked.known


def test_no_secret_is_kept_and_nobody_else_may_read(repo, tmp_path, monkeypatch):
    few(monkeypatch)
    value = filled("{alnum:32}", 3)
    repo.commit("src/a.py", f'TOKEN = "{TOKEN}"\nx = "{value}"\n')
    looked(repo, tmp_path / "cache", needles([SecretValue("s", value.encode())]))
    for file in (tmp_path / "cache").iterdir():
        assert TOKEN.encode() not in file.read_bytes()
        assert value.encode() not in file.read_bytes()
        assert file.stat().st_mode & 0o77 == 0


def test_what_was_tampered_with_is_not_believed(repo, tmp_path, monkeypatch):
    few(monkeypatch)
    repo.commit("b.txt", "x\n")
    looked(repo, tmp_path / "cache")
    (file,) = (tmp_path / "cache").glob("*.objects")
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    assert not looked(repo, tmp_path / "cache").looked.known


def test_the_folder_is_the_users(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_module.folder() == tmp_path / "chimera-compliance"
