"""C02  No credential stands in code, configuration or history, and no real one is shown to anybody."""

import pytest

from chimera_compliance import Inconclusive, Problem, control, reject
from chimera_compliance.outcomes import NotReviewed
from chimera_compliance.probes.repository import canaries, dotenv, elsewhere, policy
from chimera_compliance.probes.repository.detectors import built_in
from chimera_compliance.probes.repository.exact import Exact
from chimera_compliance.probes.repository.judgement import Strength
from chimera_compliance.probes.repository.review import ASIDE, HISTORY, NAME, TEXT, TREE

pytestmark = control("C02")

NOWHERE = "a reference to a secret store or to the environment"


@pytest.fixture
def files(repository, coverage):
    """The files of the tree; what could not be read of them is named."""
    coverage.unit = "files"
    coverage.tested(repository.paths or ["an empty tree"])
    for path, reason in repository.unread.items():
        coverage.untested(path, reason)
    return repository


@pytest.fixture
def history(repository, coverage):
    """The whole history; of a shallow clone there is none to look at."""
    if repository.git.shallow:
        raise NotReviewed("the clone is shallow: fetch its history (git fetch --unshallow)")
    if not repository.git.has_commits:
        raise Inconclusive("the repository has no commit: there is no history to look at")
    coverage.unit = "objects"
    coverage.tested(f"{repository.looked.objects + repository.looked.known} objects")
    for name in repository.looked.missing:
        coverage.untested(f"object {name}", "git cannot read it")
    if repository.looked.unread:
        coverage.untested("the other objects", "git gave up before all were read")
    return repository


@pytest.fixture(scope="session")
def sought(real_secrets):
    """The real secrets that nobody may be shown, ready to be looked for."""
    return Exact(elsewhere.not_the_callers(real_secrets.needles))


@pytest.fixture
def exact(real_secrets, sought, coverage):
    """The real secrets; the ones that cannot be read are named."""
    coverage.unit = "secrets"
    for name, reason in real_secrets.unread.items():
        coverage.untested(name, f"cannot be read: {reason}")
    if not real_secrets.needles:
        raise NotReviewed(
            "no real secret can be read: name an aws section, or the secrets of the deployment, in the target file"
        )
    coverage.tested(sorted({needle.secret for needle in real_secrets.needles}))
    return sought


def _leaks(review, *where, live=False, own=False, rules=()):
    return [
        leak
        for leak in review.leaks
        if leak.where in where and leak.live == live and leak.own == own and (not rules or leak.rule in rules)
    ]


def test_search_finds_what_is_planted(repository, coverage):
    """The positive control: one credential of each kind is found by the very search that found nothing else."""
    coverage.unit = "kinds of credentials"
    coverage.tested(sorted({detector.id for detector in built_in()}))
    if repository.unfound:
        raise Inconclusive(f"a planted credential is not found: {repository.unfound[0]}")
    if not repository.paths and not repository.git.has_commits:
        raise Inconclusive("the repository is empty: there is nothing to look at")
    reject(
        [
            Problem(path, "cannot be looked at", "a file of at most 4 GB that can be read", reason)
            for path, reason in repository.unread.items()
        ]
    )


def test_no_issued_credential_in_files(files):
    """Keys and tokens of a known form: AWS, GitHub, private keys, seed phrases, …"""
    named = ("hardcoded-password", "hardcoded-secret")
    reject([leak for leak in _leaks(files, TREE) if leak.rule not in named], "holds a credential", expected=NOWHERE)


def test_no_password_in_files(files):
    """Literals that are given a credential's name, in code and in configuration."""
    reject(
        _leaks(files, TREE, rules=("hardcoded-password", "hardcoded-secret")),
        "holds a hardcoded credential",
        expected=NOWHERE,
    )


def test_no_credential_in_history(history):
    """What was deleted is still in every clone."""
    reject(_leaks(history, HISTORY), "holds a credential", expected="a history without it, and the credential revoked")


def test_no_credential_in_messages(history):
    """Commits, tags and notes are published with the code."""
    reject(_leaks(history, TEXT), "holds a credential", expected="messages without credentials")


def test_no_credential_in_names(history):
    """The name of a file, a folder, a branch or a tag."""
    reject(_leaks(history, NAME), "is or was a credential", expected="names without credentials")


def test_no_credential_aside(history):
    """Stashes, the reflog, and objects that nothing points to any more."""
    reject(_leaks(history, ASIDE), "is kept by git though no branch leads there", expected="git reflog expire, git gc")


def test_own_rules_find_nothing(history, coverage):
    """The rules of the repository's .gitleaks.toml, over files and history; whether it should have any is C08's."""
    config = history.configuration
    if not config.file:
        coverage.tested("no rules of its own: those of ADR-005 are among the built-in ones")
    if config.problems:
        raise Inconclusive(config.problems[0])
    reject(_leaks(history, TREE, HISTORY, TEXT, NAME, ASIDE, own=True), "matches the repository's own rule")


