"""What is sent is what was asked for, byte for byte, to hosts in scope only, within the budget, and is kept."""

import json
import shlex
import ssl
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from loopback import Loopback, always, answer, api_for, path_of, serving, target_for

from chimera_compliance.errors import ConfigurationError, OutOfScope
from chimera_compliance.journal import Journal
from chimera_compliance.probes.http.api import Api, BudgetExhausted, _encoded
from chimera_compliance.probes.http.exchange import Request
from chimera_compliance.probes.principals.principal import load_principals


@pytest.fixture
def server():
    with serving(always(answer())) as server:
        yield server


@pytest.fixture
def api(server: Loopback, tmp_path):
    with api_for(server.url, tmp_path) as api:
        yield api


def head_of(server: Loopback) -> list[str]:
    return server.heard[-1].partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")


@pytest.mark.parametrize(
    "path",
    [
        *("/a/../b", "/a/%2e%2e/b", "/%2E%2e/%2f", "//a//b", "/a/./b/.", "/a;x=1", "/a/", "/a%00b", "/a%zz", "/a\\b"),
        *("/a#b", "/a?x=1&x=2&&y", "/a?x=%20+", "/a??b", "/a?", "/{a}|^`<>\"'", "/a:b@c", "/a%252e", "/*", "/A/É"[:3]),
    ],
)
def test_a_path_arrives_as_it_was_written(path, api, server):
    assert api.send([Request("GET", path)])[0].ok
    assert path_of(server.heard[-1]) in (path, path.rstrip("?"))


def test_what_a_request_line_cannot_hold_is_encoded(api, server):
    api.send([Request("GET", "/a b\té\r\nX: y?q=\x00")])
    assert path_of(server.heard[-1]) == "/a%20b%09%C3%A9%0D%0AX:%20y?q=%00"


def test_a_path_is_below_the_base_url(server, tmp_path):
    with api_for(server.url + "/api/v1", tmp_path) as api:
        api.send([Request("GET", "/../x")])
    assert path_of(server.heard[-1]) == "/api/v1/../x"


@pytest.mark.parametrize(
    ("url", "host", "target"),
    [
        ("http://[::1]:8080/a", "::1", "/a"),
        ("http://h", "h", "/"),
        ("https://h?x", "h", "/?x"),
        ("http://u@h:1/", "h", "/"),
    ],
)
def test_an_absolute_url_is_taken_apart_as_it_stands(url, host, target):
    made = _encoded(url)
    assert (made.host, made.raw_path_qs) == (host, target)


def test_headers_keep_their_order_and_duplicates(api, server):
    api.send([Request("GET", "/", (("X-Two", "1"), ("x-two", "2"), ("Authorization", "a"), ("Authorization", "b")))])
    lines = head_of(server)
    assert [line for line in lines if line.lower().startswith("x-two")] == ["X-Two: 1", "X-Two: 2"]
    assert [line for line in lines if line.startswith("Auth")] == ["Authorization: a", "Authorization: b"]


def test_every_request_names_its_run(api, server):
    api.send([Request("GET", "/")])
    assert f"X-Compliance-Run: {api.journal.run_id}" in head_of(server)


def test_headers_of_the_target_go_with_every_request_and_a_request_may_replace_them(server, tmp_path):
    text = "api: {base_url: 'URL', headers: {X-Gateway: one, X-Other: same}}"
    with api_for(server.url, tmp_path, text) as api:
        api.send([Request("GET", "/", (("x-gateway", "two"),))])
    lines = head_of(server)
    assert "X-Other: same" in lines
    assert [line for line in lines if line.lower().startswith("x-gateway")] == ["x-gateway: two"]


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "gEt"])
def test_any_method_and_body_is_sent(method, api, server):
    api.send([Request(method, "/", body=b"\x00\xff")])
    assert server.heard[-1].startswith(method.upper().encode() + b" ")
    assert server.heard[-1].endswith(b"\r\n\r\n\x00\xff")


def test_answers_keep_duplicate_headers_and_their_case(tmp_path):
    cookies = ("Set-Cookie: a=1; Secure", "SET-COOKIE: b=2")
    with serving(always(answer(b"", "200 Very OK", *cookies))) as server, api_for(server.url, tmp_path) as api:
        found = api.send([Request("GET", "/")])[0]
    assert found.actual == "200 Very OK"
    assert found.header_all("set-cookie") == ["a=1; Secure", "b=2"]
    assert found.header("absent") is None


