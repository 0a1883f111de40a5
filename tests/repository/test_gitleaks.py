"""A repository's own rules and allow-lists mean to us what they mean to gitleaks."""

import pytest

from chimera_compliance.probes.repository import canaries, gitleaks, review
from chimera_compliance.probes.repository.detectors import built_in
from chimera_compliance.probes.repository.golang_regex import compiled
from chimera_compliance.probes.repository.rule import filled

TOKEN = filled("ghp_{alnum:36}")
RULE = "[[rules]]\nid = 'own'\nregex = '''own-([0-9a-f]{8})'''\n"
ALLOW = {
    "paths": "[allowlist]\npaths = ['''^src/a\\.py$''']\n",
    "regexes": f"[allowlist]\nregexes = ['''^{TOKEN}$''']\n",
    "regexTarget line": "[allowlist]\nregexTarget = 'line'\nregexes = ['''TOKEN = ''']\n",
    "regexTarget match": "[allowlist]\nregexTarget = 'match'\nregexes = ['''ghp_''']\n",
    "stopwords": f"[allowlist]\nstopwords = ['{TOKEN[6:20].lower()}']\n",
    "new form": "[[allowlists]]\npaths = ['''^src/''']\n",
    "condition AND": f"[[allowlists]]\ncondition = 'AND'\npaths = ['''^src/''']\nregexes = ['''{TOKEN}''']\n",
    "targetRules": "[[allowlists]]\ntargetRules = ['github-pat']\npaths = ['''^src/''']\n",
    "rule's allow-list": "[[rules]]\nid = 'github-pat'\n[[rules.allowlists]]\npaths = ['''^src/''']\n",
    "rule's old allow-list": "[[rules]]\nid = 'github-pat'\n[rules.allowlist]\npaths = ['''^src/''']\n",
}
DO_NOT_ALLOW = {
    "another path": "[allowlist]\npaths = ['''^lib/''']\n",
    "condition AND, half of it": "[[allowlists]]\ncondition = 'AND'\npaths = ['''^src/''']\nregexes = ['''other''']\n",
    "another rule": "[[allowlists]]\ntargetRules = ['aws-access-token']\npaths = ['''^src/''']\n",
}


@pytest.mark.parametrize("text", ALLOW.values(), ids=list(ALLOW))
def test_allow_lists_are_honoured(repo, text):
    repo.write(".gitleaks.toml", text)
    repo.commit("src/a.py", f'TOKEN = "{TOKEN}"\n')
    assert not review(repo.path).leaks


@pytest.mark.parametrize("text", DO_NOT_ALLOW.values(), ids=list(DO_NOT_ALLOW))
def test_allow_lists_are_not_stretched(repo, text):
    repo.write(".gitleaks.toml", text)
    repo.commit("src/a.py", f'TOKEN = "{TOKEN}"\n')
    assert review(repo.path).leaks


def test_commits_are_allowed(repo):
    commit = repo.commit("src/a.py", f'TOKEN = "{TOKEN}"\n')
    repo.git("rm", "-q", "src/a.py")
    repo.commit(".gitleaks.toml", f"[allowlist]\ncommits = ['{commit}']\n")
    assert not review(repo.path).leaks


def test_ignore_file_and_comments_are_honoured(repo):
    repo.write(".gitleaksignore", "src/a.py:github-pat:1\n")
    repo.write("src/a.py", f'TOKEN = "{TOKEN}"\n')
    repo.commit("src/b.py", f'TOKEN = "{filled("ghp_{alnum:36}", 5)}"  # gitleaks:allow\n')
    assert not review(repo.path).leaks


@pytest.mark.parametrize(
    ("rule", "text", "matches"),
    [
        (RULE, "own-0123abcd", True),
        (RULE + "keywords = ['elsewhere']\n", "own-0123abcd", False),
        (RULE + "keywords = ['elsewhere']\n", "# Elsewhere\n\n\n\nown-0123abcd", True),
        (RULE + "entropy = 2.9\n", "own-0000000a", False),
        (RULE + "secretGroup = 1\nentropy = 2.9\n", "own-0123abcd", True),
        ("[[rules]]\nid = 'own'\nregex = '''(?i)OWN-[[:xdigit:]]{8}\\z'''\n", "own-0123abcd", True),
        ("[[rules]]\nid = 'own'\nregex = '''a(?i)b-\\d+'''\n", "aB-12", True),
    ],
)
def test_own_rules_are_looked_for(repo, rule, text, matches):
    repo.write(".gitleaks.toml", rule)
    repo.write("data.txt", text)
    assert bool([leak for leak in review(repo.path).leaks if leak.own]) is matches


