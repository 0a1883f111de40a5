"""A forgery that no stack would ever admit proves nothing: each is admitted by a verifier with the fault it aims at,
and refused by a right one."""

import base64
import json
import sqlite3
import time
import uuid
from functools import cache
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import load_der_x509_certificate

from chimera_compliance.probes.jwt import foreign_keys, forgeries, issued, issued_identities
from chimera_compliance.probes.jwt.attacker import Attacker, PublicKey
from chimera_compliance.probes.jwt.forgeries import Genuine, Issuer
from chimera_compliance.probes.jwt.jose import compact, hmac_signer, parse, unb64, verifies
from chimera_compliance.probes.jwt.weak_secrets import guess

SECRET = "Zk3vQ9-w7Rr2Lx8Tn5Yc1Hb6Jd4Fg0Ks"
ALICE, BOB = str(uuid.uuid4()), str(uuid.uuid4())
ISSUER_KEY = rsa.generate_private_key(65537, 2048)
CURVE_KEY = ec.generate_private_key(ec.SECP256R1())
ATTACKER = Attacker((PublicKey("the key set", ISSUER_KEY.public_key()),))


def pem(key) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def claims(**changes):
    now = int(time.time())
    identity = {"sub": ALICE, "tenant_id": "a" * 36, "role": "operator"}
    times = {"iat": now, "nbf": now, "exp": now + 300}
    return identity | times | {"iss": "chimera", "aud": "chimera-api", "token_use": "access"} | changes


@cache
def genuine(algorithm="HS256") -> Genuine:
    """alice's token and what an attacker has beside it."""
    key = {"HS256": SECRET, "RS256": ISSUER_KEY, "ES256": CURVE_KEY}[algorithm]
    sign = lambda **changes: jwt.encode(claims(**changes), key, algorithm)  # noqa: E731
    return Genuine(
        sign(),
        ATTACKER,
        other=sign(sub=BOB, tenant_id="b" * 36),
        lesser=sign(role="reviewer"),
        issuer=Issuer(key if algorithm == "HS256" else pem(key), algorithm),
    )


def right(token: str, key=SECRET, algorithm="HS256") -> dict:
    """A verifier as it should be, for everything that a token alone can show."""
    found = jwt.decode(
        token,
        key,
        algorithms=[algorithm],
        issuer="chimera",
        audience="chimera-api",
        options={"require": ["exp", "sub", "iss", "aud"]},
    )
    named = all(isinstance(found.get(name), str) and found[name] for name in ("sub", "tenant_id", "role"))
    lifetime = found["exp"] - found["iat"]
    if not named or found["role"] not in ("operator", "reviewer") or found["token_use"] != "access" or lifetime > 3600:
        raise jwt.InvalidTokenError
    return found


def refused(token: str, **settings) -> bool:
    try:
        right(token, **settings)
    except (jwt.InvalidTokenError, ValueError):
        return True
    return False


WITHOUT_KEY = [
    *forgeries.UNSIGNED,
    *forgeries.ALTERED,
    *forgeries.OTHER_SHAPES,
    *foreign_keys.FOREIGN_KEY,
    *foreign_keys.EMBEDDED_KEY,
    *foreign_keys.REMOTE_KEY,
    *foreign_keys.KEY_ID,
    *foreign_keys.BLANK_ECDSA,
]
UNDER_THE_KEY = [
    *issued.EXPIRED,
    *issued.JUST_EXPIRED,
    *issued.NOT_YET_VALID,
    *issued.WITHOUT_EXPIRY,
    *issued.UNREADABLE_TIMES,
    *issued.LONG_LIVED,
    *issued.FOREIGN_ISSUER,
    *issued.FOREIGN_AUDIENCE,
    *issued.OTHER_TYPE,
    *issued.CRITICAL_HEADER,
    *issued_identities.NAMING_NOBODY,
    *issued_identities.ROLES_NOT_GRANTED,
    *issued_identities.ROLES_MISSPELT,
]


def test_right_verifier_admits_genuine_token():
    assert right(genuine().text)["sub"] == ALICE


@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES256"])
@pytest.mark.parametrize("forgery", WITHOUT_KEY, ids=str)
def test_right_verifier_refuses_what_nobody_signed(forgery, algorithm):
    public = {"HS256": SECRET, "RS256": ISSUER_KEY.public_key(), "ES256": CURVE_KEY.public_key()}[algorithm]
    token = forgery.make(genuine(algorithm))
    assert token
    assert refused(token, key=public, algorithm=algorithm)


@pytest.mark.parametrize("forgery", UNDER_THE_KEY, ids=str)
def test_right_verifier_refuses_what_it_says(forgery):
    token = forgery.make(genuine())
    assert refused(token)
    assert forgery in issued.CRITICAL_HEADER or verifies(parse(token), SECRET.encode())


def test_ids_are_unique_within_a_requirement():
    for family in (WITHOUT_KEY, issued_identities.NAMING_NOBODY, issued_identities.ROLES_NOT_GRANTED, issued.ODD):
        assert len({forgery.id for forgery in family}) == len(family)


