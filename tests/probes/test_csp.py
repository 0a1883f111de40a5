"""The browser's reading of a Content-Security-Policy, case by case."""

import pytest

from chimera_compliance.probes.headers.csp import Policies, Policy
from chimera_compliance.probes.headers.csp_sources import Address

ORIGIN = Address.of("https://api.example.com/")
EVIL = Address.of("https://attacker.example/x.js")


def policies(*headers, report_only=(), html=""):
    return Policies.of(headers, report_only, html)


class TestParsing:
    def test_names_are_lower_cased_and_values_kept(self):
        policy = Policy.parse("  Script-SRC  'Nonce-AbC'\t https://A.example ;; ")
        assert policy.directives == {"script-src": ("'Nonce-AbC'", "https://A.example")}

    def test_only_the_first_of_a_repeated_directive_counts(self):
        policy = Policy.parse("script-src 'none'; SCRIPT-SRC *")
        assert policy.directives["script-src"] == ("'none'",)
        assert policy.ignored == ("script-src (given twice)",)

    def test_a_directive_that_is_not_ascii_is_dropped(self):
        policy = Policy.parse("script-src \u2018none\u2019; object-src 'none'")
        assert list(policy.directives) == ["object-src"]

    def test_only_ascii_white_space_parts_values(self):
        assert Policy.parse("script-src a\x0bb").directives["script-src"] == ("a\x0bb",)

    def test_commas_and_fields_make_policies_of_their_own(self):
        assert len(policies("default-src 'self', script-src 'none'", "img-src *").in_header) == 3

    def test_a_policy_without_a_directive_is_none(self):
        assert policies("", " ; , ;").enforced == ()

    @pytest.mark.parametrize(
        ("text", "fault"),
        [
            ("scrpt-src 'none'", "scrpt-src (unknown directive)"),
            ("default-src none", "default-src none (a keyword needs quotes)"),
            ("script-src 'nonce-'", "script-src 'nonce-' (unknown source)"),
            ("script-src 'none' https://a.example", "script-src 'none' (beside other sources)"),
        ],
        ids=["misspelt", "unquoted", "empty nonce", "none beside"],
    )
    def test_what_a_browser_passes_over_is_named(self, text, fault):
        assert fault in Policy.parse(text).ignored

    def test_a_sound_policy_has_nothing_passed_over(self):
        text = (
            "default-src 'none'; script-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=' "
            "https://a:8443/x/; "
            "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; report-to csp; upgrade-insecure-requests; "
            "sandbox allow-scripts; require-trusted-types-for 'script'"
        )
        assert Policy.parse(text).ignored == ()


class TestFallBack:
    @pytest.mark.parametrize(
        ("text", "directive", "expected"),
        [
            ("default-src a", "script-src-elem", ("a",)),
            ("default-src a; script-src b", "script-src-elem", ("b",)),
            ("default-src a; script-src b; script-src-elem c", "script-src-elem", ("c",)),
            ("default-src a; script-src-elem c", "script-src-attr", ("a",)),
            ("default-src a; child-src b; script-src c", "worker-src", ("b",)),
            ("default-src a; script-src c", "worker-src", ("c",)),
            ("default-src a; child-src b", "frame-src", ("b",)),
            ("default-src a", "object-src", ("a",)),
        ],
    )
    def test_chain(self, text, directive, expected):
        assert Policy.parse(text).sources(directive).values == expected

    @pytest.mark.parametrize("directive", ["base-uri", "form-action", "frame-ancestors"])
    def test_what_has_no_fall_back(self, directive):
        assert Policy.parse("default-src 'none'").sources(directive) is None


INLINE = [
    ("script-src 'unsafe-inline'", True),
    ("script-src 'UNSAFE-Inline'", True),
    ("default-src 'unsafe-inline'", True),
    ("img-src 'none'", True),
    ("style-src 'unsafe-inline'; script-src 'self'", False),
    ("script-src 'unsafe-inline' 'nonce-r4nd0m'", False),
    ("script-src 'unsafe-inline' 'nonce-'", True),
    ("script-src 'unsafe-inline' 'sha256-abc='", False),
    ("script-src 'unsafe-inline' 'sha1-abc='", True),
    ("script-src 'unsafe-inline' 'strict-dynamic'", False),
    ("script-src 'self'; script-src-elem 'unsafe-inline'", True),
    ("script-src 'unsafe-inline'; script-src-elem 'self'", False),
    ("script-src 'unsafe-inline', script-src 'self'", False),
    ("script-src 'unsafe-inline'; sandbox", False),
    ("script-src 'unsafe-inline'; sandbox allow-scripts", True),
    ("script-src 'none'; script-src 'unsafe-inline'", False),
    ("default-src 'none'", False),
    ("script-src", False),
]


@pytest.mark.parametrize(("text", "allowed"), INLINE, ids=[text for text, _ in INLINE])
def test_inline_script(text, allowed):
    assert policies(text).allows_inline("elem") is allowed


def test_inline_handlers_follow_their_own_directive():
    found = policies("script-src 'unsafe-inline'; script-src-elem 'self'")
    assert found.allows_inline("attr")
    assert not found.allows_inline("elem")


