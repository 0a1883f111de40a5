"""C09: ways in which TLS is left out, let down, or vouched for by nobody.

A certificate signed with SHA-1 is not among them, as `cryptography` signs none; neither are SSL 3.0, RC4 and 3DES,
which OpenSSL 3 is built without. Servers made by hand stand for those in `tests/probes/test_tls.py`.
"""

import datetime
import ssl

from chimera_compliance.stack.flaws import flaw, variant

_NOW = datetime.datetime.now(datetime.UTC)


# On the port without TLS


def _refusing(status, body=b"TLS only", headers=()):
    """Refuses every request, as a proxy would."""

    async def answer(scope, receive, send):
        await send({"type": "http.response.start", "status": status, "headers": list(headers)})
        await send({"type": "http.response.body", "body": body})

    return answer


def _passing(app, admits, otherwise):
    """Passes on what is admitted by method and path."""

    async def answer(scope, receive, send):
        chosen = app if admits(scope["method"], scope["path"]) else otherwise
        await chosen(scope, receive, send)

    return answer


def _redirecting(scheme="https", status=308):
    """Sends every request to the same host and path."""

    async def answer(scope, receive, send):
        host = dict(scope["headers"]).get(b"host", b"").partition(b":")[0]
        location = scheme.encode() + b"://" + host + scope["path"].encode()
        await _refusing(status, b"", [(b"location", location)])(scope, receive, send)

    return answer


@flaw("C09", breaks="C09.2", why="the application's own port is published beside the TLS proxy")
def plain_port(made):
    made.plain = lambda app: app


@flaw("C09", breaks="C09.2", why="one location of the proxy was forgotten, and passes payments on in plain text")
def plain_location(made):
    made.plain = lambda app: _passing(app, lambda _, path: "/commerce/" in path, _refusing(403))


@flaw("C09", breaks="C09.2", why="reads are redirected, but what changes data is served in plain text")
def plain_writes(made):
    made.plain = lambda app: _passing(app, lambda method, _: method != "GET", _redirecting())


@flaw("C09", breaks="C09.2", why="a gateway without TLS asks for credentials")
def plain_challenge(made):
    challenge = [(b"www-authenticate", b"Bearer"), (b"content-type", b"application/json")]
    made.plain = lambda app: _refusing(401, b'{"error": "unauthorized"}', challenge)


@flaw("C09", breaks="C09.3", why="the health check is served in plain text")
def plain_health(made):
    made.plain = lambda app: _passing(app, lambda _, path: path.endswith("/health"), _refusing(403))


@flaw("C09", breaks="C09.4", why="plain HTTP is redirected, after the token has been sent")
def plain_redirect(made):
    made.plain = lambda app: _redirecting()


@flaw("C09", breaks="C09.4", why="plain HTTP is redirected to plain HTTP")
def plain_redirect_to_plain(made):
    made.plain = lambda app: _redirecting("http", 302)


# Versions, suites and key exchange


def _lowered(made, ciphers, version=None):
    """Adds what OpenSSL offers on its lowest security level only."""
    made.tls["ssl_ciphers"] = f"ECDHE+AESGCM:{ciphers}:@SECLEVEL=0"

    def lower(context):
        if version:
            context.minimum_version = version

    made.tls_context.append(lower)


def _rsa_identity(authority, folder, bits=2048):
    from cryptography.hazmat.primitives.asymmetric import rsa

    return authority.issue(folder, "rsa", key=rsa.generate_private_key(public_exponent=65537, key_size=bits))


def _rsa(made):
    """An RSA certificate, for suites that want one."""
    made.certificate = _rsa_identity


@flaw("C09", breaks="C09.6", why="TLS 1.0 is kept for old clients")
def tls_1_0(made):
    _lowered(made, "ECDHE+AES", ssl.TLSVersion.TLSv1)


@flaw("C09", breaks="C09.6", why="TLS 1.1 is kept for old clients")
def tls_1_1(made):
    _lowered(made, "ECDHE+AES", ssl.TLSVersion.TLSv1_1)


