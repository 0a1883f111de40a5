"""How a credential was received is told by comparison, whatever words the stack has for a refusal."""

import json
import re
from contextlib import contextmanager

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from loopback import answer, api_for, path_of, serving

from chimera_compliance.outcomes import Inconclusive
from chimera_compliance.probes.guard import credentials, trespass
from chimera_compliance.probes.guard.detours import DETOURS, alike
from chimera_compliance.probes.guard.gate import Gate
from chimera_compliance.probes.guard.reception import EVERYWHERE, Answer, Reception, problems, received
from chimera_compliance.probes.guard.undocumented import look_for
from chimera_compliance.probes.http.exchange import Exchange, Request
from chimera_compliance.probes.jwt import forgeries
from chimera_compliance.probes.jwt.attacker import Attacker, PublicKey
from chimera_compliance.probes.jwt.papers import Papers
from chimera_compliance.probes.jwt.signing_key import weaknesses
from chimera_compliance.probes.openapi.operations import load_operations
from chimera_compliance.probes.principals.principal import load_principals

KEY = "Zk3vQ9-w7Rr2Lx8Tn5Yc1Hb6Jd4Fg0KsPq"
SETTINGS = """
tokens: {mint: {key: '${SIGNING_KEY}'}}
principals:
  alice: {tenant: t-a, subject: u-a, role: operator, resources: {thing_id: '7'}}
  bob: {tenant: t-b, subject: u-b, role: operator}
"""
BODY = {"content": {"application/json": {"schema": {"required": ["name"], "properties": {"name": {"type": "string"}}}}}}
PATHS = {"/things": {"get": {}, "post": {"requestBody": BODY}}, "/things/{thing_id}": {"get": {}, "delete": {}}}
OK, CREATED, INVALID = answer(b'{"id": 7}'), answer(b'{"id": 8}', "201 Created"), answer(b"{}", "422 Unprocessable")
UNAUTHORIZED, NOTHING = answer(b"{}", "401 Unauthorized"), answer(b"{}", "404 Not Found")


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("SIGNING_KEY", KEY)


class Service:
    """A small API; `refusal` is what a bad token gets, and `first` what is answered before tokens are looked at."""

    def __init__(self, refusal: bytes = UNAUTHORIZED, first=lambda method, path, body: None, admits=None) -> None:
        self.refusal, self.first, self.admits = refusal, first, admits or self.proves

    def __call__(self, connection, request) -> None:
        method, path, body = request.split(b" ", 1)[0].decode(), path_of(request), request.partition(b"\r\n\r\n")[2]
        if path == "/openapi.json":
            return connection.sendall(answer(json.dumps({"openapi": "3.1.0", "paths": PATHS}).encode()))
        early = self.first(method, path, body)
        return connection.sendall(early or (self.handle(method, path, body) if self.admits(request) else self.refusal))

    def handle(self, method, path, body) -> bytes:
        if method == "POST":
            return CREATED if b"name" in body else INVALID
        return OK if path in ("/things", "/things/7") else NOTHING

    def proves(self, request) -> bool:
        for line in request.decode("latin-1").split("\r\n"):
            name, _, value = line.partition(": ")
            if name.lower() == "authorization" and value.startswith("Bearer "):
                try:
                    return bool(jwt.decode(value[7:], KEY, algorithms=["HS256"]))
                except jwt.InvalidTokenError:
                    return False
        return False


@contextmanager
def gate_of(service, tmp_path, text=SETTINGS, **scope):
    with serving(service) as server, api_for(server.url, tmp_path, text, **scope) as api:
        principals = load_principals(api.target, api.journal)
        operations = load_operations(api.target, api, principals)
        papers = Papers(api.target, principals["alice"], principals.get("bob"), Attacker())
        server.heard.clear()
        yield Gate(api, api.journal, operations, papers), server


def receptions(answers) -> set[Reception]:
    return {one.reception for one in answers}


@pytest.mark.parametrize(
    "refusal", [UNAUTHORIZED, answer(b"", "403 Forbidden"), NOTHING, answer(b"", "400 Bad Request")]
)
def test_any_word_for_a_refusal_is_one(refusal, tmp_path):
    with gate_of(Service(refusal), tmp_path) as (gate, _):
        assert receptions(gate.anonymous) == {Reception.REFUSED}
        assert receptions(gate.forge(forgeries.UNSIGNED[0])) == {Reception.REFUSED}
        assert receptions(gate.admission()) == {Reception.ADMITTED}


