"""Whom the suite talks to: hosts in scope only, with certificates that it trusts.

`session` serves the one-off calls (login, OpenAPI document, key sets); the sweep engine shares `tls_context`.
"""

import ssl
from urllib.parse import urlsplit

import certifi
import requests
from requests.adapters import HTTPAdapter

from chimera_compliance import __version__
from chimera_compliance.errors import ConfigurationError, OutOfScope
from chimera_compliance.target import Target

RUN_HEADER = "X-Compliance-Run"
USER_AGENT = f"chimera-compliance/{__version__}"


def tls_context(target: Target) -> ssl.SSLContext:
    """A context that trusts the system's certificate authorities and the target's ``ca_file``.

    Raises:
        ConfigurationError: the file cannot be read or holds no certificate.
    """
    context = ssl.create_default_context()
    if not context.cert_store_stats()["x509_ca"]:  # a system without authorities of its own
        context.load_verify_locations(certifi.where())
    if target.api and target.api.ca_file:
        path = target.file(target.api.ca_file)
        try:
            context.load_verify_locations(path)
        except ssl.SSLError:
            raise ConfigurationError(f"api.ca_file: {path} holds no PEM certificate") from None
        except OSError as error:
            raise ConfigurationError(f"api.ca_file: cannot read {path}: {error.strerror}") from None
    return context


def absolute(target: Target, location: str) -> str:
    """The URL of a path below the API's base URL; an absolute URL stays as it is."""
    if location.startswith(("http://", "https://")) or target.api is None:
        return location
    return target.api.base_url + ("" if location.startswith(("/", "?")) else "/") + location


def in_scope(target: Target, url: str) -> str:
    """The URL itself, when its host may be contacted.

    Raises:
        OutOfScope: ``scope.hosts`` does not name its host (as ``host`` or ``host:port``), or it has none.
    """
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise OutOfScope(f"{url!r} is not a URL that can be contacted") from None
    port = port or (443 if parts.scheme == "https" else 80)
    if parts.scheme not in ("http", "https") or not {host, f"{host}:{port}"} & target.hosts:
        raise OutOfScope(f"{host or url!r} is not in scope: scope.hosts names {', '.join(sorted(target.hosts))}")
    return url


class _Adapter(HTTPAdapter):
    """Verifies with the shared context."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    def init_poolmanager(self, *args, **kwargs) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)

    def cert_verify(self, conn, url, verify, cert) -> None:
        """The context has its authorities already."""
        conn.cert_reqs = "CERT_REQUIRED"


def standing_headers(target: Target, url: str) -> dict[str, str]:
    """The headers that every request to the API carries; none for another host, as they may hold a credential."""
    own = target.api is not None and urlsplit(url).hostname == urlsplit(target.api.base_url).hostname
    return dict(target.api.headers) if target.api and own else {}


def session(target: Target, run_id: str) -> requests.Session:
    """A session that ignores proxies and .netrc of this machine, so that no credential is added or led astray."""
    made = requests.Session()
    made.trust_env = False
    made.headers.update({"User-Agent": USER_AGENT, "Accept": "*/*", RUN_HEADER: run_id})
    made.mount("https://", _Adapter(tls_context(target)))
    return made