@flaw("C09", breaks="C09.1", blinds=True, why="TLS 1.1 is all there is, and clients of today go without")
def nothing_newer_than_tls_1_1(made):
    _lowered(made, "ECDHE+AES", ssl.TLSVersion.TLSv1)
    made.tls_context.append(lambda context: setattr(context, "maximum_version", ssl.TLSVersion.TLSv1_1))


@flaw("C09", breaks="C09.1", blinds=True, why="the API's port speaks plain HTTP, whatever its address says")
def plain_http_on_the_port_of_tls(made):
    made.tls.update(ssl_certfile=None, ssl_keyfile=None)


@flaw("C09", breaks="C09.7", why="suites without encryption were left in for debugging")
def null_ciphers(made):
    _lowered(made, "eNULL")


@flaw("C09", breaks="C09.7", why="anonymous suites: whoever is on the way can be the server")
def anonymous_ciphers(made):
    _lowered(made, "AECDH")


@flaw("C09", breaks="C09.8", why="CBC suites of TLS 1.2 are accepted")
def cbc_ciphers(made):
    made.tls["ssl_ciphers"] = "ECDHE+AESGCM:ECDHE+AES"


@flaw("C09", breaks="C09.8", why="static RSA key exchange: the stolen key opens what was recorded")
def static_rsa(made):
    _rsa(made)
    made.tls["ssl_ciphers"] = "ECDHE+AESGCM:AES128-GCM-SHA256"


@flaw("C09", breaks="C09.9", why="Diffie-Hellman with the 1024-bit prime that everybody has")
def short_prime(made):
    _rsa(made)
    _lowered(made, "DHE+AESGCM")
    made.tls_context.append(_load_oakley_group_2)


def _load_oakley_group_2(context):
    """RFC 2409, 6.2."""
    import tempfile

    from cryptography.hazmat.primitives.asymmetric.dh import DHParameterNumbers
    from cryptography.hazmat.primitives.serialization import Encoding, ParameterFormat

    prime = int(
        "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
        "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
        "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF",
        16,
    )
    with tempfile.NamedTemporaryFile() as file:
        file.write(DHParameterNumbers(prime, 2).parameters().parameter_bytes(Encoding.PEM, ParameterFormat.PKCS3))
        file.flush()
        context.load_dh_params(file.name)


# Certificates


def _certificate(made, **settings):
    made.certificate = lambda authority, folder: authority.issue(folder, "own", **settings)


@flaw("C09", breaks="C09.5", blinds=True, why="the certificate has expired")
def expired_certificate(made):
    _certificate(made, begin=_NOW - datetime.timedelta(days=31))


@flaw("C09", breaks="C09.5", blinds=True, why="the certificate is not valid yet")
def early_certificate(made):
    _certificate(made, begin=_NOW + datetime.timedelta(days=1))


@flaw("C09", breaks="C09.5", blinds=True, why="the certificate has signed itself")
def self_signed_certificate(made):
    _certificate(made, signed_by_itself=True)


@flaw("C09", breaks="C09.5", blinds=True, why="an authority that nobody trusts has signed the certificate")
def unknown_authority(made):
    def issue(_, folder):
        from chimera_compliance.stack.certificates import Authority

        (folder / "stranger").mkdir()
        return Authority(folder / "stranger").issue(folder, "own")

    made.certificate = issue


@flaw("C09", breaks="C09.5", blinds=True, why="the certificate names another host")
def other_host(made):
    def issue(authority, folder):
        from cryptography import x509

        return authority.issue(folder, "own", names=[x509.DNSName("www.chimera.example")])

    made.certificate = issue


@flaw("C09", breaks="C09.5", blinds=True, why="an RSA key of 1024 bits")
def short_key(made):
    short = []

    def issue(authority, folder):
        short.append(_rsa_identity(authority, folder, bits=1024))
        return authority.issue(folder, "own")

    def shorten(context):
        """The server loads a certificate before it may be told to take a short one."""
        context.set_ciphers("ECDHE+aRSA+AESGCM:@SECLEVEL=0")
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(short[0].certificate, short[0].key)

    made.certificate = issue
    made.tls_context.append(shorten)


# Where clients are sent


