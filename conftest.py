"""The fixtures that a check may ask for.

A fixture of a facet that the target file does not have makes its check *not reviewed*, never passed.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from chimera_compliance.coverage import COVERAGE, Coverage
from chimera_compliance.journal import Journal
from chimera_compliance.outcomes import Inconclusive, NotReviewed
from chimera_compliance.target import Target

if TYPE_CHECKING:
    from concurrent.futures import Future

    from chimera_compliance.probes.audit.audit_table import AuditTable
    from chimera_compliance.probes.audit.observed import Observed, Observer
    from chimera_compliance.probes.guard.gate import Gate
    from chimera_compliance.probes.guard.listener import Listener
    from chimera_compliance.probes.http.api import Api
    from chimera_compliance.probes.pipeline.pipeline import Pipeline
    from chimera_compliance.probes.postgres import Database
    from chimera_compliance.probes.repository import Review, Reviewer
    from chimera_compliance.probes.secrets.account import Account
    from chimera_compliance.probes.secrets.application import Behaviour
    from chimera_compliance.probes.secrets.estate import Estate, Vault
    from chimera_compliance.probes.secrets.values import Readable
    from chimera_compliance.probes.validation.inspection import Inspection
    from chimera_compliance.probes.validation.source import Handlers
    from chimera_compliance.recorder import Recorder

pytest_plugins = ["chimera_compliance.recorder"]


@pytest.fixture(scope="session")
def recorder(pytestconfig: pytest.Config) -> "Recorder":
    """The plugin that keeps this process's journal."""
    return pytestconfig.pluginmanager.get_plugin("compliance-recorder")


@pytest.fixture(scope="session")
def target(recorder: "Recorder") -> Target:
    """The target file."""
    return recorder.target


@pytest.fixture(scope="session")
def journal(recorder: "Recorder") -> Journal:
    """Where observations are kept."""
    return recorder.journal


@pytest.fixture
def coverage(request: pytest.FixtureRequest) -> Coverage:
    """Where a check says which subjects it has decided, and which it could not."""
    return request.node.stash[COVERAGE]


def _facet(target: Target, name: str) -> None:
    if name not in target.facets:
        raise NotReviewed(f"the target file has no {name} section")


@pytest.fixture(scope="session")
def api(target: Target, journal: Journal) -> Iterator["Api"]:
    """The HTTP interface."""
    _facet(target, "api")
    from chimera_compliance.probes.http.api import Api

    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    with Api(target, journal, workers=workers) as api:
        yield api


@pytest.fixture(scope="session")
def principals(api, target: Target, journal: Journal) -> dict:
    """Everybody the target file names, by name."""
    from chimera_compliance.probes.principals.principal import load_principals

    return load_principals(target, journal)


def _principal(principals: dict, name: str):
    if name not in principals:
        raise NotReviewed(f"the target file has no principal {name}")
    return principals[name]


@pytest.fixture(scope="session")
def alice(principals: dict):
    """A user of tenant A."""
    return _principal(principals, "alice")


@pytest.fixture(scope="session")
def bob(principals: dict):
    """A user of tenant B."""
    return _principal(principals, "bob")


@pytest.fixture(scope="session")
def operations(api, target: Target, principals: dict) -> list:
    """Every operation of the OpenAPI document and of the target file."""
    from chimera_compliance.probes.openapi.operations import load_operations

    return load_operations(target, api, principals)


@pytest.fixture(scope="session")
def guarded(operations: list) -> list:
    """The operations that need a credential."""
    found = [operation for operation in operations if not operation.public]
    if not found:
        raise Inconclusive("no operation needs a credential, as the target file and its OpenAPI document say")
    return found


@pytest.fixture(scope="session")
def public(operations: list) -> list:
    """The operations that need no credential."""
    return [operation for operation in operations if operation.public]


