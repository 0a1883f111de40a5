"""Recall and false alarms on a corpus of files; history is in test_history.py."""

import pytest

from chimera_compliance.probes.repository import review
from tests.repository.corpus import benign, planted, reported


def found(repo, files) -> set[str]:
    for name, content in files.items():
        repo.write(name, content)
    return reported(review(repo.path).leaks, files)


def test_the_corpus_is_large_enough():
    assert len(planted()) >= 80
    assert len(benign()) >= 80


def test_planted_credentials_are_found(repo):
    files = planted()
    assert found(repo, files) == set(files)


def test_look_alikes_are_not_reported(repo):
    assert not found(repo, benign())


@pytest.mark.parametrize("portable", [False, True], ids=["hyperscan", "re"])
def test_both_engines_agree(repo, portable):
    for name, content in {**planted(), **benign()}.items():
        repo.write(name, content)
    leaks = {(leak.rule, leak.file, leak.line) for leak in review(repo.path, portable=portable).leaks}
    assert leaks == {(leak.rule, leak.file, leak.line) for leak in review(repo.path).leaks}