def test_redirect_to_a_login_is_a_refusal_and_a_login_page_is_undecided(tmp_path):
    with gate_of(Service(answer(b"", "302 Found", "Location: /login")), tmp_path) as (gate, _):
        assert receptions(gate.anonymous) == {Reception.REFUSED}
    page = answer(b"<form>", "200 OK", "Content-Type: text/html")
    with gate_of(Service(page), tmp_path) as (gate, _):
        assert Reception.REFUSED not in receptions(gate.anonymous)


def test_stack_that_refuses_everybody_decides_nothing(tmp_path):
    with gate_of(Service(admits=lambda request: False), tmp_path) as (gate, _):
        assert receptions(gate.admission()) == {Reception.REFUSED}
        assert receptions(gate.anonymous) == {Reception.UNDECIDED}


def test_stack_that_admits_everybody_leaves_nothing_to_try(tmp_path):
    with gate_of(Service(admits=lambda request: True), tmp_path) as (gate, _):
        assert receptions(gate.anonymous) == {Reception.ADMITTED}
        with pytest.raises(Inconclusive, match="no operation refuses"):
            gate.forge(forgeries.UNSIGNED[0])


def test_server_error_over_a_bad_credential_is_no_refusal(tmp_path):
    with gate_of(Service(answer(b"", "500 Internal Server Error")), tmp_path) as (gate, _):
        assert receptions(gate.anonymous) == {Reception.BROKEN}


def validates_first(method, path, body):
    return INVALID if method == "POST" and b"name" not in body else None


def test_validation_before_the_guard_is_passed_where_writes_are_allowed(tmp_path):
    with gate_of(Service(first=validates_first), tmp_path) as (gate, _):
        assert receptions(gate.anonymous) == {Reception.REFUSED}


def test_validation_before_the_guard_is_undecided_where_they_are_not(tmp_path):
    with gate_of(Service(first=validates_first), tmp_path, writes="false") as (gate, server):
        undecided = [one.subject for one in gate.anonymous if not one.decided]
        assert "POST /things" in undecided
        assert not [request for request in server.heard if b"name" in request.partition(b"\r\n\r\n")[2]]


def test_nothing_is_written_where_harmless_requests_tell(tmp_path):
    with gate_of(Service(), tmp_path) as (gate, server):
        gate.admission()
        for forgery in forgeries.UNSIGNED:
            gate.forge(forgery)
        assert not [request for request in server.heard if b"name" in request.partition(b"\r\n\r\n")[2]]
        assert not [request for request in server.heard if request.startswith(b"DELETE /things/7 ")]


def test_right_token_is_presented_once_an_operation(tmp_path):
    with gate_of(Service(), tmp_path) as (gate, server):
        gate.admission()
        for forgery in forgeries.ALTERED:
            gate.forge(forgery)
        right = [request for request in server.heard if gate.papers.alice.token.encode() in request]
        assert len(right) == len(gate.operations)


def test_forgery_that_is_believed_is_found(tmp_path):
    believes = lambda request: b"Authorization: Bearer ey" in request  # noqa: E731
    with gate_of(Service(admits=believes), tmp_path) as (gate, _):
        for forgery in (*forgeries.ALTERED[:1], *forgeries.UNSIGNED[:2]):
            assert Reception.REFUSED not in receptions(gate.forge(forgery))
        found = problems(gate.forge(forgeries.UNSIGNED[0]), "an unsigned token")
        assert found


def test_forgery_that_is_believed_writes_nothing_where_the_guard_comes_first(tmp_path):
    service = Service()
    service.admits = lambda request: service.proves(request) or b".\r\n" in request.replace(b" ", b"")
    with gate_of(service, tmp_path) as (gate, server):
        assert receptions(gate.anonymous) == {Reception.REFUSED}
        assert receptions(gate.forge(forgeries.UNSIGNED[0])) == {Reception.ADMITTED}
        assert not [request for request in server.heard if b"name" in request.partition(b"\r\n\r\n")[2]]


def test_guard_that_proves_the_token_after_validation_is_not_taken_for_one_that_comes_first(tmp_path):
    def first(method, path, body):
        return validates_first(method, path, body) if carries_token else None

    service = Service(first=first)
    carries_token = False
    served = service.__call__

    def behave(connection, request):
        nonlocal carries_token
        carries_token = b"Authorization" in request
        served(connection, request)

    with gate_of(behave, tmp_path) as (gate, _):
        assert receptions(gate.anonymous) == {Reception.REFUSED}
        assert receptions(gate.forge(forgeries.UNSIGNED[0])) == {Reception.REFUSED}


