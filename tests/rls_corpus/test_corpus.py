"""C04 against schemas that are not Chimera's: every flaw is caught, no twin and no correct design is flagged.

The variants in flaws/, fixed/ and correct/ were each shown to leak, or not to, by an attack; cases.yaml and
sound.yaml hold their siblings.
"""

import pytest

from tests.rls_corpus.cases import load, seen, shown, siblings
from tests.rls_corpus.cluster import Cluster, binaries

pytestmark = pytest.mark.skipif(binaries() is None, reason="no PostgreSQL server here")


def _each(cases):
    return [pytest.param(case, id=case.name) for case in cases]


@pytest.fixture(scope="module")
def cluster():
    cluster = Cluster()
    yield cluster
    cluster.close()


@pytest.fixture
def verdict(cluster):
    """Loads a case and tells what C04 sees in it, by topic."""

    def verdict(case):
        if case.command:
            pytest.importorskip("sqlalchemy")
        load(cluster, case)
        return seen(cluster, case)

    return verdict


@pytest.mark.parametrize("case", _each(shown("flaws") + siblings("flaw")))
def test_flaw_is_caught(verdict, case):
    assert verdict(case)


@pytest.mark.parametrize("case", _each(shown("fixed") + siblings("twin")))
def test_twin_is_not_flagged(verdict, case):
    assert not verdict(case)


@pytest.mark.parametrize("case", _each(shown("correct") + siblings("sql")))
def test_correct_design_is_not_flagged(verdict, case):
    assert not verdict(case)


@pytest.mark.parametrize("case", _each(case for case in shown("flaws") if case.command))
def test_what_a_pooled_session_keeps_is_all_that_is_told_of_it(verdict, case):
    assert set(verdict(case)) == {"leftovers"}
