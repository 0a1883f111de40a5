"""The TLS probe against servers that no OpenSSL of today can be, made by hand, and against real ones."""

import datetime
import socket
import ssl
import struct
import threading
from contextlib import contextmanager

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from loopback import always, answer, serving, target_for

from chimera_compliance.journal import Journal
from chimera_compliance.probes.tls.certificate import ASPECTS, aspects
from chimera_compliance.probes.tls.client_hello import Hello, offer
from chimera_compliance.probes.tls.endpoint import BROKEN, DATED, Endpoint
from chimera_compliance.stack.certificates import Authority, Identity

ALERT = b"\x15\x03\x01\x00\x02\x02\x28"
P_256, SECP192R1 = 0x0017, 0x0013
RC4, TRIPLE_DES, EXPORT, DHE_GCM, ECDHE_GCM, CBC = 0x0005, 0x000A, 0x0003, 0x009E, 0xC02F, 0xC013
NOW = datetime.datetime.now(datetime.UTC)


@contextmanager
def responding(respond):
    """A server that reads one hello from each connection and sends what `respond` makes of it."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                try:
                    for part in respond(connection.recv(4096)):
                        connection.sendall(part)
                except OSError:
                    continue

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()


def sized(content, width):
    return len(content).to_bytes(width, "big") + content


def record(*messages, version=0x0303):
    return b"\x16" + struct.pack(">H", version) + sized(b"".join(messages), 2)


def server_hello(suite, version=0x0303, compression=0):
    body = struct.pack(">H", version) + bytes(32) + b"\x00" + struct.pack(">HB", suite, compression)
    return b"\x02" + sized(body, 3)


def key_exchange(content):
    return b"\x0c" + sized(content, 3)


def offered(hello):
    """Version and suites of a client hello."""
    version = int.from_bytes(hello[9:11], "big")
    start = 44 + hello[43]
    length = int.from_bytes(hello[start : start + 2], "big")
    words = struct.unpack(f">{length // 2}H", hello[start + 2 : start + 2 + length])
    return version, words


def choosing(suite, *more, version=None, compression=0):
    """A server that knows one suite, and perhaps one version only."""

    def respond(hello):
        asked, suites = offered(hello) if hello[:1] == b"\x16" else (None, ())
        if suite not in suites or version not in (None, asked):
            return [ALERT]
        return [record(server_hello(suite, asked, compression), *more, version=asked)]

    return respond


@pytest.fixture
def endpoint(tmp_path):
    """Makes the endpoint of a port."""

    def make(port, text=""):
        return Endpoint(target_for(f"https://127.0.0.1:{port}", tmp_path, text, timeout_seconds=0.5), Journal())

    return make


def accepted(facts):
    return [fact.subject for fact in facts if fact.holds]


@pytest.mark.parametrize(
    ("name", "version"), [("SSL 3.0", 0x0300), ("TLS 1.0", 0x0301), ("TLS 1.1", 0x0302)], ids=lambda value: str(value)
)
def test_an_obsolete_version_is_seen(endpoint, name, version):
    with responding(choosing(CBC, version=version)) as port:
        assert accepted(endpoint(port).versions()) == [name]


def test_ssl_2_is_seen(endpoint):
    def respond(hello):
        return [b"\x80\x0b\x04\x00\x01\x00\x02\x00\x00\x00\x00\x00\x00"] if hello[0] & 0x80 else [ALERT]

    with responding(respond) as port:
        assert accepted(endpoint(port).versions()) == ["SSL 2.0"]


def test_a_server_that_answers_with_another_version_has_not_accepted_the_old_one(endpoint):
    with responding(lambda hello: [record(server_hello(ECDHE_GCM, 0x0303))]) as port:
        assert accepted(endpoint(port).versions()) == []


@pytest.mark.parametrize(
    ("suite", "family"),
    [
        (RC4, "RC4"),
        (TRIPLE_DES, "64-bit blocks (DES, 3DES, IDEA)"),
        (EXPORT, "export grade"),
        (0x0002, "no encryption"),
    ],
    ids=["rc4", "3des", "export", "null"],
)
def test_broken_suites_are_seen(endpoint, suite, family):
    with responding(choosing(suite)) as port:
        assert accepted(endpoint(port).families(BROKEN)) == [family]


def test_an_old_server_that_brings_the_version_down_has_still_chosen_the_suite(endpoint):
    with responding(lambda hello: [record(server_hello(RC4, 0x0301))]) as port:
        assert accepted(endpoint(port).families(BROKEN)) == ["RC4"]


def test_dated_suites_are_seen(endpoint):
    with responding(choosing(CBC)) as port:
        assert accepted(endpoint(port).families(DATED)) == ["CBC"]


def test_no_suite_is_in_two_families():
    every = [suite for family in (BROKEN | DATED).values() for suite in family]
    assert len(every) == len(set(every)) > 100


@pytest.mark.parametrize(("bits", "seen"), [(1024, ["short primes"]), (2048, [])], ids=str)
def test_the_length_of_the_prime_is_read(endpoint, bits, seen):
    prime = (1 << bits - 1 | 1).to_bytes(bits // 8, "big")
    content = sized(prime, 2) + sized(b"\x02", 2) + sized(b"\x05", 2)
    certificate = b"\x0b" + sized(bytes(20_000), 3)  # in the way, and larger than one record
    flight = server_hello(DHE_GCM) + certificate + key_exchange(content)

    def respond(hello):
        if DHE_GCM not in offered(hello)[1]:
            return [ALERT]
        return [record(flight[start : start + 16_000]) for start in range(0, len(flight), 16_000)]

    with responding(respond) as port:
        assert accepted(endpoint(port).key_exchanges()) == seen


@pytest.mark.parametrize(("group", "seen"), [(SECP192R1, ["short elliptic curves"]), (P_256, [])], ids=str)
def test_the_curve_is_read_and_not_only_the_suite(endpoint, group, seen):
    content = b"\x03" + struct.pack(">H", group) + sized(bytes(65), 1)
    with responding(choosing(ECDHE_GCM, key_exchange(content))) as port:
        assert accepted(endpoint(port).key_exchanges()) == seen


def test_compression_is_seen(endpoint):
    with responding(choosing(ECDHE_GCM, compression=1)) as port:
        assert accepted(endpoint(port).compression()) == ["compression"]


@pytest.mark.parametrize(
    "respond",
    [
        lambda hello: [],
        lambda hello: [ALERT],
        lambda hello: [b"HTTP/1.1 400 Bad Request\r\n\r\n"],
        lambda hello: [record(b"\x02\x00\x00\x02\x03\x03")],
        lambda hello: [b"\x16\x03\x03\xff\xff" + bytes(100)],
        lambda hello: [bytes(5000)],
    ],
    ids=["closes", "alert", "http", "short-hello", "broken-record", "zeros"],
)
def test_nonsense_is_no_acceptance(respond):
    with responding(respond) as port:
        said = offer("127.0.0.1", port, Hello(0x0303), timeout=0.5)
    assert not said.accepted
    assert said.reached


def test_a_hello_arrives_in_any_number_of_pieces():
    whole = record(server_hello(ECDHE_GCM))
    with responding(lambda hello: [whole[place : place + 1] for place in range(len(whole))]) as port:
        assert offer("127.0.0.1", port, Hello(0x0303)).suite == ECDHE_GCM


def test_a_silent_server_costs_the_timeout_and_no_more():
    release = threading.Event()

    def begin_and_wait(hello):
        yield b"\x16"
        release.wait(5)

    with responding(begin_and_wait) as port:
        said = offer("127.0.0.1", port, Hello(0x0303), timeout=0.2)
        release.set()
    assert said.detail == "no answer"


def test_a_closed_port_decides_nothing(endpoint):
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        facts = endpoint(reserved.getsockname()[1]).versions()
    assert {fact.holds for fact in facts} == {None}


# Real servers


def context(identity: Identity) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(identity.certificate, identity.key)
    made.set_ciphers("ECDHE+AESGCM")
    return made


@contextmanager
def speaking(identity, endpoint, bend=lambda context: None):
    made = context(identity)
    bend(made)
    with serving(always(answer()), made) as server:
        yield endpoint(
            server.port, f"api: {{base_url: 'https://127.0.0.1:{server.port}', ca_file: {identity.authority}}}"
        )


def test_a_modern_server_refuses_all_that_is_old(tmp_path, endpoint):
    with speaking(Authority(tmp_path).issue(tmp_path, "web"), endpoint) as modern:
        assert modern.handshake.holds
        assert modern.understands_hellos.holds
        facts = [*modern.versions(), *modern.families(BROKEN | DATED), *modern.key_exchanges(), *modern.compression()]
        assert [fact for fact in facts if fact.holds is not False] == []


def test_a_server_of_tls_1_3_alone_is_understood(tmp_path, endpoint):
    def only(made):
        made.minimum_version = ssl.TLSVersion.TLSv1_3

    with speaking(Authority(tmp_path).issue(tmp_path, "web"), endpoint, only) as modern:
        assert modern.understands_hellos.holds
        assert modern.understands_hellos.actual == "refuses TLS 1.2 with OpenSSL, refuses TLS 1.2 by hand"


def test_a_server_that_ignores_hellos_by_hand_decides_nothing(tmp_path, endpoint, monkeypatch):
    monkeypatch.setattr(
        "chimera_compliance.probes.tls.client_hello._SIGNATURES", "0201"
    )  # what a strict server refuses
    with speaking(Authority(tmp_path).issue(tmp_path, "web"), endpoint) as strict:
        assert not strict.understands_hellos.holds


CERTIFICATES = {
    "sound": ({}, []),
    "expired": ({"begin": NOW - datetime.timedelta(days=31)}, ["dates"]),
    "early": ({"begin": NOW + datetime.timedelta(days=1)}, ["dates"]),
    "another-host": ({"names": [x509.DNSName("www.example.com")]}, ["name"]),
    "itself": ({"signed_by_itself": True}, ["chain"]),
    "itself-and-expired": ({"signed_by_itself": True, "begin": NOW - datetime.timedelta(days=31)}, ["chain", "dates"]),
    "expired-for-another-host": (
        {"names": [x509.DNSName("a.example")], "begin": NOW - datetime.timedelta(days=31)},
        ["dates", "name"],
    ),
}


@pytest.mark.parametrize("kind", CERTIFICATES)
def test_each_aspect_of_a_certificate_is_seen_by_itself(tmp_path, endpoint, kind):
    settings, unsound = CERTIFICATES[kind]
    with speaking(Authority(tmp_path).issue(tmp_path, "web", **settings), endpoint) as shown:
        facts = aspects(shown)
    assert set(facts) == set(ASPECTS)
    assert sorted(aspect for aspect, fact in facts.items() if fact.holds is False) == unsound
    assert all(fact.holds is not None for aspect, fact in facts.items() if aspect != "chain")
    assert shown.handshake.holds is not bool(unsound)


def test_a_chain_that_is_hidden_behind_a_date_is_not_taken_for_sound(tmp_path, endpoint):
    issued = Authority(tmp_path).issue(tmp_path, "web", begin=NOW - datetime.timedelta(days=31))
    with speaking(issued, endpoint) as shown:
        assert aspects(shown)["chain"].holds is None


def test_a_short_key_and_a_broken_digest_are_seen(tmp_path, endpoint):
    identity = signed_with_sha_1(tmp_path, bits=1024)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.set_ciphers("ECDHE+AESGCM:@SECLEVEL=0")
    made.load_cert_chain(identity.certificate, identity.key)
    with serving(always(answer()), made) as server:
        facts = aspects(endpoint(server.port))
    assert facts["key"].actual == "RSA, 1024 bits"
    assert facts["signature"].actual == "sha1"
    assert not facts["key"].holds
    assert not facts["signature"].holds


def signed_with_sha_1(folder, bits):
    """`cryptography` signs no certificate with SHA-1: one signed with SHA-256 gets the other name and signature."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    identity = Authority(folder).issue(folder, "old", key=key, signed_by_itself=True)
    shown = x509.load_pem_x509_certificate(identity.certificate.read_bytes())
    sha_256, sha_1 = bytes.fromhex("2a864886f70d01010b"), bytes.fromhex("2a864886f70d010105")
    tbs = shown.tbs_certificate_bytes.replace(sha_256, sha_1)
    signature = key.sign(tbs, padding.PKCS1v15(), hashes.SHA1())
    der = shown.public_bytes(Encoding.DER).replace(sha_256, sha_1).replace(shown.signature, signature)
    identity.certificate.write_text(ssl.DER_cert_to_PEM_cert(der))
    return identity
