"""What an outsider finds: public keys, routes in the source, and who calls when a token names an address."""

import json
import urllib.request
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from loopback import answer, api_for, path_of, serving

from chimera_compliance.errors import ConfigurationError
from chimera_compliance.probes.guard.listener import Listener, local_address
from chimera_compliance.probes.jwt.attacker import Attacker, PublicKey, public_jwk
from chimera_compliance.probes.jwt.public_keys import published_keys
from chimera_compliance.probes.openapi.source_routes import routes_of

KEYS = [
    rsa.generate_private_key(65537, 2048),
    ec.generate_private_key(ec.SECP256R1()),
    ed25519.Ed25519PrivateKey.generate(),
]


def jwks() -> bytes:
    keys = [{**public_jwk(key.public_key()), "kid": str(place)} for place, key in enumerate(KEYS)]
    return json.dumps({"keys": [*keys, {"kty": "oct", "k": "AAAA"}, {"kty": "RSA"}, "nonsense"]}).encode()


def found_at(documents: dict, tmp_path: Path, text: str = "") -> tuple[PublicKey, ...]:
    def behave(connection, request):
        body = documents.get(path_of(request))
        connection.sendall(answer(body) if body else answer(b"", "404 Not Found"))

    with serving(behave) as server, api_for(server.url, tmp_path, text) as api:
        documents.update({path: body.replace(b"URL", server.url.encode()) for path, body in documents.items()})
        return published_keys(api.target, api)


def test_key_set_is_found_where_it_is_usually(tmp_path):
    found = found_at({"/.well-known/jwks.json": jwks()}, tmp_path)
    assert [key.pem for key in found] == [PublicKey("", key.public_key()).pem for key in KEYS]
    assert json.loads(found[0].jwk_text)["kid"] == "0"


def test_key_set_is_found_by_discovery(tmp_path):
    documents = {"/.well-known/openid-configuration": b'{"jwks_uri": "URL/elsewhere"}', "/elsewhere": jwks()}
    assert len(found_at(documents, tmp_path)) == len(KEYS)


def test_key_set_of_another_host_is_left_alone(tmp_path):
    documents = {"/.well-known/openid-configuration": b'{"jwks_uri": "https://elsewhere.invalid/keys"}'}
    assert found_at(documents, tmp_path) == ()


def test_key_of_a_file_comes_first_and_a_file_without_one_is_said(tmp_path):
    pem = KEYS[1].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "issuer.pem").write_bytes(pem)
    settings = "tokens: {public_key: issuer.pem}"
    assert found_at({"/jwks": jwks()}, tmp_path, settings)[0].source == "tokens.public_key"
    (tmp_path / "issuer.pem").write_text("no key")
    with pytest.raises(ConfigurationError, match=r"issuer\.pem"):
        found_at({}, tmp_path, settings)


def test_forms_of_a_key_are_read_back_as_the_same_key():
    for key in KEYS:
        spelt = PublicKey("", key.public_key())
        assert load_pem_public_key(spelt.pem) == load_pem_public_key(spelt.pkcs1) == key.public_key()


def test_listener_counts_who_calls_and_serves_a_key():
    attacker = Attacker()
    with Listener() as listener:
        listener.serve = attacker.serve
        for path in ("/jku/jwks.json", "/jku/again", "/iss/.well-known/openid-configuration", "/x5u/chain.pem"):
            assert urllib.request.urlopen(listener.url + path, timeout=2).status == 200
        assert dict(listener.calls) == {"jku": 2, "iss": 1, "x5u": 1}


def test_listener_is_reachable_from_where_the_server_is():
    assert local_address("http://127.0.0.1:8000/api") == "127.0.0.1"
    assert local_address("https://no-such-host.invalid/") == "127.0.0.1"


def test_routes_are_read_from_the_source(tmp_path):
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "x.py").write_text('@app.get("/only-in-tests")\ndef f(): ...\n')
    (tmp_path / "broken.py").write_text("def (\n")
    (tmp_path / "binary.py").write_bytes(b"\xff\xfe\0")
    (tmp_path / "routes.py").write_text(
        'router = APIRouter(prefix="/ops")\n'
        '@router.get("/stages")\nasync def a(): ...\n'
        '@app.route("/reset", methods=["GET"])\ndef b(): ...\n'
        '@app.get("/things/{id}")\ndef c(): ...\n'
        '@app.post("/written")\ndef d(): ...\n'
        "@decorated\ndef e(): ...\n"
    )
    assert set(routes_of(tmp_path)) == {"/stages", "/ops/stages", "/reset", "/ops/reset"}
