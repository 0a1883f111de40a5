"""C09  Everything is spoken over TLS, and over TLS that is worth the name."""

import pytest

from chimera_compliance import Inconclusive, Problem, control, reject
from chimera_compliance.outcomes import NotReviewed
from chimera_compliance.probes.openapi.inventory import read_document
from chimera_compliance.probes.postgres.wire import Wire
from chimera_compliance.probes.tls.certificate import ASPECTS, aspects
from chimera_compliance.probes.tls.endpoint import BROKEN, DATED, Endpoint
from chimera_compliance.probes.tls.links import addresses, host_of, is_this_machine, plain_links
from chimera_compliance.probes.tls.plain_http import PlainHttp

pytestmark = control("C09")

SOUND = {
    "chain": "signed by a trusted authority, for a server",
    "name": "the host of the API",
    "dates": "valid now",
    "key": "RSA of 2048 bits or more, or a curve of 224 or more",
    "signature": "SHA-2 or EdDSA",
}


@pytest.fixture(scope="session")
def endpoint(api, target, journal):
    """Where the API is reached."""
    return Endpoint(target, journal)


@pytest.fixture(scope="session")
def tls(endpoint):
    """The endpoint, known to agree to TLS of today: the positive control of all that it refuses."""
    if not endpoint.is_https:
        raise Inconclusive("the API is reached over plain HTTP: there is no TLS to judge")
    if not endpoint.agreement.holds:
        raise Inconclusive(f"no TLS connection came about: {endpoint.agreement.actual}")
    if not endpoint.understands_hellos.holds:
        raise Inconclusive(f"hellos made by hand are not understood: {endpoint.understands_hellos.actual}")
    return endpoint


@pytest.fixture(scope="session")
def plain_ports(api, operations):
    """What the API's own port and the declared ones make of plain HTTP."""
    return PlainHttp(api, operations).ports()


@pytest.fixture
def refused(coverage):
    """Rejects the facts that hold although they must not, and counts the others as decided or not."""

    def refused(facts, unit, expected):
        coverage.unit = unit
        coverage.tested([fact for fact in facts if fact.holds is not None])
        for fact in facts:
            if fact.holds is None:
                coverage.untested(fact, fact.actual)
        reject([fact for fact in facts if fact.holds], "is accepted", expected=expected)

    return refused


@pytest.fixture
def closed_to(plain_ports, endpoint, coverage):
    """Rejects the answers of plain ports that `offends` names; a host that answers nowhere decides nothing."""

    def closed_to(offends, message):
        coverage.unit = "ports"
        for port in plain_ports:
            if port.unasked or port.undecided:
                coverage.untested(port, port.unasked or "refusals cannot be told from the application's own")
            else:
                coverage.tested(port)
        reject([problem for port in plain_ports for problem in _folded(port, offends, message)])
        if endpoint.is_https and not endpoint.agreement.holds:
            raise Inconclusive(f"the API does not answer over TLS either: {endpoint.agreement.actual}")

    return closed_to


def _folded(port, offends, message):
    """One problem for a port, with the first of the operations that offend."""
    found = [answer for answer in port.answers if offends(answer)]
    if found:
        first = found[0].exchange
        actual = f"{len(found)} of {len(port.answers)} operations, such as {first.subject}: {first.actual}"
        yield Problem(port.subject, message, "closed, or refused ahead of the API", actual, first.observation)


def test_api_is_reached_over_tls(endpoint, coverage):
    """An address of http:// is no HTTPS, and neither is a port that no client of today can agree with."""
    if not endpoint.is_https:
        reject([Problem(f"http://{endpoint.subject}", "is where the API is reached", "https", "plain HTTP")])
    if endpoint.agreement.holds is None:
        raise Inconclusive(f"nobody answers at {endpoint.subject}: {endpoint.agreement.actual}")
    coverage.tested(endpoint)
    reject(
        [endpoint.agreement] if not endpoint.agreement.holds else [], "does not agree to TLS", expected="TLS 1.2 or 1.3"
    )