def test_a_configuration_that_is_extended_is_read(repo):
    repo.write(".gitleaks.toml", "[extend]\npath = 'ci/base.toml'\n")
    repo.write("ci/base.toml", RULE)
    repo.write("data.txt", "own-0123abcd")
    assert [leak.own for leak in review(repo.path).leaks] == [True]


def test_malformed_configuration_is_told(repo):
    repo.write(".gitleaks.toml", "[[rules]\nid = ")
    made = review(repo.path)
    assert "no valid TOML" in made.configuration.problems[0]
    repo.write(".gitleaks.toml", "[[rules]]\nid = 'x'\nregex = '''(unclosed'''\n")
    assert "rule x" in review(repo.path).configuration.problems[0]


SWALLOW = {
    "everything by path": "[allowlist]\npaths = ['''.*''']\n",
    "everything by secret": "[[allowlists]]\nregexes = ['''.''']\n",
    "a kind": "[[allowlists]]\nregexes = ['''AKIA.+''']\n",
    "the source": "[[allowlists]]\npaths = ['''^src/''']\n",
    "Python": "[[allowlists]]\npaths = ['''\\.py$''']\n",
    "environment files": "[[allowlists]]\npaths = ['''\\.env''']\n",
    "a letter": "[[allowlists]]\nstopwords = ['a', 'e', '1']\n",
    "a rule": "[[allowlists]]\ntargetRules = ['private-key']\nregexes = ['''BEGIN''', '''[A-Z]''']\n",
    "every line with a quote": "[[allowlists]]\nregexTarget = 'line'\nregexes = ['''.+''']\n",
}
NARROW = {
    "none": "",
    "a sample": "[[allowlists]]\nregexes = ['''^AKIAIOSFODNN7EXAMPLE$''']\n",
    "tests": "[[allowlists]]\npaths = ['''^tests/''', '''^docs/''', '''(?:poetry|uv)\\.lock$''']\n",
    "words of samples": "[[allowlists]]\nstopwords = ['example', 'changeme']\n",
    "both": "[[allowlists]]\ncondition = 'AND'\npaths = ['''^src/''']\nregexes = ['''^abc$''']\n",
    "one file": "[[allowlists]]\npaths = ['''^src/chimera/samples\\.py$''']\n",
    "a commit": "[[allowlists]]\ncommits = ['0123456789abcdef0123456789abcdef01234567']\n",
}
PATHS = [
    "src/chimera/auth.py",
    "src/chimera/samples.py",
    "src/chimera/db.py",
    "config/app.yaml",
    "tests/test_a.py",
    "README.md",
]


@pytest.mark.parametrize("text", SWALLOW.values(), ids=list(SWALLOW))
def test_an_allow_list_that_swallows_is_seen(text):
    assert canaries.swallowed(gitleaks.load({".gitleaks.toml": text.encode()}), PATHS, built_in())


@pytest.mark.parametrize("text", NARROW.values(), ids=list(NARROW))
def test_a_narrow_allow_list_is_not_reported(text):
    assert not canaries.swallowed(gitleaks.load({".gitleaks.toml": text.encode()}), PATHS, built_in())


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (r"(?i)abc", "ABC"),
        (r"x(?i)abc", "xABC"),
        (r"(?i:a)b\z", "Ab"),
        (r"[[:alpha:]]+-[[:^digit:]]", "ab-c"),
        (r"(?P<a>x)(?<b>y)", "xy"),
        (r"\p{L}+", "é"),
        (r"(?s)a.b", "a\nb"),
        (r"[]a]+", "]a"),
    ],
)
def test_expressions_of_go_are_understood(expression, text):
    assert compiled(expression).search(text)
