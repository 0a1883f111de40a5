"""C01  Every secret of production lives in AWS Secrets Manager, is rotated, guarded, and lies nowhere else."""

import pytest

from chimera_compliance import Inconclusive, Problem, control, reject
from chimera_compliance.outcomes import NotReviewed
from chimera_compliance.probes.secrets import judged
from chimera_compliance.probes.secrets.plaintext import exposed
from chimera_compliance.probes.secrets.policies import Trusted, outsiders

pytestmark = control("C01")


@pytest.fixture(scope="session")
def stored(aws):
    """The required secrets that exist; a wrong region or account has none, and must not look clean."""
    if not aws.present:
        where = f"account {aws.vault.account_id} in {aws.account.region}"
        raise Inconclusive(f"none of the required secrets is in {where}: are aws.region and the credentials right?")
    return aws.present


@pytest.fixture
def secrets(stored, aws, coverage):
    """The same, with those that could not be looked at named."""
    coverage.unit = "secrets"
    for name, unseen in aws.vault.holdings.unseen.items():
        coverage.untested(f"secret {name}", unseen.reason)
    return stored


@pytest.fixture
def rotated(secrets):
    """The secrets with a rule: that others have none is another requirement's finding."""
    return [secret for secret in secrets if secret.rotation.on]


@pytest.fixture(scope="session")
def trusted(aws):
    """Whose own the secrets are, and who else may be named."""
    return Trusted(aws.vault.account_id, tuple(aws.settings.accounts), tuple(aws.settings.principals))


def test_required_secrets_exist(aws, coverage):
    """A secret that is not in the store lies somewhere else."""
    coverage.unit = "secrets"
    holdings = aws.vault.holdings
    if not aws.settings.required:
        raise NotReviewed("the target file requires no secret (aws.required_secrets)")
    for name, unseen in holdings.unseen.items():
        coverage.untested(f"secret {name}", unseen.reason)
    coverage.tested(holdings.present, [f"secret {wanted.name}" for wanted in holdings.absent])
    where = f"account {aws.vault.account_id}, {aws.account.region}"
    reject(
        Problem(f"secret {one.name}", "is not in Secrets Manager", f"stored in {where}", aws.stored_as(one) or "absent")
        for one in holdings.absent
    )


def test_no_secret_is_about_to_be_deleted(secrets, coverage):
    """From the moment of the request on it cannot be read any more."""
    coverage.tested(secrets)
    reject(
        Problem(
            one.subject, "is scheduled for deletion", "not scheduled", f"since {one.deleted:%Y-%m-%d}", one.observation
        )
        for one in secrets
        if one.deleted
    )


def test_stored_values_are_the_real_ones(aws, secrets, coverage):
    """A placeholder, no value, another's value, or not what the stack uses: the real secret is then elsewhere."""
    faults = judged.values(aws, secrets, coverage)
    reject(faults)


def test_rotation_is_on(secrets, coverage):
    """A secret that leaks is good for as long as it is not changed."""
    coverage.tested(secrets)
    reject([one for one in secrets if not one.rotation.on], "is not rotated", expected="automatic rotation")


def test_rotation_is_frequent_enough(aws, rotated, coverage):
    """Days, rates and cron expressions all come to a longest time between two rotations."""
    coverage.tested("rules of the secrets that are rotated")
    reject(judged.slow_rules(aws.settings, rotated, coverage))


def test_secrets_were_really_rotated(aws, secrets, coverage):
    """A rule that never fired, or stopped, says nothing about the value."""
    coverage.tested(secrets)
    reject(judged.overdue(aws, secrets, coverage))


def test_rotation_changes_the_value(aws, secrets, coverage):
    """A rotation function may run to its end and put the same value in force again."""
    reject(judged.unchanged(aws, secrets, coverage))


def test_no_rotation_is_stuck(aws, secrets, coverage):
    """While a version waits to come into force, no other rotation begins."""
    reject(judged.stuck(aws, secrets, coverage))


def test_rotation_functions_work(aws, rotated, coverage):
    """A function that does not exist, is switched off, or may not be invoked rotates nothing."""
    reject(judged.broken_functions(aws, rotated, coverage), "cannot rotate", expected="an active function")


def test_encryption_keys_are_in_order(aws, secrets, coverage):
    """A key that is disabled or about to be deleted takes the secret with it."""
    reject(judged.bad_keys(aws, secrets, coverage))


def test_encryption_keys_rotate(aws, secrets, coverage):
    """AWS turns its own keys every year; one's own must be told to."""
    reject(judged.still_keys(aws, secrets, coverage), "does not rotate", expected="automatic key rotation")


def test_no_policy_admits_the_public(aws, secrets, trusted, coverage):
    """A principal `*` without a condition that binds is everybody with an AWS account."""
    reject(judged.admitted(aws, secrets, lambda text: [o for o in outsiders(text, trusted) if o.public], coverage))


