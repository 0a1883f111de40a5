"""What a file's place says about a literal in it: a lock file, a test and a page of documentation are full of look-alikes."""

import re

from chimera_compliance.probes.repository.candidates import Candidate
from chimera_compliance.probes.repository.judgement import Strength

_LOCK = re.compile(
    r"(?:^|/)(?:package-lock\.json|npm-shrinkwrap\.json|yarn\.lock|pnpm-lock\.ya?ml|bun\.lockb?|poetry\.lock|pdm\.lock|uv\.lock"
    r"|Pipfile\.lock|Cargo\.lock|Gemfile\.lock|composer\.lock|go\.sum|go\.work\.sum|\.terraform\.lock\.hcl|flake\.lock|mix\.lock"
    r"|pubspec\.lock|packages\.lock\.json|gradle\.lockfile|deno\.lock|conda-lock\.ya?ml|.*\.lock\.json)$"
)
_VENDORED = re.compile(
    r"(?:^|/)(?:node_modules|bower_components|vendor|third_party|site-packages)/|\.min\.(?:js|css)$|\.(?:js|css)\.map$|\.svg$"
)
_TESTS = re.compile(
    r"(?i)(?:^|/)(?:tests?|testing|t|specs?|__tests__|e2e|fixtures?|testdata|test[-_]data|mocks?|__mocks__|stubs|benchmarks?"
    r"|examples?|samples?|demos?|docs?|documentation|tutorials?)/"
    r"|(?:^|/)(?:test_[^/]*|[^/]*_test|[^/]*\.(?:test|spec)|conftest|[^/]*Tests?)\.\w+$"
    r"|(?:^|/)(?:readme|changelog|changes|contributing|history|license|security|install|faq)[^/]*$"
    r"|\.(?:md|mdx|rst|adoc|po|pot|xlf)$|(?:[._-])(?:example|sample|template|tmpl|tpl|dist|default|test)(?:\.\w+)?$"
)
_CODE = re.compile(
    r"\.(?:py|pyi|pyx|js|jsx|mjs|cjs|ts|tsx|vue|svelte|go|java|kt|kts|scala|groovy|rb|php|c|cc|cpp|cxx|h|hpp|cs|fs|rs|swift|m|mm"
    r"|dart|lua|pl|pm|r|jl|ex|exs|erl|clj|hs|ml|sol|ipynb|html?|css|scss|less|sql|graphql|proto)$",
    re.IGNORECASE,
)
_MARKDOWN = re.compile(r"\.(?:md|mdx|rst|adoc|txt|html?)$", re.IGNORECASE)
_DOTENV = re.compile(r"(?:^|/)(?:\.env(?:\.[\w.-]+)?|[\w.-]+\.env)$|(?:^|/)\.envrc$")
_SAMPLE = re.compile(
    r"(?i)(?:[._-])(?:example|sample|template|tmpl|tpl|dist|defaults?)(?:\.\w+)*$|(?:^|/)(?:example|sample)[._-]"
)


_PIPELINE = re.compile(
    r"(?:^|/)(?:\.travis\.yml|\.gitlab-ci\.yml|\.github/workflows/.*|\.circleci/.*|azure-pipelines.*|appveyor\.yml|tox\.ini|noxfile\.py"
    r"|Jenkinsfile|bitbucket-pipelines\.yml)$"
)


def is_lock(path: str) -> bool:
    """A file of resolved dependencies, full of digests."""
    return bool(_LOCK.search(path))


def is_elsewhere(path: str) -> bool:
    """Tests, samples and documentation."""
    return bool(_TESTS.search(path))


def is_dotenv(path: str) -> bool:
    """A file of environment variables: `.env`, `.env.production`, `prod.env`."""
    return bool(_DOTENV.search(path))


def is_sample(path: str) -> bool:
    """A file that is there to be copied: `.env.example`."""
    return bool(_SAMPLE.search(path))


def is_application(path: str) -> bool:
    """The application's own code and configuration."""
    return not (is_lock(path) or is_elsewhere(path) or _VENDORED.search(path))


def stands(candidate: Candidate, path: str) -> bool:
    """Whether a candidate is a finding in a file of that path."""
    if candidate.strict:
        return True
    if is_lock(path) or _VENDORED.search(path):
        return False
    if candidate.name and not candidate.quoted and _CODE.search(path):
        return False  # an expression
    if is_elsewhere(path):
        return _nobody_makes_up(candidate)
    if candidate.strength is Strength.WORD:
        return not (_MARKDOWN.search(path) or _PIPELINE.search(path))
    return True


def _nobody_makes_up(candidate: Candidate) -> bool:
    """Chance, or all four kinds of characters that a password policy asks for, and no word of tests."""
    value = candidate.value
    if re.search(r"(?i)test|dummy|fake|mock|example|sample|secret|passw|token|foo|bar|abc|123|qwert|xxx", value):
        return False
    if candidate.strength is Strength.RANDOM:
        return True
    kinds = (r"[a-z]", r"[A-Z]", r"\d", r"[^\w\s]")
    return len(value) >= 9 and all(re.search(kind, value) for kind in kinds)
