"""RFC 3161 time stamps: somebody else says that an envelope existed at a time.

The stamp is over the whole envelope, so that neither it nor its signature can be of later. What it proves rests on the
authority's root certificate, which comes from outside of the bundle.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509

from chimera_compliance.errors import ConfigurationError

QUERY, REPLY = "application/timestamp-query", "application/timestamp-reply"
_SECONDS = 20
_LARGEST = 1 << 20


class NoTimeStamp(Exception):
    """There is no usable time stamp, and why."""


@dataclass(frozen=True)
class Stamp:
    """A time stamp that holds."""

    time: datetime
    authority: str
    note: str = ""


def _client():
    try:
        import rfc3161_client
    except ImportError:
        raise ConfigurationError("time stamps need the extra: pip install 'chimera-compliance[timestamps]'") from None
    return rfc3161_client


def load_roots(path: Path) -> list[x509.Certificate]:
    """The certificates that time stamps rest on.

    Raises:
        ConfigurationError: the file cannot be read or holds none.
    """
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from None
    except ValueError:
        raise ConfigurationError(f"{path} holds no certificate in PEM") from None


def fetch(url: str, content: bytes, roots: list[x509.Certificate]) -> bytes:
    """A time stamp over `content` from the authority at a URL, checked before it is kept.

    Raises:
        NoTimeStamp: the authority does not answer, refuses, or its stamp does not hold.
    """
    import requests

    client = _client()
    query = client.TimestampRequestBuilder().data(content).nonce(nonce=True).cert_request(cert_request=True).build()
    try:
        answer = requests.post(
            url, query.as_bytes(), headers={"Content-Type": QUERY}, timeout=_SECONDS, allow_redirects=False
        )
    except requests.RequestException as error:
        raise NoTimeStamp(f"{url} does not answer: {type(error).__name__}") from None
    if answer.status_code != 200 or len(answer.content) > _LARGEST:
        raise NoTimeStamp(f"{url} answers {answer.status_code}")
    try:
        response = client.decode_timestamp_response(answer.content)
        if response.tst_info.nonce != query.nonce:
            raise NoTimeStamp(f"{url} answers another request than ours")
    except ValueError:
        raise NoTimeStamp(f"{url} gives no time stamp that can be read") from None
    if roots:
        check(answer.content, content, roots)
    return answer.content


def check(stamp: bytes, content: bytes, roots: list[x509.Certificate]) -> Stamp:
    """What a time stamp over `content` says, if it holds.

    Raises:
        NoTimeStamp: it is of something else, was changed, or its certificate was not valid when it was made.
    """
    client = _client()
    from rfc3161_client.errors import VerificationError

    builder = client.VerifierBuilder()
    for root in roots:
        builder = builder.add_root_certificate(root)
    try:
        response = client.decode_timestamp_response(stamp)
        builder.build().verify_message(response, content)
        return _stamp(response)
    except (VerificationError, ValueError) as error:
        raise NoTimeStamp(_reason(str(error))) from None


def claimed_time(stamp: bytes) -> datetime:
    """The time that a stamp tells, unchecked.

    Raises:
        NoTimeStamp: it cannot be read.
    """
    try:
        return _client().decode_timestamp_response(stamp).tst_info.gen_time
    except ValueError:
        raise NoTimeStamp("it cannot be read") from None


def _stamp(response) -> Stamp:
    time = response.tst_info.gen_time
    certificates = [x509.load_der_x509_certificate(each) for each in response.signed_data.certificates]
    signer = next(iter(response.signed_data.signer_infos))
    used = next((each for each in certificates if each.serial_number == signer.serial_number), None)
    if used is None:
        raise NoTimeStamp("it does not bring its certificate")
    if not used.not_valid_before_utc <= time <= used.not_valid_after_utc:
        raise NoTimeStamp(f"the authority's certificate was not valid at {time.isoformat()}")
    expired = datetime.now(time.tzinfo) > used.not_valid_after_utc
    note = f"its certificate expired on {used.not_valid_after_utc.date()}, after the stamp was made" if expired else ""
    return Stamp(time, used.subject.rfc4514_string(), note)


def _reason(message: str) -> str:
    if "Mismatch between messages" in message:
        return "it is of another envelope"
    if "GRANTED" in message:
        return "the authority refused it"
    return "it was changed, or does not rest on the given certificates, or these were not valid when it was made"
