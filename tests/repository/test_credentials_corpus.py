"""Recall and false alarms on a corpus of files; history is in test_history.py."""

import pytest

from chimera_compliance.probes.repository import review
from tests.repository.corpus import benign, planted

LEAST_RECALL, MOST_FALSE = 0.94, 0.03


def found(repo, files) -> set[str]:
    for name, content in files.items():
        repo.write(name, content)
    made = review(repo.path)
    return {leak.file.split(" (")[0] for leak in made.leaks if leak.where == "tree"} | {
        path for path in files if any(leak.where == "name" for leak in made.leaks) and "ghp_" in path
    }


def test_the_corpus_is_large_enough():
    assert len(planted()) >= 80
    assert len(benign()) >= 80


def test_planted_credentials_are_found(repo):
    files = planted()
    missed = sorted(set(files) - found(repo, files))
    assert len(missed) <= (1 - LEAST_RECALL) * len(files), missed
    print(f"{len(files) - len(missed)} of {len(files)} planted found; missed: {missed}")


def test_look_alikes_are_not_reported(repo):
    files = benign()
    flagged = sorted(found(repo, files))
    assert len(flagged) <= MOST_FALSE * len(files), flagged
    print(f"{len(flagged)} of {len(files)} look-alikes reported: {flagged}")


@pytest.mark.parametrize("portable", [False, True], ids=["hyperscan", "re"])
def test_both_engines_agree(repo, portable):
    for name, content in {**planted(), **benign()}.items():
        repo.write(name, content)
    leaks = {(leak.rule, leak.file, leak.line) for leak in review(repo.path, portable=portable).leaks}
    assert leaks == {(leak.rule, leak.file, leak.line) for leak in review(repo.path).leaks}
