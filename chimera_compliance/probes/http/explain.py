"""Why a request got no answer, in words a reader can act on."""

import ssl

import aiohttp
import requests
from aiohttp.http_exceptions import HttpProcessingError

_LONGEST = 200


def never_reached(error: Exception) -> bool:
    """Whether no connection was made, so that trying again cannot do anything twice."""
    return isinstance(error, aiohttp.ClientConnectorError) and not isinstance(error, aiohttp.ClientSSLError)


def explain(error: Exception, seconds: float) -> str:
    """One line, free of anything that was sent."""
    match error:
        case TimeoutError():
            return f"no complete answer within {seconds:g} s"
        case aiohttp.ClientConnectorCertificateError():
            return _certificate(error.certificate_error)
        case aiohttp.ClientSSLError():
            return f"TLS failed: {_brief(getattr(error.os_error, 'reason', None) or error.os_error)}"
        case aiohttp.ClientConnectorDNSError():
            return f"the host {error.host} has no address"
        case aiohttp.ClientConnectorError():
            return f"cannot connect: {_brief(error.os_error.strerror or error.os_error)}"
        case aiohttp.ServerDisconnectedError():
            return "the server closed the connection without an answer"
        case aiohttp.ClientPayloadError():
            return "the body broke off"
        case aiohttp.ClientResponseError() | HttpProcessingError():
            return "the answer is not valid HTTP"
        case OSError():
            return f"the connection broke: {_brief(error.strerror or error)}"
    return f"cannot be sent: {_brief(error)}"


def explain_requests(error: Exception, seconds: float) -> str:
    """The same for a one-off call made with `requests`, whose own messages quote the URL and its query."""
    match error:
        case requests.exceptions.SSLError():
            return "TLS failed, or the certificate is not trusted; api.ca_file names authorities to trust"
        case requests.Timeout():
            return f"no complete answer within {seconds:g} s"
        case requests.exceptions.ChunkedEncodingError():
            return "the body broke off"
        case requests.exceptions.ContentDecodingError():
            return _brief(error)
        case requests.ConnectionError():
            return "cannot connect, or the connection broke"
        case requests.exceptions.InvalidHeader() | requests.exceptions.InvalidURL():
            return "the URL or a header cannot be sent"
    return f"the answer is not valid HTTP ({type(error).__name__})"


def _certificate(error: Exception) -> str:
    reason = getattr(error, "verify_message", "") if isinstance(error, ssl.SSLCertVerificationError) else str(error)
    return f"the TLS certificate is not trusted: {_brief(reason)}; api.ca_file names authorities to trust"


def _brief(text: object) -> str:
    line = " ".join(str(text).split())
    return line if len(line) <= _LONGEST else line[:_LONGEST] + "…"
