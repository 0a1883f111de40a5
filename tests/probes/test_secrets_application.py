"""Applications of several kinds behind the relay: what each does with its secrets is seen, and seen rightly."""

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from chimera_compliance.errors import ConfigurationError
from chimera_compliance.journal import Journal
from chimera_compliance.outcomes import Inconclusive
from chimera_compliance.probes.http.exchange import Exchange, Request
from chimera_compliance.probes.secrets import application
from chimera_compliance.probes.secrets.application import RelayClient, observe
from chimera_compliance.probes.secrets.relay import Relay, serve, signer
from chimera_compliance.target.aws import Application

CACHE = 0.4


class Store(BaseHTTPRequestHandler):
    """Answers every read with the same value, and remembers how it was asked."""

    heard: list

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.heard.append(dict(self.headers.items()))
        content = json.dumps({"SecretString": "x"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """Quiet."""


@contextmanager
def serving(server):
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def relay():
    handler = type("Heard", (Store,), {"heard": []})
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), handler)) as store:
        upstream = f"http://127.0.0.1:{store.server_address[1]}"
        with serving(Relay(("127.0.0.1", 0), upstream)) as relay:
            relay.heard = handler.heard
            yield relay


def url(relay) -> str:
    return f"http://127.0.0.1:{relay.server_address[1]}"


class App:
    """Keeps its secret for a time, goes on without the store, and asks again soon."""

    def __init__(self, relay, keeps: float = CACHE, retries: float = 0.1):
        self.url, self.keeps, self.retries, self.value, self.until = url(relay), keeps, retries, None, 0.0

    def read(self) -> str:
        target = {"X-Amz-Target": "secretsmanager.GetSecretValue"}
        answer = requests.post(self.url, json={"SecretId": "prod/jwt"}, headers=target, timeout=2)
        answer.raise_for_status()
        return answer.json()["SecretString"]

    def use(self) -> None:
        if time.monotonic() >= self.until:
            try:
                self.value, lasts = self.read(), self.keeps
            except requests.RequestException:
                lasts = self.away()
            self.until = time.monotonic() + lasts

    def away(self) -> float:
        if self.value is None:
            raise RuntimeError("no secret")
        return self.retries

    def ask(self) -> Exchange:
        try:
            self.use()
        except (RuntimeError, requests.RequestException):
            return Exchange(Request("GET", "/things"), status=500, reason="Internal Server Error")
        return Exchange(Request("GET", "/things"), status=200, reason="OK")


class Fragile(App):
    def away(self):
        raise RuntimeError("the store is away")


class Background(App):
    """Reads in a thread of its own, whoever asks."""

    def __init__(self, relay):
        super().__init__(relay)
        self.value = self.read()
        threading.Thread(target=self.again, daemon=True).start()

    def again(self):
        while True:
            time.sleep(CACHE / 2)
            try:
                self.value = self.read()
            except requests.RequestException:
                continue

    def use(self):
        """With what is there."""


def watched(relay, app, **settings):
    given = Application(relay_url=url(relay), **{"cache_seconds": CACHE, **settings})
    return observe(given, RelayClient(url(relay), Journal(), 2), app.ask)


def held(behaviour) -> list:
    return [step.held for step in (behaviour.kept, behaviour.refreshed, behaviour.outage, behaviour.recovered)]


@pytest.fixture(autouse=True)
def short_patience(monkeypatch):
    monkeypatch.setattr(application, "_LATE", 0.6)


@pytest.mark.parametrize("kind", [App, Background])
def test_a_right_application_is_seen_to_be_right(relay, kind):
    assert held(watched(relay, kind(relay))) == [True, True, True, True]
    assert not relay.away


def test_reading_for_every_request_is_seen(relay):
    assert held(watched(relay, App(relay, keeps=0)))[0] is False


def test_keeping_for_ever_is_seen_and_leaves_the_outage_undecided(relay):
    assert held(watched(relay, App(relay, keeps=1e9)))[:3] == [True, False, None]


def test_failing_in_an_outage_is_seen(relay):
    behaviour = watched(relay, Fragile(relay))
    assert held(behaviour)[2] is False
    assert "500 Internal Server Error" in behaviour.outage.text


def test_giving_up_on_the_store_is_seen(relay, monkeypatch):
    monkeypatch.setattr(application, "_AFTERWARDS", 0.5)
    assert held(watched(relay, App(relay, retries=1e9)))[3] is False


def test_an_application_that_reads_elsewhere_is_not_judged(relay):
    app = App(relay)
    app.value, app.until = "from a file", time.monotonic() + 1e9
    with pytest.raises(Inconclusive, match="read nothing through the relay"):
        watched(relay, app)


def test_a_long_cache_is_not_waited_for(relay):
    behaviour = watched(relay, App(relay), cache_seconds=3600)
    assert held(behaviour) == [None] * 4
    assert not behaviour.refreshed.tried
    assert "cannot be waited for" in behaviour.refreshed.text


def test_an_operation_that_fails_anyway_decides_nothing(relay):
    app = Fragile(relay)
    relay.leave(30)
    with pytest.raises(Inconclusive, match="does not succeed"):
        watched(relay, app)


def test_no_relay_there_is_said(relay):
    app = App(relay)
    with pytest.raises(Inconclusive, match="does not answer"):
        observe(Application(relay_url="http://127.0.0.1:9"), RelayClient("http://127.0.0.1:9", Journal(), 1), app.ask)


def test_the_store_comes_back_by_itself(relay):
    requests.post(f"{url(relay)}/.compliance/away?seconds=0.2", timeout=2)
    assert requests.get(f"{url(relay)}/.compliance/reads", timeout=2).json()["away"]
    with pytest.raises(requests.RequestException):
        App(relay).read()
    deadline = time.monotonic() + 5
    while relay.away and time.monotonic() < deadline:
        time.sleep(0.02)
    assert App(relay).read() == "x"
    assert relay.told() == {"reads": {"prod/jwt": 1}, "refused": 1, "away": False}


def test_requests_to_aws_are_signed_again_for_their_host(relay, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    relay.sign = signer("eu-central-1")
    App(relay).read()
    (heard,) = relay.heard
    assert "Credential=AKIDEXAMPLE/" in heard["Authorization"]
    assert "/eu-central-1/secretsmanager/aws4_request" in heard["Authorization"]
    assert heard["Host"] == relay.upstream.netloc


@pytest.mark.parametrize(
    ("listen", "upstream"), [("nowhere", "http://x"), ("127.0.0.1:99999", "http://x"), ("127.0.0.1:0", "x")]
)
def test_a_relay_that_cannot_be_is_one_line(listen, upstream):
    with pytest.raises(ConfigurationError, match="relay"):
        serve(listen, upstream, print)