def _naming(made, header, value, when=lambda scope, status: True):
    """A header that leads to this host without TLS."""

    def put(scope, status, headers):
        if when(scope, status):
            host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
            headers[header] = value.format(url=f"http://{host}{scope['path']}")

    made.edit_headers.append(put)


@flaw("C09", breaks="C09.10", why="behind the proxy the application takes itself for plain HTTP, and redirects there")
def slash_redirect_to_plain(made):
    made.routes.append(lambda app: setattr(app.router, "redirect_slashes", True))

    def unaware(app):
        async def answer(scope, receive, send):
            await app({**scope, "scheme": "http"}, receive, send)

        return answer

    made.wraps.append(unaware)


@flaw("C09", breaks="C09.10", why="what was created is located at a plain address")
def plain_location_of_created(made):
    _naming(made, "Location", "{url}", lambda scope, status: status == 201)


@flaw("C09", breaks="C09.10", why="lists link to their next page over plain HTTP")
def plain_next_page(made):
    _naming(made, "Link", '<{url}?page=2>; rel="next"', lambda scope, _: scope["path"].endswith("/tasks"))


@flaw("C09", breaks="C09.10", why="an answer holds its own plain address")
def plain_address_in_body(made):
    from fastapi import Request
    from fastapi.responses import JSONResponse

    def health(request: Request) -> JSONResponse:
        return JSONResponse({"status": "ok", "self": str(request.url.replace(scheme="http"))})

    made.operations["GET /health"].handler = health


@flaw("C09", breaks="C09.11", why="the document names a server without TLS first")
def plain_server(made):
    made.openapi.append(lambda document: document["servers"].insert(0, {"url": "http://api.chimera.example/api/v1"}))


@flaw("C09", breaks="C09.11", why="the document lets clients choose the scheme")
def scheme_to_choose(made):
    scheme = {"default": "https", "enum": ["https", "http"]}
    server = {"url": "{scheme}://api.chimera.example/api/v1", "variables": {"scheme": scheme}}
    made.openapi.append(lambda document: document["servers"].append(server))


@flaw("C09", breaks="C09.11", why="tokens are fetched from a plain address")
def plain_token_address(made):
    flows = {"clientCredentials": {"tokenUrl": "http://login.chimera.example/token", "scopes": {}}}
    scheme = {"type": "oauth2", "flows": flows}
    made.openapi.append(lambda document: document["components"]["securitySchemes"].update(machines=scheme))


# The database


@flaw("C09", breaks="C09.12", why="pg_hba.conf lets the application in without TLS, from anywhere")
def database_admits_plain(made):
    made.sql += ["CREATE ROLE {database} NOLOGIN", "GRANT {database} TO {app}"]


@flaw("C09", breaks="C09.12", why="the application talks to its database in plain text")
def database_in_plain(made):
    database_admits_plain(made)
    made.engine["connect_args"] = {"sslmode": "disable"}


# Different, and right


@variant(why="TLS 1.3 and nothing before it")
def tls_1_3_only(stack):
    stack.tls_context.append(lambda context: setattr(context, "minimum_version", ssl.TLSVersion.TLSv1_3))


@variant(why="an RSA certificate, and ChaCha20 alone in TLS 1.2")
def rsa_certificate(stack):
    _rsa(stack)
    stack.tls["ssl_ciphers"] = "ECDHE+CHACHA20"


@variant(why="the plain port answers 403 to everything, in the API's own format")
def plain_port_forbids(stack):
    error = b'{"error": {"code": "FORBIDDEN", "message": "TLS only", "details": null}}'
    stack.plain = lambda app: _refusing(403, error, [(b"content-type", b"application/json")])


@variant(why="the plain port answers 426 and names the upgrade")
def plain_port_asks_to_upgrade(stack):
    stack.plain = lambda app: _refusing(426, b"", [(b"upgrade", b"TLS/1.2"), (b"connection", b"Upgrade")])


@variant(why="the plain port redirects what people open in a browser, and refuses the API's paths")
def plain_port_for_browsers(stack):
    stack.plain = lambda app: _passing(_redirecting(), lambda _, path: "/api/" not in path, _refusing(404))