@pytest.fixture(scope="session")
def responses(target: Target, api, journal: Journal, operations: list, principals: dict):
    """Every kind of answer that could be brought out, for the headers on it."""
    from chimera_compliance.probes.headers.population import gather

    return gather(target, api, journal, operations, principals)


@pytest.fixture(scope="session")
def listener(api, target: Target) -> Iterator["Listener"]:
    """A stranger's server on this machine, that the stack has no business to call."""
    from chimera_compliance.probes.guard.listener import Listener, local_address

    with Listener(local_address(target.api.base_url)) as listener:
        yield listener


@pytest.fixture(scope="session")
def gate(api, target: Target, journal: Journal, guarded: list, principals: dict, listener) -> "Gate":
    """The guard of every operation that needs a credential, and somebody before it who has none."""
    from chimera_compliance.probes.guard.gate import Gate
    from chimera_compliance.probes.jwt.attacker import Attacker
    from chimera_compliance.probes.jwt.papers import Papers
    from chimera_compliance.probes.jwt.public_keys import published_keys

    attacker = Attacker(published_keys(target, api), listener.url)
    listener.serve = attacker.serve
    return Gate(api, journal, guarded, Papers(target, _principal(principals, "alice"), principals.get("bob"), attacker))


@pytest.fixture(scope="session")
def _account(target: Target, journal: Journal) -> Iterator["Account | None"]:
    """The account that holds the secrets, if the target has one."""
    if target.aws is None:
        yield None
        return
    from chimera_compliance.probes.secrets.account import Account

    with Account(target, journal) as account:
        yield account


@pytest.fixture(scope="session")
def _vault(_account) -> "Vault | str":
    """What the account holds of the required secrets, or why that is not known."""
    if _account is None:
        return ""
    from chimera_compliance.probes.secrets.estate import open_vault

    try:
        return open_vault(_account)
    except (Inconclusive, NotReviewed) as error:
        return str(error)


@pytest.fixture(scope="session")
def real_secrets(target: Target, journal: Journal, _vault) -> "Readable":
    """Every real secret value that this run can read, for those who look where it must not be."""
    from chimera_compliance.probes.secrets.values import readable

    return readable(target, journal, *((None, _vault) if isinstance(_vault, str) else (_vault, "")))


@pytest.fixture(scope="session")
def aws(target: Target, _account, _vault, real_secrets) -> Iterator["Estate"]:
    """The account that holds the secrets, looked at once: secrets, policies, keys, trails, and values in plain text."""
    _facet(target, "aws")
    if isinstance(_vault, str):
        raise Inconclusive(_vault)
    from chimera_compliance.probes.secrets.estate import Estate

    with Estate(_account, _vault, real_secrets) as estate:
        yield estate


@pytest.fixture(scope="session")
def secret_use(target: Target, aws, api, guarded: list, alice, journal: Journal) -> "Behaviour":
    """How the application treats its secrets: whether it keeps them, how long, and what it does without the store."""
    from chimera_compliance.probes.secrets.watch import watch

    return watch(target, api, guarded, alice, journal)


@pytest.fixture(scope="session", autouse=True)
def early_look(request: pytest.FixtureRequest) -> "Reviewer | None":
    """The look at the repository, begun before anything else is asked, so that it costs little time of its own."""
    recorder = request.config.pluginmanager.get_plugin("compliance-recorder")  # none: these are the suite's own tests
    marks = [item.get_closest_marker("control") for item in request.session.items] if recorder else []
    if recorder is None or recorder.target.repo is None or not any(mark.args[0] == "C02" for mark in marks if mark):
        return None
    from chimera_compliance.probes.repository import Reviewer

    target = recorder.target
    needles = request.getfixturevalue("real_secrets").needles
    return Reviewer(target.file(target.repo.path), needles, target.repo.cache and target.file(target.repo.cache))


@pytest.fixture(scope="session")
def repo(target: Target) -> Path:
    """Where the git repository lies."""
    _facet(target, "repo")
    return target.file(target.repo.path)


