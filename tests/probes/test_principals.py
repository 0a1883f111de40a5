"""Tokens come from where the target file says, are renewed in time, and are named in no output."""

import json
import threading
import time
from urllib.parse import parse_qs

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from loopback import answer, path_of, serving, target_for

from chimera_compliance.errors import ConfigurationError, OutOfScope
from chimera_compliance.journal import Journal
from chimera_compliance.outcomes import Inconclusive
from chimera_compliance.probes.principals.login import at
from chimera_compliance.probes.principals.principal import load_principals
from chimera_compliance.probes.principals.tokens import Issued

SECRET = "a signing secret of enough length"


@pytest.fixture
def load(tmp_path):
    """Principals of a target file's text, with the journal that learns their secrets."""

    def load(text: str, url: str = "http://127.0.0.1:1", **scope):
        journal = Journal(tmp_path / "observations.jsonl")
        (tmp_path / "secret").write_text(SECRET + "\n")
        return load_principals(target_for(url, tmp_path, text, **scope), journal), journal

    return load


def test_a_minted_token_is_as_the_issuer_would_make_it(load):
    people, _ = load("""
tokens:
  issuer: https://issuer.example
  audience: [one, two]
  claims: {tenant: org, role: scope}
  mint: {key: file:secret, lifetime_seconds: 100, claims: {token_use: access, nbf: null}, headers: {kid: '7'}}
principals:
  alice: {tenant: t-1, subject: s-1, role: operator}
  bob: {tenant: t-2}
""")
    claims = jwt.decode(people["alice"].token, SECRET, ["HS256"], audience="two", issuer="https://issuer.example")
    assert {"sub": "s-1", "org": "t-1", "scope": "operator", "token_use": "access"}.items() <= claims.items()
    assert claims["exp"] - claims["iat"] == 100
    assert "nbf" not in claims
    assert people["alice"].header == {"alg": "HS256", "typ": "JWT", "kid": "7"}
    assert people["bob"].claims["sub"] == "bob"
    assert "scope" not in people["bob"].claims


KEYS = {
    "HS512": None,
    "RS256": lambda: rsa.generate_private_key(65537, 2048),
    "PS256": lambda: rsa.generate_private_key(65537, 2048),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ES384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}


@pytest.mark.parametrize("algorithm", KEYS)
def test_every_family_of_algorithms_is_minted(algorithm, load, tmp_path):
    maker = KEYS[algorithm]
    key = maker() if maker else None
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) if key else (SECRET * 3).encode()
    (tmp_path / "key").write_bytes(private)
    people, _ = load(f"""
tokens: {{mint: {{algorithm: {algorithm}, key: 'file:key'}}}}
principals: {{alice: {{role: operator}}}}
""")
    verifying = key.public_key() if key else SECRET * 3
    assert jwt.decode(people["alice"].token, verifying, [algorithm])["role"] == "operator"


def test_roles_are_minted_or_named_and_others_are_none(load, monkeypatch):
    monkeypatch.setenv("ADMIN", "given-admin-token")
    text = """
principals:
  alice: {role: operator, role_tokens: {admin: {given: '${ADMIN}'}}%s}
"""
    people, _ = load(text % ", token: {mint: {key: 'file:secret'}}")
    alice = people["alice"]
    assert alice.token_as("operator") == alice.token
    assert alice.token_as("admin") == "given-admin-token"
    assert jwt.decode(alice.token_as("reviewer"), SECRET, ["HS256"])["role"] == "reviewer"
    assert alice.token_as("nobody") is None
    people, _ = load(text % "")
    assert people["alice"].token_as("reviewer") is None
    with pytest.raises(ConfigurationError, match="alice has no token"):
        _ = people["alice"].token


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [("RS256", SECRET), ("ES256", SECRET), ("HS1024", SECRET)],
)
def test_a_key_that_cannot_sign_is_one_clear_line_without_the_key(algorithm, key, load, tmp_path):
    (tmp_path / "key").write_text(key)
    people, _ = load(f"""
tokens: {{mint: {{algorithm: {algorithm}, key: 'file:key'}}}}
principals: {{alice: {{}}}}
""")
    with pytest.raises(ConfigurationError, match=f"cannot sign with {algorithm}") as raised:
        _ = people["alice"].token
    assert key not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_token_is_kept_until_it_is_about_to_expire(load):
    people, _ = load("""
tokens: {mint: {key: 'file:secret', lifetime_seconds: 300}}
principals: {alice: {}}
""")
    alice = people["alice"]
    first = alice.token
    assert alice.token == first
    assert alice.renew() != first
    now = time.time()
    assert Issued("t", now - 100, now + 200).fresh
    assert not Issued("t", now - 250, now + 50).fresh
    assert not Issued("t", now, now + 4).fresh