def test_allow_lists_let_nothing_real_through(repository, coverage):
    """An allow-list is there for samples; one that lets a planted credential through lets a real one through."""
    config = repository.configuration
    coverage.unit = "allow-lists"
    if config.problems:
        raise Inconclusive(config.problems[0])
    coverage.tested([one.place for one in config.allow_lists] or "no allow-list")
    reject(
        Problem(
            one.place,
            f"lets credentials through {one.how}",
            "exact samples, or exact files",
            ", ".join(one.kinds),
            file=config.file,
        )
        for one in canaries.swallowed(config, repository.paths, built_in())
    )


def test_no_real_secret_in_files(exact, files):
    """The very values of the secret store and of the run, in every spelling."""
    reject(_leaks(files, TREE, NAME, live=True), "holds a secret of the deployment", expected="no copy")


def test_no_real_secret_in_history(exact, history):
    """The same in every object: deleted, stashed, merged, packed."""
    reject(_leaks(history, HISTORY, TEXT, ASIDE, live=True), "holds a secret of the deployment", expected="no copy")


def test_no_real_secret_in_answers(exact, api, responses, coverage):
    """Every kind of answer that could be brought out, errors included: bodies and headers."""
    texts = list(elsewhere.answers(item.exchange for item in responses))
    coverage.tested([subject for subject, *_ in texts])
    reject(elsewhere.in_texts(exact, texts), "answers with a secret of the deployment", expected="no secret")


def test_no_real_secret_in_the_document(exact, api, target, journal):
    """An OpenAPI document has defaults and examples."""
    from chimera_compliance.probes.openapi.document import fetch

    if not target.api.openapi:
        raise NotReviewed("the target file names no OpenAPI document")
    document = fetch(target, target.api.openapi, journal.run_id, api.authorization)
    observation = journal.record(
        "http", "the OpenAPI document", sent={"location": target.api.openapi}, received={"bytes": len(document)}
    )
    reject(
        elsewhere.in_texts(exact, [("the OpenAPI document", document, observation)]), "shows a secret", expected="none"
    )


def test_no_real_secret_in_audit_rows(exact, db, target, journal, coverage):
    """Raw arguments and details of a request carry secrets into a table that is kept for a year."""
    if not target.db.audit_table:
        raise NotReviewed("the target file names no audit table")
    try:
        rows = elsewhere.audit_rows(target, journal)
    except Exception as error:
        raise Inconclusive(f"the audit table cannot be read: {type(error).__name__}") from None
    if not rows:
        raise Inconclusive("the audit table holds no row that the suite may read")
    reject(elsewhere.in_texts(exact, rows), "holds a secret of the deployment", expected="no secret")


def test_no_real_secret_in_logs(exact, target, journal, coverage):
    """Logs are read by more people, and kept in more places, than any secret store."""
    if target.repo is None or not target.repo.logs:
        raise NotReviewed("the target file names no log files (repo.logs)")
    texts = []
    for name in target.repo.logs:
        try:
            content = elsewhere.log(target.file(name))
        except OSError as error:
            coverage.untested(name, f"cannot be read: {error.strerror}")
            continue
        observation = journal.record("file", f"log {name}", sent={"file": name}, received={"bytes": len(content)})
        texts.append((f"log {name}", content, observation))
    reject(elsewhere.in_texts(exact, texts), "holds a secret of the deployment", expected="no secret")


def test_env_file_is_ignored(repository, coverage):
    """The next `git add .` must not publish a developer's credentials."""
    coverage.unit = "names"
    if repository.git.bare:
        raise NotReviewed("a bare repository has no work tree whose files could be ignored")
    names = (".env", ".env.local", ".env.production", "src/.env")
    coverage.tested(names)
    tracked = set(repository.paths) & set(names)
    exposed = [name for name in names[:1] + names[3:] if name not in tracked and not repository.git.ignores(name)]
    reject(
        Problem(name, "would be committed by `git add .`", "ignored", "not ignored", file=".gitignore")
        for name in exposed
    )


def test_env_file_is_not_committed(files, history):
    """A file of environment variables with real values, in the tree or in the history."""
    problems = []
    for path, content in files.dotenv.items():
        if not policy.is_sample(path):
            problems += [
                Problem(path, f"sets {name}", "not committed", f"{len(value)} characters", file=path, line=line)
                for name, value, line in dotenv.credentials(content, Strength.WORD)
            ]
    problems += [
        Problem(
            leak.subject,
            "was committed",
            "never committed",
            leak.actual,
            leak.observation,
            file=leak.file,
            line=leak.line,
        )
        for leak in _leaks(history, HISTORY)
        if policy.is_dotenv(leak.file) and not policy.is_sample(leak.file)
    ]
    reject(problems)


def test_env_sample_holds_placeholders(files, coverage):
    """`.env.example` is copied by everybody: what is in it is used."""
    samples = {path: content for path, content in files.dotenv.items() if policy.is_sample(path)}
    coverage.tested(list(samples) or "no sample file")
    reject(
        Problem(
            path, f"gives {name} a value", "nothing, or a placeholder", f"{len(value)} characters", file=path, line=line
        )
        for path, content in samples.items()
        for name, value, line in dotenv.credentials(content)
    )
