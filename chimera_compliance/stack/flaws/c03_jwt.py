"""C03: tokens that a stack accepts for what they say, without proof that the issuer said it."""

from chimera_compliance.stack.flaws import flaw
from chimera_compliance.stack.flaws.impostors import refusing, with_algorithm, with_key


@flaw("C03", why="tokens are read but their signature is not checked, so that alg=none and any forgery is accepted")
def unsigned_token(variant):
    del variant.token_checks["algorithm"], variant.token_checks["signature"]


@flaw("C03", breaks="C03.8", why="the token may say that it is not signed, in any spelling of none")
def algorithm_none(variant):
    proper = variant.token_checks["signature"]

    def signature(token, variant):
        if str(token.header.get("alg")).lower() != "none":
            variant_algorithm(token, variant)
            proper(token, variant)

    variant_algorithm = variant.token_checks.pop("algorithm")
    variant.token_checks["signature"] = signature


@flaw("C03", breaks="C03.8", why="a signature is checked only if there is one")
def signature_optional(variant):
    proper = variant.token_checks["signature"]
    variant.token_checks["signature"] = lambda token, v: proper(token, v) if token.raw.split(".")[2] else None


@flaw("C03", breaks="C03.9", why="the signature is compared as far as the token brings one")
def signature_by_prefix(variant):
    def signature(token, variant):
        from chimera_compliance.probes.jwt.jose import hmac_signer, unb64

        signed, _, given = token.raw.rpartition(".")
        expected = hmac_signer(token.key.encode())(signed.encode())
        refusing(not given or not expected.startswith(unb64(given)))

    variant.token_checks["signature"] = signature


@flaw("C03", breaks="C03.10", why="the secret of the developer's machine is accepted beside the real one")
def development_secret(variant):
    variant.token_checks["signature"] = with_key(variant, lambda token: "secret")


@flaw("C03", breaks="C03.10", why="a blank secret is accepted: the setting was missing in one of two workers")
def blank_secret(variant):
    variant.token_checks["signature"] = with_key(variant, lambda token: "")


@flaw("C03", breaks="C03.11", why="the token chooses the algorithm, so that the public key serves as an HMAC secret")
def key_confusion(variant):
    from chimera_compliance.stack.flaws.correct import rs256

    rs256(variant)
    variant.token_checks["signature"] = with_key(variant, lambda token: variant.signing.public_key)
    del variant.token_checks["algorithm"]


@flaw("C03", breaks="C03.12", why="the key in the token's own header is believed (CVE-2018-0114)")
def embedded_key(variant):
    def key(token):
        from jwt import PyJWK

        return PyJWK(token.header["jwk"], token.header["alg"]).key

    with_algorithm(variant, key, "jwk")


@flaw("C03", breaks="C03.12", why="the certificate in the token's header is believed, without a chain to anything")
def embedded_certificate(variant):
    def key(token):
        import base64

        from cryptography.x509 import load_der_x509_certificate

        return load_der_x509_certificate(base64.b64decode(token.header["x5c"][0])).public_key()

    with_algorithm(variant, key, "x5c")


def _fetched(url: str) -> bytes:
    import urllib.request

    with urllib.request.urlopen(url, timeout=2) as answer:  # nosec B310  # that is the flaw
        return answer.read()


def _first_key(document: bytes):
    import json

    from jwt import PyJWK

    return PyJWK(json.loads(document)["keys"][0]).key


@flaw("C03", breaks="C03.13", why="the key set is fetched from the address in the token")
def key_set_address(variant):
    with_algorithm(variant, lambda token: _first_key(_fetched(token.header["jku"])), "jku")


@flaw("C03", breaks="C03.13", why="the certificate's address is fetched, though the token is then refused")
def certificate_address(variant):
    def header(token, v):
        proper(token, v)
        if "x5u" in token.header:
            _fetched(token.header["x5u"])

    proper = variant.token_checks["header"]
    variant.token_checks = {"header": header, **{k: v for k, v in variant.token_checks.items() if k != "header"}}


@flaw("C03", breaks="C03.13", why="the key set is discovered at whatever issuer the token names")
def issuer_address(variant):
    def key(token):
        import json

        found = json.loads(_fetched(token.claims["iss"] + "/.well-known/openid-configuration"))
        token.claims["iss"] = variant.settings.issuer
        return _first_key(_fetched(found["jwks_uri"]))

    with_algorithm(variant, key, "iss")


@flaw("C03", breaks="C03.14", why="the key id is a file name")
def key_id_file(variant):
    def key(token):
        from pathlib import Path

        return Path("/etc/ssl/" + token.header["kid"]).read_text() if "kid" in token.header else None

    variant.token_checks["signature"] = with_key(variant, key)


@flaw("C03", breaks="C03.14", why="the key id is put into a query")
def key_id_query(variant):
    def key(token):
        import sqlite3

        table = sqlite3.connect(":memory:")
        table.execute("CREATE TABLE keys (id text, secret text)")
        row = table.execute(f"SELECT secret FROM keys WHERE id = '{token.header.get('kid', '')}'").fetchone()
        return row and row[0]

    variant.token_checks["signature"] = with_key(variant, key)


@flaw("C03", breaks="C03.14", why="a key id that is no text breaks the look-up (500)")
def key_id_breaks(variant):
    def header(token, v):
        proper(token, v)
        {"2026-01": True}.get(token.header.get("kid"))

    proper = variant.token_checks["header"]
    variant.token_checks["header"] = header


@flaw("C03", breaks="C03.15", why="ECDSA signatures are checked without the range of r and s (CVE-2022-21449)")
def blank_ecdsa(variant):
    proper, algorithm = variant.token_checks["signature"], variant.token_checks.pop("algorithm")

    def signature(token, v):
        from chimera_compliance.probes.jwt.jose import unb64

        if str(token.header.get("alg")).startswith("ES"):
            return refusing(any(unb64(token.raw.split(".")[2])))
        algorithm(token, v)
        return proper(token, v)

    variant.token_checks["signature"] = signature


@flaw("C03", breaks="C03.17", why="the signing secret is a phrase that anybody would try")
def guessable_secret(variant):
    variant.signing.key = "chimera-super-secret-key"


@flaw("C03", breaks="C03.17", why="the signing secret is random and half as long as its hash")
def short_secret(variant):
    import secrets

    variant.signing.key = secrets.token_hex(8)


@flaw("C03", breaks="C03.27", why="every HMAC algorithm is accepted where the issuer uses one")
def any_hmac(variant):
    def signature(token, v):
        import jwt

        from chimera_compliance.stack.variant import Refused

        try:
            jwt.PyJWS().decode(token.raw, token.key, algorithms=["HS256", "HS384", "HS512"])
        except jwt.PyJWTError as error:
            raise Refused("signature") from error

    variant.token_checks["signature"] = signature
    del variant.token_checks["algorithm"]


@flaw("C03", breaks="C03.26", why="critical headers are not looked at, as in libraries of some years ago")
def critical_header_ignored(variant):
    def signature(token, v):
        from chimera_compliance.probes.jwt.jose import hmac_signer, unb64

        signed, _, given = token.raw.rpartition(".")
        refusing(hmac_signer(token.key.encode())(signed.encode()) != unb64(given))

    variant.token_checks["signature"] = signature
    del variant.token_checks["header"]