@pytest.fixture(scope="session")
def repository(repo, journal: Journal, early_look: "Reviewer | None") -> "Review":
    """The git repository: its files and every object of its history."""
    from chimera_compliance.probes.repository import recorded

    return recorded(early_look.result(), journal)


@pytest.fixture(scope="session")
def db(target: Target, journal: Journal) -> Iterator["Database"]:
    """The PostgreSQL database, as the application's login role and as the catalog's."""
    _facet(target, "db")
    from chimera_compliance.probes.postgres import Database

    with Database(target, journal) as db:
        yield db


@pytest.fixture(scope="session")
def validation(api, target: Target, journal: Journal, operations: list, principals: dict) -> "Inspection":
    """How the API takes wrong input."""
    from chimera_compliance.probes.validation.inspection import Inspection

    inspection = Inspection(target, api, operations, principals).run()
    for what in inspection.left:
        journal.record("left", what, sent={}, received={})
    return inspection


@pytest.fixture(scope="session")
def handlers(repo, target: Target, journal: Journal) -> "Handlers":
    """The request handlers of the source tree, and what they take from bodies."""
    from chimera_compliance.probes.validation.source import read_handlers

    return read_handlers(target, journal)


@pytest.fixture(scope="session")
def audit_table(db) -> Iterator["AuditTable"]:
    """The audit table as the catalog describes it."""
    from chimera_compliance.probes.audit.audit_table import AuditTable

    table = AuditTable(db)
    yield table
    table.close()


@pytest.fixture(scope="session")
def observer(api, target: Target, journal: Journal, operations: list, principals: dict, audit_table) -> "Observer":
    """Runs sensitive operations, and reads what they leave in the audit table."""
    from chimera_compliance.probes.audit.observed import Observer

    alice, bob = _principal(principals, "alice"), principals.get("bob")
    return Observer(api, target, journal, audit_table.trail, operations, alice, bob)


@pytest.fixture(scope="session")
def audited(observer) -> "Observed":
    """Every sensitive operation, and the rows that it has left."""
    return observer.observe()


@pytest.fixture(scope="session", autouse=True)
def _pipeline_begun(request: pytest.FixtureRequest) -> Iterator["Future | None"]:
    """The pipeline's scanners are begun first of all: they run while other controls wait for the network."""
    recorder = request.config.pluginmanager.get_plugin("compliance-recorder")
    wanted = any(mark.args[0] == "C08" for item in request.session.items for mark in item.iter_markers("control"))
    if recorder is None or recorder.target.repo is None or not wanted or "C08" in recorder.target.not_applicable:
        yield None
        return
    from concurrent.futures import ThreadPoolExecutor

    from chimera_compliance.probes.pipeline.pipeline import Pipeline

    settings = recorder.target.repo
    with ThreadPoolExecutor(max_workers=1) as pool:
        begun = pool.submit(Pipeline.open, settings, recorder.target.file(settings.path))
        yield begun
        if begun.exception() is None:
            begun.result().close()


@pytest.fixture(scope="session")
def pipeline(repo, journal: Journal, _pipeline_begun) -> "Pipeline":
    """The repository's pipeline: its workflows, and the gates that each change meets."""
    found = _pipeline_begun.result()
    found.observe(journal)
    return found


@pytest.fixture(scope="session")
def trials(pipeline: "Pipeline", journal: Journal):
    """What each state of the repository's own scanner commands report on planted canaries."""
    pipeline.observe_trials(journal)
    return pipeline.trials


@pytest.fixture(scope="session")
def branch_rules(pipeline: "Pipeline", target: Target, journal: Journal) -> list:
    """What GitHub enforces on each branch that ships."""
    if target.repo.github is None:
        raise NotReviewed("the target file names no repo.github: the branch rules cannot be read without it")
    from chimera_compliance.probes.pipeline.branch_protection import GitHubApi

    api = GitHubApi(target, journal)
    return [api.rules(branch) for branch in dict.fromkeys(b for one in pipeline.judged for b in one.snapshot.branches)]
