"""The TLS endpoint of an API as clients meet it: what it agrees to, and the certificate that it shows.

What a client of today would do is done with this machine's OpenSSL; what only an outdated client would ask for is
asked for by hand, since OpenSSL may not offer it any more.
"""

import socket
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlsplit

from cryptography import x509

from chimera_compliance.journal import Journal
from chimera_compliance.probes.http.reproduce import quoted
from chimera_compliance.probes.http.trust import in_scope, tls_context
from chimera_compliance.probes.tls.client_hello import (
    FINITE_FIELD_SUITES,
    VERSIONS,
    Answer,
    Hello,
    offer,
    offers_ssl_2,
)
from chimera_compliance.target import Target

_AT_A_TIME = 4
_LONGEST_WAIT = 5.0

# What is wrong with whole families of suites: code points of the IANA registry "TLS Cipher Suites".
BROKEN = {
    "no encryption": (0x0001, 0x0002, 0x003B, 0xC001, 0xC006, 0xC00B, 0xC010, 0xC015),
    "export grade": (0x0003, 0x0006, 0x0008, 0x000B, 0x000E, 0x0011, 0x0014, 0x0017, 0x0019, 0x0062, 0x0064),
    "no certificate (anonymous)": (
        0x0018, 0x001A, 0x001B, 0x0034, 0x003A, 0x0046, 0x0089, 0x006C, 0x006D, 0x00A6, 0x00A7, 0x00BF, 0x00C5,
        0xC016, 0xC017, 0xC018, 0xC019, 0xC046, 0xC047, 0xC05A, 0xC05B,
    ),
    "RC4": (0x0004, 0x0005, 0xC002, 0xC007, 0xC00C, 0xC011),
    "64-bit blocks (DES, 3DES, IDEA)": (
        0x0007, 0x0009, 0x000A, 0x000C, 0x000D, 0x000F, 0x0010, 0x0012, 0x0013, 0x0015, 0x0016, 0xC003, 0xC008, 0xC00D,
        0xC012,
    ),
}  # fmt: skip
DATED = {
    "no forward secrecy (static key exchange)": (
        0x002F, 0x0035, 0x003C, 0x003D, 0x009C, 0x009D, 0x0041, 0x0084, 0x0096, 0x00BA, 0x00C0, 0xC03C, 0xC03D, 0xC050,
        0xC051, 0xC07A, 0xC07B, 0xC09C, 0xC09D, 0xC0A0, 0xC0A1, 0xC004, 0xC005, 0xC00E, 0xC00F, 0xC025, 0xC026, 0xC029,
        0xC02A, 0xC02D, 0xC02E, 0xC031, 0xC032,
    ),
    "CBC": (
        0xC009, 0xC00A, 0xC013, 0xC014, 0xC023, 0xC024, 0xC027, 0xC028, 0x0033, 0x0039, 0x0067, 0x006B, 0x0032, 0x0038,
        0x0040, 0x006A, 0x0045, 0x0088, 0x00BE, 0x00C4, 0xC048, 0xC049, 0xC04C, 0xC04D, 0xC072, 0xC073, 0xC076, 0xC077,
    ),
}  # fmt: skip
_CURVE_SUITES = (0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0xC009, 0xC013, 0xC00A, 0xC014)
_SHORT_CURVES = (*range(1, 6), *range(15, 20))
"""The named curves of RFC 8422 of less than 224 bits, which give less than 112 bits of security."""
_SHORT_PRIME = 2048


@dataclass(frozen=True)
class Fact:
    """One thing seen of the transport. `holds` is None where it could not be seen, and `actual` says why."""

    subject: str
    actual: str
    observation: str
    holds: bool | None = True


