"""Security headers as browsers and caches read them, header by header."""

import pytest

from chimera_compliance.probes.headers import values as headers
from chimera_compliance.probes.headers.values import Cookie, Hsts, MediaType


def test_a_list_keeps_quoted_commas_and_drops_empty_members():
    assert list(headers.split(['a, "b, c";x=1, , d', "e"])) == ["a", '"b, c";x=1', "d", "e"]


@pytest.mark.parametrize(
    ("value", "max_age", "subdomains"),
    [
        ("max-age=31536000; includeSubDomains; preload", 31536000, True),
        ('MAX-AGE="60" ;INCLUDESUBDOMAINS', 60, True),
        (" max-age = 60 ; unknown=x ;", 60, False),
        ("max-age=0", 0, False),
    ],
)
def test_hsts(value, max_age, subdomains):
    assert Hsts.parse([value]) == Hsts(max_age, subdomains)


@pytest.mark.parametrize(
    "value",
    [
        "includeSubDomains", "max-age", "max-age=", "max-age=-1", "max-age=1y", "max-age=60; max-age=60",
        "max-age=60, includeSubDomains", "max-age=60 includeSubDomains", "", "max-age=६०",
    ],
)  # fmt: skip
def test_hsts_that_browsers_discard(value):
    assert Hsts.parse([value]).fault


def test_hsts_counts_by_its_first_field():
    assert Hsts.parse(["max-age=0", "max-age=31536000"]).max_age == 0
    assert Hsts.parse([]) is None


def test_frame_options_of_several_fields_are_combined():
    assert headers.frame_options(["deny", "DENY, sameorigin"]) == {"DENY", "SAMEORIGIN"}


@pytest.mark.parametrize(
    ("values", "stops"),
    [
        (["nosniff"], True), ([" NoSniff "], True), (["nosniff, nosniff"], True), (["nosniff", "x"], True),
        (["x, nosniff"], False), (["", "nosniff"], False), (['"nosniff"'], False), ([], False),
    ],
)  # fmt: skip
def test_sniffing(values, stops):
    assert headers.stops_sniffing(values) is stops


@pytest.mark.parametrize(
    ("values", "policy"),
    [
        (["no-referrer, strict-origin-when-cross-origin"], "strict-origin-when-cross-origin"),
        (["strict-origin, future-policy"], "strict-origin"),
        (["No-Referrer", "unsafe-url"], "unsafe-url"),
        (["never"], ""),
        ([], ""),
    ],
)
def test_the_last_known_referrer_policy_counts(values, policy):
    assert headers.referrer_policy(values) == policy


def test_permissions():
    found = headers.permissions(['camera=(), geolocation=(self "https://a.example"), usb=*', "midi=self;report-to=x"])
    assert found == {"camera": [], "geolocation": ["self", '"https://a.example"'], "usb": ["*"], "midi": ["self"]}
    assert headers.permissions([]) == {}


@pytest.mark.parametrize("value", ["camera 'none'; usb 'none'", "camera=(", "camera=none()", "Camera=()"])
def test_permissions_in_another_syntax_are_unreadable(value):
    assert headers.permissions([value]) is None


def test_a_single_token_is_none_where_there_are_two():
    assert headers.single_token(['same-origin; report-to="x"']) == "same-origin"
    assert headers.single_token(["same-origin", "same-origin"]) == ""
    assert headers.single_token(["same-origin, same-site"]) == ""


@pytest.mark.parametrize(
    ("value", "safe"),
    [
        ("no-store", True), ("No-Store, max-age=0", True), ("private, no-cache", True), ("no-cache", True),
        ("max-age=0, must-revalidate", True), ("private, max-age=0", True),
        ("max-age=0", False), ('no-cache="Set-Cookie"', False), ("private", False), ("private, max-age=60", False),
        ("must-revalidate", False), ("max-age=0, must-revalidate, s-maxage=60", False), ("", False),
    ],
)  # fmt: skip
def test_whether_caches_ask_first(value, safe):
    assert headers.asks_origin_first(headers.cache_directives([value])) is safe


def test_the_longest_lifetime_is_told():
    assert headers.lifetime(headers.cache_directives(['max-age="5", s-maxage=60'])) == 60
    assert headers.lifetime(headers.cache_directives(["max-age=x"])) == 0


@pytest.mark.parametrize(
    ("value", "essence", "charset", "text"),
    [
        ("application/json", "application/json", "", False),
        ("Text/HTML; Charset=UTF-8", "text/html", "utf-8", True),
        ('text/plain;charset="iso-8859-1"', "text/plain", "iso-8859-1", True),
        ("application/problem+xml", "application/problem+xml", "", True),
        ("text/event-stream", "text/event-stream", "", False),
    ],
)
def test_media_type(value, essence, charset, text):
    found = MediaType.parse(value)
    assert (found.essence, found.charset, found.is_text) == (essence, charset, text)


@pytest.mark.parametrize("value", ["", "json", "text/", "text html/x", "text/html, text/plain"])
def test_what_is_no_media_type(value):
    assert MediaType.parse(value) is None


class TestCookies:
    def test_attributes_are_read_and_the_value_is_not_kept(self):
        cookie = Cookie.parse("__Host-sid=s3cret; path=/; Secure; HTTPONLY; SameSite=Lax; samesite=Strict")
        assert cookie.attributes == {"path": "/", "secure": "", "httponly": "", "samesite": "Strict"}
        assert "s3cret" not in repr(cookie)

    @pytest.mark.parametrize(
        ("field", "deleted"),
        [
            ("a=; Max-Age=0", True),
            ("a=; max-age=-1", True),
            ("a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT", True),
            ("a=b; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", False),
            ("a=b", False),
        ],
    )
    def test_deletion(self, field, deleted):
        assert Cookie.parse(field).is_deleted is deleted


@pytest.mark.parametrize(
    "field",
    [
        ("Server", "nginx/1.18.0 (Ubuntu)"), ("Server", "Werkzeug/3.0.1 Python/3.12.1"), ("Server", "WEBrick 1.9"),
        ("X-Powered-By", "Express"), ("X-AspNet-Version", "4.0.30319"), ("Via", "1.1 varnish (Varnish/6.0)"),
        ("Via", "1.1 proxy:8080 (squid/3.5.2)"),
    ],
    ids=str,
)  # fmt: skip
def test_banners(field):
    assert headers.banners([field])


@pytest.mark.parametrize(
    "field",
    [
        ("Server", "uvicorn"), ("Server", "Apache (Ubuntu)"), ("Server", "cloudflare"), ("Server", "h2o"),
        ("Via", "1.1 varnish"), ("Via", "HTTP/1.1 10.0.0.1:8080"), ("Via", "2 abc.cloudfront.net (CloudFront)"),
        ("X-API-Version", "1.2.3"),
    ],
    ids=str,
)  # fmt: skip
def test_what_gives_no_version_away(field):
    assert not headers.banners([field])


def test_banners_on_an_error_page():
    assert headers.banners([], b"<hr><center>nginx/1.18.0</center>") == ["nginx/1.18.0"]
    assert headers.banners([], b'{"message": "see /python/3 or nginx"}') == []