def test_a_redirect_is_an_answer_and_is_not_followed(tmp_path):
    moved = always(answer(b"", "302 Found", "Location: http://elsewhere.example/", "Set-Cookie: s=1"))
    with serving(moved) as server, api_for(server.url, tmp_path) as api:
        assert [item.status for item in api.send([Request("GET", "/"), Request("GET", "/")])] == [302, 302]
        assert len(server.heard) == 2
        assert b"cookie" not in server.heard[1].lower()


@pytest.mark.parametrize(
    "url",
    [
        *("http://elsewhere.example/", "https://127.0.0.2/", "http://127.0.0.1@elsewhere.example/"),
        *("http://[bad", "http://127.0.0.1:x/", "http:///nowhere"),
    ],
)
def test_no_host_outside_the_scope_is_contacted(url, api):
    with pytest.raises(OutOfScope):
        api.send([Request("GET", "/"), Request("GET", url)])
    assert api.requests_sent == 0


def test_a_host_in_scope_may_be_limited_to_a_port(server, tmp_path):
    with api_for(server.url, tmp_path, hosts=f"['127.0.0.1:{server.port}']") as api:
        assert api.send([Request("GET", server.url + "/x")])[0].ok
        with pytest.raises(OutOfScope):
            api.send([Request("GET", f"http://127.0.0.1:{server.port + 1}/")])


def test_a_credential_never_leaves_the_apis_host(server, tmp_path):
    text = "api: {base_url: 'URL', headers: {X-Gateway-Key: secret}}"
    with api_for(server.url, tmp_path, text, hosts="[127.0.0.1, localhost]") as api:
        other = f"http://localhost:{server.port}/"
        with pytest.raises(OutOfScope):
            api.send([Request("GET", other, api.authorization("token"))])
        assert api.send([Request("GET", other)])[0].ok
    assert b"X-Gateway-Key" not in server.heard[-1]


def test_the_budget_is_not_overdrawn(server, tmp_path):
    with api_for(server.url, tmp_path, requests=5) as api:
        api.send([Request("GET", "/")] * 3)
        with pytest.raises(BudgetExhausted, match=r"3 more requests are needed and .* leaves 2"):
            api.send([Request("GET", "/")] * 3)
        assert api.requests_sent == 3 == len(server.heard)


def test_processes_share_budget_rate_and_concurrency(server, tmp_path):
    with (
        Api(target_for(server.url, tmp_path, requests=8), Journal(), workers=4) as api,
        pytest.raises(BudgetExhausted),
    ):
        api.send([Request("GET", "/")] * 3)


class Limiter:
    """Lets `admitted` requests in during each window of 0.3 s."""

    def __init__(self, admitted: int, *headers: str) -> None:
        self.admitted, self.headers = admitted, headers
        self.window, self.count = time.monotonic(), 0

    def __call__(self, connection, request) -> None:
        if time.monotonic() > self.window + 0.3:
            self.window, self.count = time.monotonic(), 0
        self.count += 1
        over = self.count > self.admitted
        connection.sendall(answer(b"", "429 Too Many Requests" if over else "200 OK", *self.headers))


@pytest.mark.parametrize("headers", [["Retry-After: 0.4"], ["X-RateLimit-Reset: 0.4"], []], ids=str)
def test_what_a_limiter_refused_is_sent_again(headers, tmp_path):
    with serving(Limiter(6, *headers)) as server, api_for(server.url, tmp_path, concurrency=1) as api:
        found = api.send([Request("GET", f"/{number}") for number in range(10)])
    assert [(item.status, item.request.path) for item in found] == [(200, f"/{number}") for number in range(10)]


def test_a_check_of_the_limiter_itself_sees_every_429(tmp_path):
    with serving(Limiter(6)) as server, api_for(server.url, tmp_path, concurrency=1) as api:
        found = api.send([Request("GET", "/")] * 10, retry_limited=False)
    assert [item.status for item in found].count(429) == 4