def test_a_token_given_that_has_expired_says_so(load, monkeypatch):
    monkeypatch.setenv("OLD", jwt.encode({"exp": 1}, SECRET))
    people, _ = load("principals: {alice: {token: {given: '${OLD}'}}}")
    with pytest.raises(ConfigurationError, match="alice: the token given has expired"):
        _ = people["alice"].token


class Desk:
    """A service with registration and login that remembers what it was told."""

    def __init__(self, lifetime: float = 300, opaque: bool = False, extra: dict | None = None) -> None:
        self.logins, self.lifetime, self.opaque, self.extra = 0, lifetime, opaque, extra or {}

    def __call__(self, connection, request) -> None:
        body = request.partition(b"\r\n\r\n")[2]
        if path_of(request) == "/register":
            connection.sendall(answer(b'{"error": "name taken"}', "409 Conflict"))
        elif path_of(request) == "/challenge":
            connection.sendall(answer(json.dumps({"data": [{"nonce/a": "nonce-1"}]}).encode()))
        else:
            self.login(connection, body, request)

    def login(self, connection, body, request) -> None:
        self.logins += 1
        claims = {"exp": time.time() + self.lifetime, "n": self.logins}
        token = f"opaque-token-{self.logins}" if self.opaque else jwt.encode(claims, SECRET)
        connection.sendall(answer(json.dumps({"auth": {"token": token}, **self.extra}).encode()))


LOGIN = """
principals:
  alice:
    token:
      steps:
        - {request: POST /register, json: {name: alice, password: 'file:secret'}}
        - {request: GET /challenge, capture: {nonce: '/data/0/nonce~1a'}}
        - request: POST /login?n={nonce}
          form: {username: alice, password: 'file:secret', nonce: 'n={nonce}'}
          headers: {X-Nonce: '{nonce}', X-Client-Key: '${CLIENT_KEY}'}
          capture: {token: /auth/token}
"""


def test_steps_register_and_log_in_and_leave_no_secret_behind(load, tmp_path, monkeypatch):
    monkeypatch.setenv("CLIENT_KEY", "client-key-123")
    with serving(Desk()) as server:
        people, journal = load(LOGIN, server.url)
        alice = people["alice"]
        assert alice.claims["n"] == 1
        login = server.heard[-1]
    assert path_of(login) == "/login?n=nonce-1"
    form = parse_qs(login.partition(b"\r\n\r\n")[2].decode())
    assert form == {"username": ["alice"], "password": [SECRET], "nonce": ["n=nonce-1"]}
    assert b"X-Nonce: nonce-1" in login
    assert b"X-Client-Key: client-key-123" in login
    kept = (tmp_path / "observations.jsonl").read_text()
    assert kept.count("\n") == 3
    assert not [secret for secret in (SECRET, alice.token, "client-key-123", "nonce-1") if secret in kept]
    assert journal.redact(f"{alice.token} {SECRET}") == "$ALICE_TOKEN $ALICE_PASSWORD"


def test_a_token_that_lives_shortly_is_renewed_before_it_expires(load, monkeypatch):
    monkeypatch.setenv("CLIENT_KEY", "client-key-123")
    with serving(Desk(lifetime=5.3)) as server:
        alice = load(LOGIN, server.url)[0]["alice"]
        first = alice.token
        time.sleep(0.4)
        assert alice.token != first