def test_password_is_not_changed_to_find_out(tmp_path, monkeypatch):
    secret = {"schema": {"required": ["password"], "properties": {"password": {"type": "string"}}}}
    paths = {"/things": {"get": {}, "post": {"requestBody": {"content": {"application/json": secret}}}}}
    monkeypatch.setitem(globals(), "PATHS", paths)
    early = lambda method, path, body: INVALID if body == b"{}" else None  # noqa: E731
    with gate_of(Service(first=early), tmp_path) as (gate, server):
        assert [answer.subject for answer in gate.anonymous if not answer.decided] == ["POST /things"]
        assert not [request for request in server.heard if b"password" in request.partition(b"\r\n\r\n")[2]]


def test_token_in_the_query_is_found(tmp_path):
    service = Service()
    service.admits = lambda request: service.proves(request) or b"access_token=ey" in request.split(b"\r\n")[0]
    with gate_of(service, tmp_path) as (gate, _):
        assert Reception.ADMITTED in receptions(gate.try_out(credentials.IN_QUERY))
        assert receptions(gate.try_out(credentials.ELSEWHERE[0])) == {Reception.REFUSED}


def test_another_minting_key_than_the_stacks_is_not_used(tmp_path, monkeypatch):
    stranger = jwt.encode({"sub": "u-a"}, "another-secret-that-nobody-knows-0123456789", "HS256")
    monkeypatch.setenv("ALICE_TOKEN", stranger)
    settings = SETTINGS.replace("subject: u-a,", "subject: u-a, token: {given: '${ALICE_TOKEN}'},")
    with gate_of(Service(), tmp_path, settings) as (gate, _):
        assert gate.papers.issuer is None


@pytest.mark.parametrize(
    ("key", "told"), [("chimera-secret", "was guessed"), ("q8Zr1Vx0Lm", "is too short"), (KEY, None)]
)
def test_weak_signing_key_is_told_without_its_value(key, told, tmp_path, monkeypatch):
    monkeypatch.setenv("SIGNING_KEY", key)
    with gate_of(Service(), tmp_path) as (gate, _):
        found = list(weaknesses(gate.papers))
    assert [problem.message.startswith(told) for problem in found] == ([True] if told else [])
    assert not [problem for problem in found if key in str(problem)]


def test_private_key_in_the_key_set_is_told(tmp_path):
    key = rsa.generate_private_key(65537, 2048)
    with gate_of(Service(), tmp_path) as (gate, _):
        gate.papers.attacker.public_keys = (PublicKey("the key set", key.public_key(), private=True),)
        assert [problem.message for problem in weaknesses(gate.papers)] == ["is published by the key set"]


# Detours


def on(gate, name):
    detour = next(detour for detour in DETOURS if detour.id == name)
    return receptions(trespass.by_detour(gate, detour, trespass.surroundings(gate, [])))


def test_detour_around_the_guard_is_found(tmp_path):
    around = lambda method, path, body: OK if path.startswith("//things") else None  # noqa: E731
    with gate_of(Service(first=around), tmp_path) as (gate, _):
        assert Reception.ADMITTED in on(gate, "double-slash")
        assert on(gate, "upper-case") == {Reception.REFUSED}


ROLES = SETTINGS.replace(
    "tokens:", "roles: [operator, guest]\napi: {base_url: 'URL', roles: {GET /things: [operator]}}\ntokens:"
)


class Ranked(Service):
    """Admits operators to /things, and others where `overlooked` is true of the method and path."""

    def __init__(self, overlooked=lambda method, path: False, **settings) -> None:
        super().__init__(**settings)
        self.overlooked = overlooked

    def proves(self, request) -> bool:
        method, path = request.split(b" ", 1)[0].decode(), path_of(request)
        found = re.search(rb"Bearer (\S+)", request)
        if not (found and super().proves(request)):
            return False
        role = jwt.decode(found[1].decode(), options={"verify_signature": False}).get("role")
        return role == "operator" or method != "GET" or path.startswith("/things/7") or self.overlooked(method, path)

    def handle(self, method, path, body) -> bytes:
        return super().handle(method, path.partition("?")[0].rstrip("/"), body)