def test_a_limiter_that_never_lets_in_is_given_up_soon(tmp_path):
    with serving(Limiter(0, "Retry-After: 0")) as server, api_for(server.url, tmp_path) as api:
        assert {item.status for item in api.send([Request("GET", "/")] * 5)} == {429}
        assert api.requests_sent <= 20


PRINCIPALS = """
tokens: {mint: {key: '${SIGNING_KEY}'}}
principals: {alice: {tenant: t, role: operator}}
"""


def test_nothing_secret_is_kept_and_the_kept_command_repeats_the_request(tmp_path, monkeypatch):
    monkeypatch.setenv("SIGNING_KEY", "k" * 40)
    body = b'it\'s $HOME `id` "q"'
    cookie = "Set-Cookie: session=cookie-secret-1; HttpOnly"
    with serving(always(answer(b'{"access_token": "opaque-secret-1"}', "200 OK", cookie))) as server:
        target, journal = target_for(server.url, tmp_path, PRINCIPALS), Journal(tmp_path / "observations.jsonl")
        token = load_principals(target, journal)["alice"].token
        request = Request(
            "POST", "/a/../b?x='$HOME'", (("Authorization", f"Bearer {token}"), ("X", "")), body, "POST /b"
        )
        with Api(target, journal) as api:
            found = api.send([request])[0]
        observation = journal.get(found.observation)
        kept = (tmp_path / "observations.jsonl").read_text()
        assert json.loads(kept)["subject"] == "POST /b"
        assert json.loads(kept)["received"]["status"] == "200 OK"
        assert not [secret for secret in (token, "opaque-secret-1", "cookie-secret-1", "k" * 40) if secret in kept]
        env = {"PATH": "/usr/bin:/bin", "ALICE_TOKEN": token, "HOME": "/wrong"}
        subprocess.run(["sh", "-c", observation.reproduce], check=True, capture_output=True, env=env, timeout=10)
    first, again = (item.replace(f"X-Compliance-Run: {api.journal.run_id}\r\n".encode(), b"") for item in server.heard)
    assert sorted(map(bytes.strip, first.split(b"\r\n"))) == sorted(map(bytes.strip, again.split(b"\r\n")))


def test_the_command_gives_the_shell_nothing_to_run(api, server):
    nasty = '\'; touch /tmp/never; $(id) `id` "$PATH" \\ \n'
    found = api.send([Request("GET", f"/{nasty}", (("X", nasty.strip()),), nasty.encode())])[0]
    words = shlex.split(api.journal.get(found.observation).reproduce)
    assert words[0] == "curl"
    assert f"X: {nasty.strip()}" in words
    assert nasty in words


def test_sweep_puts_the_token_where_the_target_says(server, tmp_path):
    with api_for(server.url, tmp_path, "tokens: {header: X-Auth, scheme: Token}") as api:
        assert api.authorization("abc") == (("X-Auth", "Token abc"),)
    with api_for(server.url, tmp_path, "tokens: {header: X-Auth, scheme: ''}") as api:
        assert api.authorization("abc") == (("X-Auth", "abc"),)


def test_a_certificate_nobody_vouches_for_is_an_error_that_says_what_to_do(tmp_path, certificate):
    with serving(always(answer()), tls(certificate)) as server:
        url = server.url.replace("http:", "https:").replace("127.0.0.1", "localhost")
        with api_for(url, tmp_path) as api:
            found = api.send([Request("GET", "/")])[0]
            assert "certificate is not trusted" in found.actual
            assert "api.ca_file" in found.actual
        with api_for(url, tmp_path, f"api: {{base_url: '{url}', ca_file: '{certificate}'}}") as api:
            assert api.send([Request("GET", "/")])[0].ok


def test_a_ca_file_that_is_none_is_a_configuration_error(server, tmp_path):
    (tmp_path / "ca.pem").write_text("not a certificate")
    for name, said in (("ca.pem", "holds no PEM certificate"), ("absent.pem", "cannot read")):
        target = target_for(server.url, tmp_path, f"api: {{base_url: 'URL', ca_file: {name}}}")
        with pytest.raises(ConfigurationError, match=said):
            Api(target, Journal())


def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def certificate(tmp_path) -> Path:
    """A certificate for localhost that vouches for itself, with its key, in one file."""
    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]),
    )
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "self-signed.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(made.public_bytes(Encoding.PEM) + secret)
    return path