def test_no_policy_admits_a_foreign_account(aws, secrets, trusted, coverage):
    """Whoever runs the other account decides who reads the secret."""
    reject(judged.admitted(aws, secrets, lambda text: [o for o in outsiders(text, trusted) if not o.public], coverage))


def test_replicas_are_in_place(aws, secrets, coverage):
    """A region that fails must not take the secrets of the others with it, where the target file says so."""
    coverage.tested(secrets)
    reject(judged.missing_replicas(aws.settings, secrets))


def test_only_declared_readers_may_read(aws, stored, coverage):
    """As IAM itself decides, for every role and user."""
    coverage.unit = "roles and users"
    everybody = aws.readers
    if not aws.settings.readers:
        raise NotReviewed("the target file does not say who may read (aws.readers)")
    for name, unseen in everybody.unseen.items():
        coverage.untested(name, unseen.reason)
    coverage.tested(everybody.readers)
    reading = [one for one in everybody.readers if one.may_read]
    reject([one for one in reading if not one.is_among(aws.settings.readers)], "may read", expected="no access")
    if not reading:
        raise Inconclusive("the simulation lets nobody read, not even the declared readers")


def test_reads_leave_a_trail(aws, stored, coverage):
    """Who read a secret, and when, is known only from CloudTrail."""
    coverage.unit = "trails"
    coverage.tested(aws.trails or "the account's trails")
    if all(trail.gap for trail in aws.trails):
        if aws.unseen_trails:
            raise Inconclusive(f"no other trail records reads, and {aws.unseen_trails[0].reason}")
        nothing = [Problem(f"region {aws.account.region}", "is covered by no trail", "a trail that logs", "no trail")]
        reject(aws.trails or nothing, "records no reads of secrets", expected="management events, reads included")


def test_the_trail_can_be_trusted(aws, stored, coverage):
    """Without validation, log files can be changed or removed unnoticed."""
    coverage.unit = "trails"
    recording = [trail for trail in aws.trails if not trail.gap]
    if not recording:
        raise Inconclusive("no trail records reads of secrets: there is nothing to validate")
    coverage.tested(recording)
    if not any(trail.validated for trail in recording):
        reject(recording, "does not validate its log files", expected="log file validation")


def _in_plain_text(aws, kind, coverage):
    """Settings of one kind that hold secrets; places that could not be looked into are named."""
    found = aws.places(kind)
    coverage.unit = found.kind
    for name, unseen in found.unseen.items():
        coverage.untested(name, unseen.reason)
    coverage.tested(found.looked_at or (f"the account has no {found.kind}" if not found.unseen else []))
    reject(exposed(found.settings, aws.known.needles, aws.settings.public_settings), "holds", expected="a reference")


def test_no_plain_text_in_task_definitions(aws, stored, coverage):
    """Whoever may describe a task definition reads it, old revisions included."""
    _in_plain_text(aws, "task_definitions", coverage)


def test_no_plain_text_in_functions(aws, stored, coverage):
    """The environment of a function is shown to whoever may list functions."""
    _in_plain_text(aws, "functions", coverage)


def test_no_plain_text_in_parameters(aws, stored, coverage):
    """A parameter of type String is not encrypted."""
    _in_plain_text(aws, "parameters", coverage)


def test_no_plain_text_in_user_data(aws, stored, coverage):
    """Every process on an instance can read what it was started with."""
    _in_plain_text(aws, "user_data", coverage)


def _holds(step, coverage, message, expected):
    coverage.unit = "behaviours"
    if step.held is None:
        raise (Inconclusive if step.tried else NotReviewed)(step.text)
    coverage.tested(step)
    if not step.held:
        reject([step], message, expected=expected)


def test_secrets_are_kept_in_memory(secret_use, coverage):
    """A read for every request costs 50 ms and money, and makes every hiccup of the store one of the application."""
    _holds(secret_use.kept, coverage, "reads the store for every request", "a cache")


def test_secrets_are_read_again_in_time(aws, secret_use, coverage):
    """What is kept longer than an hour is used long after it was rotated."""
    declared, most = aws.settings.application.cache_seconds, aws.settings.max_cache_seconds
    if declared > most:
        reject(
            [Problem("the application", "keeps secrets for too long", f"{most} s at most", f"{declared:g} s declared")]
        )
    _holds(secret_use.refreshed, coverage, "keeps secrets for too long", f"read again after {declared:g} s")


def test_outage_of_the_store_is_survived(secret_use, coverage):
    """Known values serve until the store is back."""
    _holds(secret_use.outage, coverage, "fails while Secrets Manager is away", "it goes on with the last values")


def test_store_is_read_again_after_an_outage(secret_use, coverage):
    """An application that gives up on the store would keep what it has for ever."""
    _holds(secret_use.recovered, coverage, "does not go back to Secrets Manager", "it is read again")