def by_roles(gate, name):
    detour = next(detour for detour in DETOURS if detour.id == name)
    return receptions(trespass.by_detour_of_other_roles(gate, detour, trespass.surroundings(gate, [])))


def test_detour_around_a_guard_of_roles_is_found(tmp_path):
    with gate_of(Ranked(lambda method, path: path == "/things/"), tmp_path, ROLES) as (gate, _):
        assert by_roles(gate, "trailing-slash") == {Reception.ADMITTED}
        assert by_roles(gate, "upper-case") == {Reception.REFUSED}


def test_what_another_role_may_do_is_no_detour(tmp_path):
    with gate_of(Ranked(), tmp_path, ROLES) as (gate, _):
        assert {reception for detour in DETOURS for reception in by_roles(gate, detour.id)} == {Reception.REFUSED}


def test_page_that_is_served_at_every_path_is_no_detour(tmp_path):
    page = answer(b"<p>Welcome</p>", "200 OK", "Content-Type: text/html")
    known = ("/things", "/things/7")
    everywhere = lambda method, path, body: None if path.partition("?")[0] in known else page  # noqa: E731
    with gate_of(Service(first=everywhere), tmp_path) as (gate, _):
        assert {reception for detour in DETOURS for reception in on(gate, detour.id)} == {Reception.REFUSED}
        assert look_for(gate.api, trespass.surroundings(gate, []), ["/admin", "/.env"], []) == []


def test_answer_to_options_is_no_override(tmp_path):
    options = answer(b"", "200 OK", "Allow: GET, OPTIONS")
    with gate_of(Service(first=lambda method, *_: options if method == "OPTIONS" else None), tmp_path) as (gate, _):
        assert on(gate, "options-override") == {Reception.REFUSED}


def test_open_path_that_nobody_lists_is_found(tmp_path):
    console = lambda method, path, body: answer(b'{"debug": true}') if path == "/debug" else None  # noqa: E731
    with gate_of(Service(first=console, refusal=NOTHING), tmp_path) as (gate, _):
        around = trespass.surroundings(gate, [])
        assert [found.subject for found in look_for(gate.api, around, ["/debug", "/admin"], [])] == ["GET /debug"]
        assert look_for(gate.api, around, ["/debug", "/debug"], ["GET /{anything}"]) == []


# Comparison


def exchange(status, body=b"{}", kind="application/json", location=""):
    headers = (("Content-Type", kind), *((("Location", location),) if location else ()))
    return Exchange(Request("GET", "/x"), status, headers=headers, body=body)


@pytest.mark.parametrize(
    ("right", "presented", "reception"),
    [
        (200, 401, "refused"),
        (200, 403, "refused"),
        (200, 404, "refused"),
        (200, 422, "refused"),
        (200, 200, "admitted"),
        (200, 409, "admitted"),
        (409, 409, "undecided"),
        (422, 422, "undecided"),
        (404, 404, "undecided"),
        (404, 401, "refused"),
        (422, 401, "refused"),
        (422, 201, "admitted"),
        (200, 500, "broken"),
        (500, 401, "undecided"),
        (401, 401, "undecided"),
        (403, 401, "undecided"),
        (200, 429, "undecided"),
        (200, None, "undecided"),
        (200, 302, "refused"),
    ],
)
def test_reception_by_statuses(right, presented, reception):
    assert received(exchange(right), exchange(presented)).reception == reception


def test_same_redirect_for_both_is_an_admission():
    assert received(exchange(302, location="/there"), exchange(302, location="/there")).admitted
    assert received(exchange(302, location="/there"), exchange(302, location="/login")).refused


def test_one_fault_everywhere_is_one_finding():
    answers = [Answer(exchange(200), Reception.ADMITTED) for _ in range(5)]
    assert [problem.subject for problem in problems(answers, "it")] == [EVERYWHERE]
    mixed = [*answers, Answer(exchange(401), Reception.REFUSED)]
    assert len(problems(mixed, "it")) == 5


def test_pages_are_alike_by_what_they_show():
    assert alike(exchange(200, b'{"a": 1}'), exchange(200, b'{"a": 2}'))
    assert not alike(exchange(200, b'{"a": 1}'), exchange(200, b'{"b": 1}'))
    assert alike(exchange(200, b"x" * 100, "text/html"), exchange(200, b"y" * 104, "text/html"))
    assert not alike(exchange(200, b"x" * 100, "text/html"), exchange(200, b"y" * 300, "text/html"))
    assert not alike(exchange(200), exchange(404))
