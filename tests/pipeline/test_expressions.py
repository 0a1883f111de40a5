"""GitHub's expressions: what is known, and what follows from what is not."""

import pytest

from chimera_compliance.probes.pipeline.context import Context
from chimera_compliance.probes.pipeline.events import Event, matches
from chimera_compliance.probes.pipeline.expressions import Unknown, condition, truth

PUSH, PULL, FORK = Event("push", "main"), Event("pull_request", "main"), Event("pull_request", "main", fork=True)
UNKNOWN = "unknown"


def holds(text: str, event: Event = PUSH, **more):
    context = Context(event, matrix={"os": "linux", "n": 3}, env={"A": "b"}, **more)
    value = truth(condition(text, context.names, context.functions))
    return UNKNOWN if isinstance(value, Unknown) else value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("true", True),
        ("${{ false }}", False),
        ("github.event_name == 'push'", True),
        ("github.event_name != 'PUSH'", False),  # texts are compared without regard to case
        ("github.ref == 'refs/heads/main' && github.event_name == 'push'", True),
        ("startsWith(github.ref, 'refs/tags/')", False),
        ('contains(fromJSON(\'["push", "x"]\'), github.event_name)', True),
        ("!cancelled()", True),
        ("failure()", False),
        ("always()", True),
        ("matrix.os == 'linux' && matrix.n > 2", True),
        ("matrix.none", False),
        ("env.A == 'b'", True),
        ("github['event_name'] == 'push'", True),
        ("(1 == 1) != true", False),
        ("''", False),
        ("'it''s' == 'it''s'", True),
        ("vars.X == 'y'", UNKNOWN),
        ("vars.X == 'y' && false", False),
        ("vars.X == 'y' || true", True),
        ("!vars.X", UNKNOWN),
        ("needs.build.outputs.changed == 'true'", UNKNOWN),
        ("secrets.X != ''", UNKNOWN),
        ("this is no expression", UNKNOWN),
        ("((((", UNKNOWN),
        ("${{ github.event_name == 'x' }} && true", True),  # a text that is not empty
        ("format('{0}-{1}', 'a', 'b') == 'a-b'", True),
    ],
)
def test_a_condition_holds_or_not_or_is_not_known(text, expected):
    assert holds(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("github.event.pull_request.head.repo.fork", [False, False, True]),
        ("github.event.pull_request.head.repo.full_name != github.repository", [True, False, True]),
        ("github.base_ref == 'main'", [False, True, True]),
        ("github.event.pull_request.draft == false", [True, True, True]),
        ("github.repository_owner == 'owner'", [True, True, True]),
    ],
)
def test_the_event_decides(text, expected):
    assert [holds(text, event) for event in (PUSH, PULL, FORK)] == expected


def test_deep_nesting_is_not_known_rather_than_fatal():
    assert holds("(" * 5000 + "true" + ")" * 5000) == UNKNOWN


@pytest.mark.parametrize(
    ("name", "patterns", "expected"),
    [
        ("main", ["main"], True),
        ("release/1.0", ["release/**"], True),
        ("release/1/0", ["release/*"], False),
        ("releases/mona", ["releases/**", "!releases/**-alpha"], True),
        ("releases/mona-alpha", ["releases/**", "!releases/**-alpha"], False),
        ("src/a/b.py", ["**.py"], True),
        ("src/a/b.py", ["*.py"], False),
        ("README.md", ["**/*.md"], True),
        ("v1.10.1", ["v[12].[0-9]+.[0-9]+"], True),
        ("page.jsx", ["*.jsx?"], True),
        ("a+b", ["a+b"], False),
    ],
)
def test_filter_patterns_match_as_documented(name, patterns, expected):
    assert matches(name, patterns) is expected
