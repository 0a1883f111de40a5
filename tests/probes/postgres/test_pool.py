"""What the sessions of a pool keep is seen, and nothing else is taken for it."""

import sys

import psycopg
import pytest

from chimera_compliance.outcomes import Inconclusive, NotReviewed

SCRIPT = """
import sys, psycopg
with psycopg.connect(sys.argv[1], autocommit=True) as connection:
    for statement in sys.argv[2:]:
        connection.execute(statement)
"""
DSN = "host={host} port={port} user={user} dbname={database}"
A = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"


@pytest.fixture
def left(load, database):
    """What a session keeps in which statements were run."""
    load()

    def left(*statements):
        command = [sys.executable, "-c", SCRIPT, DSN, *statements]
        return [item.actual for item in database(application_command=command).topic("leftovers").seen]

    return left


def test_tenant_of_the_session_is_seen(left):
    (seen,) = left(f"SET app.current_tenant_id = '{A}'")
    assert "setting app.current_tenant_id" in seen
    assert A not in seen


@pytest.mark.parametrize(
    "statement",
    ["CREATE TEMP TABLE report AS SELECT 1", "BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT 1; COMMIT"],
    ids=["temporary table", "cursor"],
)
def test_object_of_the_session_is_seen(left, statement):
    assert left(statement)


@pytest.mark.parametrize(
    "statements",
    [
        [f"BEGIN; SET LOCAL app.current_tenant_id = '{A}'; SELECT 1; COMMIT"],
        [f"SET app.current_tenant_id = '{A}'", "CREATE TEMP TABLE report AS SELECT 1", "DISCARD ALL"],
        ["BEGIN", "CREATE TEMP TABLE report ON COMMIT DROP AS SELECT 1", "COMMIT"],
        ["PREPARE p AS SELECT 1"],
    ],
    ids=["of the transaction", "discarded", "dropped on commit", "prepared"],
)
def test_what_ends_with_the_request_is_not_flagged(left, statements):
    assert left(*statements) == []


def test_command_that_opens_no_session_is_told(load, database):
    load()
    with pytest.raises(NotReviewed, match="opened no session"):
        database(application_command=[sys.executable, "-c", "pass"]).topic("leftovers")


def test_command_that_fails_is_told(load, database):
    load()
    with pytest.raises(NotReviewed, match="ended with 3"):
        database(application_command=[sys.executable, "-c", "raise SystemExit(3)"]).topic("leftovers")


def test_temporary_table_of_an_open_session_is_seen(load, cluster, database):
    load()
    with psycopg.connect(cluster.application, autocommit=True) as pooled:
        pooled.execute("CREATE TEMP TABLE report_cache AS SELECT 1")
        assert database().topic("leftovers").seen
        pooled.execute("DISCARD ALL")
        assert not database().topic("leftovers").seen


def test_nothing_is_said_without_a_session(load, database):
    load()
    with pytest.raises(Inconclusive, match="no session of the application"):
        database().topic("leftovers")