def test_an_opaque_token_lives_as_long_as_the_answer_says(load, monkeypatch):
    monkeypatch.setenv("CLIENT_KEY", "client-key-123")
    desk = Desk(opaque=True, extra={"expires_in": 3})
    with serving(desk) as server:
        alice = load(LOGIN, server.url)[0]["alice"]
        assert [alice.token, alice.token] == ["opaque-token-1", "opaque-token-2"]
        desk.extra = {}
        assert alice.token == alice.token == "opaque-token-3"
        assert alice.claims == alice.header == {}


def test_threads_that_ask_at_once_log_in_once(load, monkeypatch):
    monkeypatch.setenv("CLIENT_KEY", "client-key-123")
    desk = Desk()
    with serving(desk) as server:
        alice = load(LOGIN, server.url)[0]["alice"]
        threads = [threading.Thread(target=lambda: alice.token) for _ in range(8)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
    assert desk.logins == 1


def test_a_login_that_is_limited_is_tried_again(load):
    replies = [answer(b"", "429 Too Many Requests", "Retry-After: 0"), answer(b'{"token": "opaque-1"}')]

    with serving(lambda connection, request: connection.sendall(replies.pop(0))) as server:
        people, journal = load(STEP % "capture: {token: /token}", server.url)
        assert people["alice"].token == "opaque-1"
        assert all(f"X-Compliance-Run: {journal.run_id}".encode() in request for request in server.heard)


STEP = "principals: {alice: {token: {steps: [{request: POST /login, json: {password: 'file:secret'}, %s}]}}}"


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (answer(b'{"password": "%s"}' % SECRET.encode(), "401 Unauthorized"), "POST /login answered 401"),
        (answer(b"", "302 Found", "Location: /elsewhere"), "POST /login answered 302"),
        (answer(b"<html>login</html>"), "has no text at /token"),
        (answer(b'{"token": null}'), "has no text at /token"),
        (answer(b'{"token": ["x"]}'), "has no text at /token"),
        (answer(b"[" * 100_000), "has no text at /token"),
        (b"NONSENSE\r\n\r\n", "alice: no token: POST /login: "),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", "alice: no token: POST /login: "),
    ],
    ids=["refused", "redirect", "html", "null", "list", "deep", "no-http", "broken-off"],
)
def test_a_login_that_fails_is_one_clear_line_without_the_secret(reply, said, load):
    def behave(connection, request):
        connection.sendall(reply)
        connection.close()

    with serving(behave) as server:
        alice = load(STEP % "capture: {token: /token}", server.url)[0]["alice"]
        with pytest.raises(Inconclusive, match=said) as raised:
            _ = alice.token
    assert SECRET not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_login_that_never_ends_does(load):
    def behave(connection, request):
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.sendall(b"1\r\nx\r\n")
            time.sleep(0.02)

    with serving(behave) as server:
        alice = load(STEP % "capture: {token: /token}", server.url, timeout_seconds=0.4)[0]["alice"]
        began = time.monotonic()
        with pytest.raises(Inconclusive, match="no complete answer within"):
            _ = alice.token
        assert time.monotonic() - began < 3


def test_steps_without_a_token_and_steps_out_of_scope_are_configuration_errors(load):
    with serving(Desk()) as server:
        alice = load(STEP % "capture: {other: /auth/token}", server.url)[0]["alice"]
        with pytest.raises(ConfigurationError, match="no step captures `token`"):
            _ = alice.token
        away = STEP.replace("POST /login", "POST https://login.example/") % "capture: {token: /token}"
        with pytest.raises(OutOfScope):
            _ = load(away, server.url)[0]["alice"].token


@pytest.mark.parametrize(
    ("pointer", "value"),
    [("", {"a": [{"b/c": 1, "~": 2}]}), ("/a/0/b~1c", 1), ("/a/0/~0", 2)],
)
def test_json_pointers_are_read_as_rfc_6901_says(pointer, value):
    assert at({"a": [{"b/c": 1, "~": 2}]}, pointer) == value