FOREIGN = [
    ("script-src *", "https://attacker.example/x.js", True),
    ("script-src *", "data:text/javascript,1", False),
    ("script-src data:", "data:text/javascript,1", True),
    ("script-src https:", "https://attacker.example/x.js", True),
    ("script-src http:", "https://attacker.example/x.js", True),
    ("script-src https:", "http://attacker.example/x.js", False),
    ("script-src 'self'", "https://attacker.example/x.js", False),
    ("script-src 'self'", "https://API.example.com/x.js", True),
    ("script-src 'self'", "https://api.example.com:8443/x.js", False),
    ("script-src https://*", "https://attacker.example/x.js", True),
    ("script-src *:*", "https://attacker.example/x.js", True),
    ("script-src *.example", "https://attacker.example/x.js", True),
    ("script-src *.attacker.example", "https://attacker.example/x.js", False),
    ("script-src ATTACKER.example", "https://attacker.example/x.js", True),
    ("script-src attacker.example", "http://attacker.example/x.js", False),
    ("script-src http://attacker.example", "http://attacker.example/x.js", True),
    ("script-src http://attacker.example:80", "https://attacker.example/x.js", True),
    ("script-src attacker.example:8443", "https://attacker.example/x.js", False),
    ("script-src attacker.example/lib/", "https://attacker.example/lib/x.js", True),
    ("script-src attacker.example/lib", "https://attacker.example/lib/x.js", False),
    ("script-src attacker.example/x.JS", "https://attacker.example/x.js", False),
    ("script-src https: 'strict-dynamic' 'nonce-abc'", "https://attacker.example/x.js", False),
    ("script-src https:, script-src 'self'", "https://attacker.example/x.js", False),
    ("script-src 'none' https:", "https://attacker.example/x.js", True),
    ("script-src 'none'", "https://attacker.example/x.js", False),
    ("img-src 'none'", "https://attacker.example/x.js", True),
    ("script-src [::1]:8443", "https://[::1]:8443/x.js", True),
]


@pytest.mark.parametrize(("text", "url", "allowed"), FOREIGN, ids=[f"{text} {url}" for text, url, _ in FOREIGN])
def test_script_of_an_address(text, url, allowed):
    assert policies(text).allows_script(Address.of(url), ORIGIN) is allowed


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("script-src 'unsafe-eval'", True),
        ("default-src 'self' 'Unsafe-Eval'", True),
        ("script-src 'self'", False),
        ("script-src 'self'; script-src-elem 'unsafe-eval'", False),
        ("object-src 'none'", True),
        ("script-src 'wasm-unsafe-eval'", False),
        ("script-src 'unsafe-eval'; sandbox", False),
    ],
)
def test_eval(text, allowed):
    assert policies(text).allows_eval() is allowed


class TestWhatIsEnforced:
    def test_no_policy_allows_everything(self):
        found = policies()
        assert found.allows_inline("elem")
        assert found.allows_eval()
        assert found.allows_script(EVIL, ORIGIN)
        assert found.allows_framing(EVIL, ORIGIN)

    def test_report_only_forbids_nothing(self):
        found = policies(report_only=["default-src 'none'; frame-ancestors 'none'"])
        assert found.report_only
        assert found.allows_inline("elem")
        assert found.allows_framing(EVIL, ORIGIN)

    def test_a_meta_element_is_enforced_but_cannot_forbid_framing(self):
        html = (
            "<html><head><META HTTP-EQUIV=' Content-Security-Policy' "
            "content=\"script-src 'none'; frame-ancestors 'none'\"></head>"
        )
        found = policies(html=html)
        assert not found.allows_inline("elem")
        assert found.allows_framing(EVIL, ORIGIN)
        assert found.ignored == ["frame-ancestors (not in a meta element)"]

    @pytest.mark.parametrize(
        "html",
        [
            "<body><meta http-equiv=content-security-policy content=\"script-src 'none'\">",
            "<head></head><meta http-equiv=content-security-policy content=\"script-src 'none'\">",
            "<meta http-equiv=content-security-policy-report-only content=\"script-src 'none'\">",
            "<!-- <meta http-equiv=content-security-policy content=\"script-src 'none'\"> -->",
        ],
        ids=["in the body", "after the head", "report only", "in a comment"],
    )
    def test_a_meta_element_elsewhere_is_not(self, html):
        assert policies(html=html).enforced == ()

    def test_nonces_are_collected_where_they_let_scripts_through(self):
        assert policies("default-src 'nonce-AbC='; img-src 'nonce-x'").nonces == {"AbC="}

    def test_framing_needs_every_policy_to_allow_it(self):
        assert policies("frame-ancestors https:").allows_framing(EVIL, ORIGIN)
        assert not policies("frame-ancestors https:", "frame-ancestors 'self'").allows_framing(EVIL, ORIGIN)
        assert policies("default-src 'none'").allows_framing(EVIL, ORIGIN)

    def test_whether_any_script_runs(self):
        assert not policies("default-src 'none'").runs_scripts
        assert not policies("script-src 'self'; sandbox allow-forms").runs_scripts
        assert not policies("script-src 'self', script-src 'none'").runs_scripts
        assert policies("script-src 'none'; script-src-attr 'unsafe-hashes' 'sha256-abc='").runs_scripts
