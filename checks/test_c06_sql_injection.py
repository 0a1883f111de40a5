"""C06  What comes from outside stays a value: no statement is made of it."""

import pytest

from chimera_compliance import Inconclusive, control, reject
from chimera_compliance.errors import ConfigurationError
from chimera_compliance.outcomes import NotReviewed
from chimera_compliance.probes.injection.means import Timed, Watched
from chimera_compliance.probes.injection.routines import routines
from chimera_compliance.probes.injection.source.tree import read
from chimera_compliance.probes.injection.survey import survey
from chimera_compliance.probes.injection.witness import summon

pytestmark = control("C06")


@pytest.fixture(scope="session")
def injections(api, target, journal, operations, principals):
    """Every place that takes text, and whether the database has run it: asked once, judged by every check."""
    witness, reason = summon(target, journal)
    journal.record("sql", "how injections are noticed", sent={}, received={"means": reason or "the database says it"})
    visitors = [principals[name] for name in ("alice", "bob") if name in principals]
    found = survey(api, operations, visitors, Watched(api, witness) if witness else Timed(api))
    for thing in found.left:
        journal.record("left", thing, sent={}, received={})
    return found


@pytest.fixture
def reject_at(injections, coverage):
    """Fails where text has become SQL at such places; says what was looked at."""

    def reject_at(*entries, unit="places"):
        coverage.unit = unit
        for entry in entries:
            coverage.tested(list(injections.tested.get(entry, {})))
            for place, reason in injections.untested.get(entry, {}).items():
                coverage.untested(place, reason)
        seen = injections.of(*entries)
        reject(seen, "becomes part of a statement", expected="a bound parameter")
        if not any(injections.tested.get(entry) or injections.untested.get(entry) for entry in entries):
            raise NotReviewed(f"no operation takes anything there ({', '.join(entries)})")

    return reject_at


def test_path_parameters_stay_values(reject_at):
    """An id is read from the address that anybody can type."""
    reject_at("path")


def test_query_parameters_stay_values(reject_at):
    """Filters are where statements are put together by hand, documented or left over."""
    reject_at("query")


def test_order_and_page_stay_values(reject_at):
    """Column names, directions and limits cannot always be bound: they have to be chosen from a list."""
    reject_at("ordering")


def test_body_members_stay_values(reject_at):
    """Nested members, items of arrays and names of members as well."""
    reject_at("body")


def test_headers_and_cookies_stay_values(reject_at):
    """The user agent ends up in the audit log by way of a statement."""
    reject_at("header")


def test_claims_stay_values(reject_at, injections):
    """The tenant's claim must not become part of the SET that row-level security rests on (ADR-005 §3)."""
    if injections.no_claims:
        raise NotReviewed(injections.no_claims)
    reject_at("claim", unit="claims")


def test_stored_text_stays_a_value(injections, coverage):
    """What was stored with a bound parameter is as dangerous as before when it is read again."""
    coverage.unit = "operations that store"
    coverage.tested(injections.stored)
    reject(injections.of("stored"), "becomes part of a statement when it is read", expected="a bound parameter")
    if not injections.stored:
        raise NotReviewed("no operation stores a text, or scope.writes is false")


def test_no_answer_shows_a_broken_statement(injections, coverage):
    """A syntax error that a quote brings out proves that the quote got into the statement."""
    coverage.unit = "places"
    for places in injections.tested.values():
        coverage.tested(list(places))
    reject(injections.of("error"), "breaks a statement", expected="400, 404 or 422, or the value taken as it is")
    if not injections.tested:
        raise Inconclusive("no place was looked at")


def test_wildcard_does_not_stand_for_a_value(injections, coverage):
    """Whoever may write `%` need not know the name, code or token that he asks for."""
    coverage.unit = "places"
    coverage.tested(list(injections.tested.get("wildcard", {})) or "nothing that is read takes a text")
    reject(injections.of("wildcard"), "takes % for any text", expected="the value itself, compared with =")


def test_functions_of_the_database_keep_values(db, journal, coverage):
    """A bound value is no safer than what the function it is given to makes of it."""
    names, seen = routines(db, journal)
    coverage.unit = "functions"
    coverage.tested(names or "no function in PL/pgSQL that the application may call")
    reject(seen, "puts an argument into the text of a statement", expected="USING, or format() with %I and %L")


@pytest.fixture(scope="session")
def source(repo, journal):
    """The repository's Python: where a statement is made of text."""
    if not repo.is_dir():
        raise ConfigurationError(f"repo.path: {repo} is no folder")
    found = read(repo, journal)
    if not found.files:
        raise NotReviewed("the repository holds no Python")
    return found


def test_source_makes_no_statement_of_text(source, coverage):
    """Dead code comes to life, and is copied before that."""
    coverage.unit = "files"
    coverage.tested([name for name in source.files if name not in source.unreadable])
    for name, reason in source.unreadable.items():
        coverage.untested(name, reason)
    reject(source.made, "makes a statement of text", expected="placeholders and bound parameters")


def test_bandit_finds_no_statement_made_of_text(source, coverage):
    """What is put together here may be run in another module: Bandit's B608, without what can be refuted."""
    coverage.unit = "files"
    coverage.tested([name for name in source.files if name not in source.unreadable] or "no readable file")
    reject(source.doubtful, "puts values into a text that reads like SQL", expected="placeholders")