def test_forgeries_keep_the_genuine_identity():
    """The refusal of a token that names nobody proves nothing."""
    g = genuine()
    for forgery in [*forgeries.UNSIGNED, *foreign_keys.FOREIGN_KEY, *foreign_keys.EMBEDDED_KEY, *foreign_keys.KEY_ID]:
        made = json.loads(unb64(forgery.make(g).split(".")[1]))
        assert {**made, "iss": ""} == {**g.claims, "iss": ""}, forgery.id


# Verifiers, each with one fault, as they have been seen


def reads_only(token: str) -> dict:
    return jwt.decode(token, options={"verify_signature": False})


def admits_none(token: str) -> dict:
    header = json.loads(unb64(token.split(".")[0]))
    return json.loads(unb64(token.split(".")[1])) if str(header.get("alg")).lower() == "none" else right(token)


def compares_prefix(token: str) -> dict:
    signed, _, signature = token.rpartition(".")
    assert hmac_signer(SECRET.encode())(signed.encode()).startswith(unb64(signature))
    return reads_only(token)


def takes_public_key(token: str) -> dict:
    spelt = PublicKey("", ISSUER_KEY.public_key())
    assert any(verifies(parse(token), form(spelt)) for form in foreign_keys.PUBLIC_KEY_FORMS.values())
    return reads_only(token)


def believes_jwk(token: str) -> dict:
    header = parse(token).header
    return jwt.decode(token, jwt.PyJWK(header["jwk"], header["alg"]), audience="chimera-api")


def believes_certificate(token: str) -> dict:
    certificate = load_der_x509_certificate(base64.b64decode(parse(token).header["x5c"][0]))
    return jwt.decode(token, certificate.public_key(), algorithms=["RS256"], audience="chimera-api")


def reads_key_file(token: str) -> dict:
    kid = parse(token).header["kid"].partition("\0")[0]
    assert verifies(parse(token), (Path("/etc") / kid).read_bytes())
    return reads_only(token)


def asks_database(token: str) -> dict:
    table = sqlite3.connect(":memory:")
    table.execute("CREATE TABLE keys (id, secret)")
    kid = parse(token).header["kid"]
    secret = table.execute(f"SELECT secret FROM keys WHERE id = '{kid}'").fetchone()[0]
    assert verifies(parse(token), secret.encode())
    return reads_only(token)


def forgets_range(token: str) -> dict:
    """r = x-coordinate of (z/s)G + (r/s)Q holds for zeros where division by zero gives zero."""
    assert not any(parse(token).signature)
    return reads_only(token)


FAULTS = {
    reads_only: [
        "alg-none",
        "alg-null",
        "tenant-edited",
        "role-edited",
        "own-RS256",
        "signature-zeros",
        "blank-secret",
    ],
    admits_none: ["alg-none", "alg-None", "alg-NONE", "alg-nOnE", "alg-none-signed"],
    compares_prefix: ["signature-truncated", "signature-of-one-byte", "no-signature"],
    believes_jwk: ["jwk-rsa", "jwk-ec", "jwk-oct"],
    believes_certificate: ["x5c"],
    reads_key_file: ["kid-dev-null", "kid-dev-null-absolute", "kid-dev-null-byte", "kid-known-file"],
    asks_database: ["kid-sql-union"],
    forgets_range: ["zero-ES256", "zero-ES384", "zero-ES512"],
}


@pytest.mark.parametrize(
    ("verifier", "name"), [(verifier, name) for verifier, names in FAULTS.items() for name in names]
)
def test_faulty_verifier_admits_its_forgery(verifier, name):
    forgery = next(forgery for forgery in WITHOUT_KEY if forgery.id == name)
    assert verifier(forgery.make(genuine()))["sub"] == ALICE


@pytest.mark.parametrize("form", foreign_keys.PUBLIC_KEY_FORMS)
def test_verifier_without_fixed_algorithm_takes_the_public_key_for_a_secret(form):
    g = genuine("RS256")
    token = foreign_keys.with_public_key(form, g.attacker.public_keys[0]).make(g)
    assert takes_public_key(token)["sub"] == ALICE
    assert refused(token, key=ISSUER_KEY.public_key(), algorithm="RS256")


def test_remote_key_is_one_that_the_listener_serves():
    g = genuine()
    for forgery in foreign_keys.REMOTE_KEY:
        token = forgery.make(g)
        served = json.loads(g.attacker.serve(g.attacker.address, "/jku/jwks.json"))["keys"][0]
        assert jwt.decode(token, jwt.PyJWK(served), options={"verify_aud": False})["sub"] == ALICE
        assert g.attacker.address in json.dumps(parse(token).header | parse(token).claims)


# Secrets that can be guessed


GUESSABLE = (
    *("", "secret", "changeme", "your-256-bit-secret", "JWT_SECRET", "MySecretKey", "chimera-jwt-secret", "a" * 32),
    *("change-me-in-production", "0123456789abcdef0123456789abcdef", "supersecretkey123", "acme-signing-key"),
)


@pytest.mark.parametrize("secret", GUESSABLE)
def test_secret_that_somebody_would_try_is_found(secret):
    token = parse(compact({"alg": "HS256"}, claims(), hmac_signer(secret.encode())))
    assert guess(token, ["Acme"]) == secret.encode()


def test_random_secret_is_not_found():
    assert guess(genuine().token, ["Chimera reference stack"]) is None