class Endpoint:
    """Where the API is reached.

    Raises:
        OutOfScope: the host of the base URL is not in the target's scope.
    """

    def __init__(self, target: Target, journal: Journal) -> None:
        parts = urlsplit(in_scope(target, target.api.base_url))
        self.host, self.is_https = parts.hostname or "", parts.scheme == "https"
        self.port = parts.port or (443 if self.is_https else 80)
        self._timeout = min(target.scope.timeout_seconds, _LONGEST_WAIT)
        self._target, self._journal = target, journal

    @property
    def subject(self) -> str:
        """Host and port."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @cached_property
    def handshake(self) -> Fact:
        """The handshake that a client of today makes, the certificate verified; `verify_code` says what was wrong."""
        self.verify_code: int | None = None
        try:
            with self.connect(tls_context(self._target)) as tls:
                actual, holds = f"{tls.version()} with {tls.cipher()[0]}", True
        except ssl.SSLCertVerificationError as error:
            self.verify_code, actual, holds = error.verify_code, error.verify_message, False
        except OSError as error:
            actual, holds = _reason(error), False
        return self.seen(self.subject, "TLS 1.2 and 1.3, verified", actual, "-verify_return_error", holds)

    @cached_property
    def agreement(self) -> Fact:
        """The same with whatever certificate: whether TLS 1.2 or 1.3 is spoken at all; undecided if nobody is there."""
        try:
            with self.connect(unverified()) as tls:
                actual, holds = f"{tls.version()} with {tls.cipher()[0]}", True
        except OSError as error:
            actual, holds = _reason(error), False if self._somebody_listens() else None
        return self.seen(self.subject, "TLS 1.2 and 1.3", actual, "", holds)

    def _somebody_listens(self) -> bool:
        try:
            socket.create_connection((self.host, self.port), self._timeout).close()
        except OSError:
            return False
        return True

    @cached_property
    def certificate_der(self) -> bytes:
        """The certificate that the server shows, whoever signed it.

        Raises:
            OSError: no TLS connection can be made.
        """
        with self.connect(unverified()) as tls:
            return tls.getpeercert(binary_form=True) or b""

    @cached_property
    def certificate(self) -> x509.Certificate:
        """The same, read.

        Raises:
            OSError: no TLS connection can be made.
            ValueError: it is no certificate.
        """
        return x509.load_der_x509_certificate(self.certificate_der)

    @cached_property
    def understands_hellos(self) -> Fact:
        """The positive control of all hellos made by hand: TLS 1.2 comes out as it does with OpenSSL."""
        context = unverified()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        try:
            self.connect(context).close()
            expected = True
        except OSError:
            expected = False
        answer = self._offer(Hello(VERSIONS["TLS 1.2"]))
        words = {True: "agrees to TLS 1.2", False: "refuses TLS 1.2"}
        actual = f"{words[expected]} with OpenSSL, {words[answer.accepted]} by hand"
        return self.seen("hello by hand", "TLS 1.2", actual, "-tls1_2", expected == answer.accepted)

    def versions(self) -> list[Fact]:
        """For each protocol version before 1.2, whether the server goes on with it."""
        older = {name: code for name, code in VERSIONS.items() if name != "TLS 1.2"}
        asked: dict[str, Callable[[], Answer]] = {"SSL 2.0": self._offer_ssl_2}
        asked |= {name: lambda code=code: self._offer(Hello(code)) for name, code in older.items()}
        return self._ask(asked, lambda answer, name: answer.version == older.get(name, 0x0002))

    def families(self, families: dict[str, tuple[int, ...]]) -> list[Fact]:
        """For each family of suites, whether the server chooses one when nothing else is offered."""
        hellos = {name: Hello(VERSIONS["TLS 1.2"], suites) for name, suites in families.items()}
        asked = {name: lambda hello=hello: self._offer(hello) for name, hello in hellos.items()}
        return self._ask(asked, lambda answer, name: answer.suite in families[name])

    def key_exchanges(self) -> list[Fact]:
        """Whether it agrees to a curve of less than 224 bits, or brings a prime of less than 2048."""
        curves = Hello(VERSIONS["TLS 1.2"], _CURVE_SUITES, _SHORT_CURVES, asks_for_exchange=True)
        primes = Hello(VERSIONS["TLS 1.2"], FINITE_FIELD_SUITES, asks_for_exchange=True)
        asked = {"short elliptic curves": lambda: self._offer(curves), "short primes": lambda: self._offer(primes)}
        return self._ask(
            asked, lambda answer, _: answer.group in _SHORT_CURVES or (answer.prime_bits or _SHORT_PRIME) < _SHORT_PRIME
        )

    def compression(self) -> list[Fact]:
        """Whether it compresses before it encrypts, which tells contents by their length (CRIME)."""
        hello = Hello(VERSIONS["TLS 1.2"], compressions=(1, 0))
        return self._ask({"compression": lambda: self._offer(hello)}, lambda answer, _: answer.compression == 1)

    def _ask(self, asked: dict[str, Callable[[], Answer]], agrees: Callable[[Answer, str], bool]) -> list[Fact]:
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            answers = list(pool.map(lambda ask: ask(), asked.values()))
        return [self._fact(name, answer, agrees(answer, name)) for name, answer in zip(asked, answers, strict=True)]

    def _fact(self, name: str, answer: Answer, agrees: bool) -> Fact:
        words = [f"suite 0x{answer.suite:04X}"] if answer.accepted else ["refused", f"({answer.detail})"]
        words += [f"with a prime of {answer.prime_bits} bits"] if answer.prime_bits else []
        holds = agrees if answer.reached else None
        return self.seen(name, name, " ".join(words) if answer.reached else answer.detail, "", holds)

    def _offer(self, hello: Hello) -> Answer:
        return offer(self.host, self.port, hello, timeout=self._timeout)

    def _offer_ssl_2(self) -> Answer:
        return offers_ssl_2(self.host, self.port, timeout=self._timeout)

    def connect(self, context: ssl.SSLContext) -> ssl.SSLSocket:
        """A TLS connection.

        Raises:
            OSError: there is none.
        """
        connection = socket.create_connection((self.host, self.port), timeout=self._timeout)
        try:
            return context.wrap_socket(connection, server_hostname=self.host)
        except BaseException:
            connection.close()
            raise

    def seen(self, subject: str, offered: str, actual: str, options: str, holds: bool | None) -> Fact:
        """Keep an observation of the endpoint."""
        words = ["openssl s_client -connect", quoted(self.subject), options, "</dev/null"]
        observation = self._journal.record(
            "tls",
            subject,
            sent={"to": self.subject, "offered": offered},
            received={"answer": actual},
            reproduce=" ".join(filter(None, words)),
        )
        return Fact(subject, actual, observation, holds)


def unverified() -> ssl.SSLContext:
    """A context that takes any certificate, to look at it; nothing is ever sent over it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # A short key is to be looked at, too.
    return context


def _reason(error: OSError) -> str:
    return getattr(error, "reason", "") or error.strerror or type(error).__name__