def test_no_credential_is_taken_in_plain_text(closed_to):
    """Whoever listens on the way reads the token, whatever the answer to it is."""
    closed_to(lambda answer: answer.from_application and answer.takes_credentials, "takes credentials in plain text")


def test_nothing_is_served_in_plain_text(closed_to, plain_ports):
    """What is public can still be changed on the way, and an API that answers teaches clients to stay."""
    speaking = [port for port in plain_ports if port.is_http_2]
    reject(speaking, "speaks HTTP/2 without TLS", expected="closed")
    closed_to(lambda answer: answer.from_application, "answers for the API in plain text")


def test_plain_http_is_not_redirected(closed_to):
    """A redirect hides the client's mistake: its token has crossed the wire already (ASVS v5.0.0-4.1.2)."""
    closed_to(lambda answer: answer.redirects, "redirects requests that carried a credential")


@pytest.mark.parametrize("aspect", ASPECTS)
def test_certificate_is_sound(tls, coverage, aspect):
    """A certificate that cannot be verified vouches for nobody, and teaches clients not to look."""
    try:
        fact = aspects(tls)[aspect]
    except (OSError, ValueError) as error:
        raise Inconclusive(f"the certificate cannot be read: {type(error).__name__}") from None
    if fact.holds is None:
        raise Inconclusive(fact.actual)
    coverage.tested(fact)
    reject([fact] if not fact.holds else [], f"is not sound in its {aspect}", expected=SOUND[aspect])


def test_obsolete_protocols_are_refused(tls, refused):
    """RFC 6176, 7568 and 8996 forbid them; who is on the way can bring clients down to them."""
    refused(tls.versions(), "protocol versions", "refused")


def test_broken_ciphers_are_refused(tls, refused):
    """None of these keeps out somebody who is on the way."""
    refused(tls.families(BROKEN) + tls.compression(), "cipher families", "refused")


def test_dated_ciphers_are_refused(tls, refused):
    """Without forward secrecy a stolen key opens what was recorded; CBC keeps giving padding oracles."""
    refused(tls.families(DATED), "cipher families", "ECDHE or DHE with an AEAD cipher only")


def test_key_exchange_is_strong(tls, refused):
    """A short group is broken once for everybody who uses it (Logjam)."""
    refused(tls.key_exchanges(), "kinds of key exchange", "curves of 224 bits, primes of 2048 bits, or more")


def test_no_answer_leads_to_plain_http(responses, target, coverage):
    """A redirect or link takes the client, and the token it carries, off TLS."""
    coverage.unit = "answers"
    coverage.tested([response.exchange for response in responses])
    hosts = frozenset({host_of(target.api.base_url)} | {name.partition(":")[0] for name in target.hosts})
    found = [link for response in responses for link in plain_links(response.exchange, hosts)]
    unique = {(link.subject, link.place, host_of(link.address)): link for link in found}
    reject(unique.values(), "sends clients to plain HTTP", expected="https://, or a relative reference")


def test_document_names_https_only(api, target, principals, coverage):
    """Clients are generated from the document, and go with their tokens where it sends them."""
    if not target.api.openapi:
        raise NotReviewed("the target file names no OpenAPI document")
    named = addresses(read_document(target, api, principals))
    coverage.unit = "addresses"
    coverage.tested(named or "every address of the document is relative")
    own = host_of(target.api.base_url)
    plain = [item for item in named if item.url.lower().startswith(("http://", "ws://"))]
    leaving = [item for item in plain if host_of(item.url) == own or not is_this_machine(host_of(item.url))]
    reject([Problem(item.url, "is an address without TLS", "https://", item.place) for item in leaving])


def test_database_is_reached_over_tls(db, journal, coverage):
    """The last leg carries what the first one does; only what stays on one machine may do without."""
    coverage.unit = "links"
    for link in (links := Wire(db, journal).links()):
        if link.plain is None:
            coverage.untested(link, link.actual)
        else:
            coverage.tested(link)
    reject([link for link in links if link.plain and not link.local], "goes without TLS", expected="TLS, and only TLS")
