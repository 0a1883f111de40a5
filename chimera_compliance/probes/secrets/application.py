"""How the application treats its secrets: whether it keeps them, how long, and what it does while the store is away.

Observed through the relay that it reads them by (`relay.py`): nothing is slept for, each step ends with the event
that it waits for, or with the time after which that event is overdue.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import requests

from chimera_compliance.journal import Journal
from chimera_compliance.outcomes import Inconclusive
from chimera_compliance.probes.http.exchange import Exchange
from chimera_compliance.target.aws import Application

_LONGEST_WAIT = 30.0
_LATE = 3.0
_AFTERWARDS = 10.0
_BURST = 5


@dataclass(frozen=True)
class Step:
    """One thing tried; `held` is None where it could not be observed, and `text` says what was seen.

    `tried` is false where nothing was tried, for it would take too long.
    """

    held: bool | None
    text: str
    observation: str = ""
    subject: str = "the application"
    tried: bool = True

    @property
    def actual(self) -> str:
        """What was seen."""
        return self.text


@dataclass(frozen=True)
class Behaviour:
    """What the application does with its secrets."""

    kept: Step
    refreshed: Step
    outage: Step
    recovered: Step


class RelayClient:
    """The relay's own interface, as the suite uses it."""

    def __init__(self, url: str, journal: Journal, timeout: float):
        self._url, self._journal, self._timeout = url, journal, timeout
        self._session = requests.Session()
        self._session.trust_env = False

    def told(self, method: str = "GET", path: str = "reads") -> dict:
        """What the relay has counted.

        Raises:
            Inconclusive: it does not answer as a relay does.
        """
        url = f"{self._url}/.compliance/{path}"
        try:
            answer = self._session.request(method, url, timeout=self._timeout, allow_redirects=False)
            told = answer.json()
            return {"reads": dict(told["reads"]), "refused": int(told["refused"]), "away": bool(told["away"])}
        except (requests.RequestException, ValueError, KeyError, TypeError) as error:
            raise Inconclusive(f"the relay at {self._url} does not answer: {type(error).__name__}") from None

    def record(self, subject: str, told: dict) -> str:
        """Keep what was counted."""
        url = f"{self._url}/.compliance/reads"
        return self._journal.record("aws", subject, sent={"url": url}, received=told, reproduce=f"curl -s {url}")


def observe(settings: Application, relay: RelayClient, ask: Callable[[], Exchange]) -> Behaviour:
    """Let the application use a secret again and again, and watch when it reads it.

    Raises:
        Inconclusive: the application does not use the relay, or does not admit a valid token to begin with.
    """
    begun = ask()
    told = relay.told()
    if not begun.ok:
        raise Inconclusive(f"the operation that needs a secret does not succeed: {begun.subject}: {begun.actual}")
    if not told["reads"]:
        raise Inconclusive("the application has read nothing through the relay since either was started")
    if settings.cache_seconds > _LONGEST_WAIT:
        text = (
            f"a cache of {settings.cache_seconds:g} s cannot be waited for: deploy with one of a few seconds to see it"
        )
        return Behaviour(*[Step(None, text, tried=False)] * 4)
    kept = _kept(settings, relay, ask)
    refreshed = _refreshed(settings, relay, ask)
    try:
        outage = _outage(settings, relay, ask, begun)
    finally:
        relay.told("POST", "back")
    if outage.held is None:
        return Behaviour(kept, refreshed, outage, Step(None, outage.text))
    return Behaviour(kept, refreshed, outage, _recovered(settings, relay, ask))


def _total(told: dict) -> int:
    return sum(told["reads"].values())


def _kept(settings: Application, relay: RelayClient, ask) -> Step:
    """Several requests in a row need no more reads than their time explains."""
    before, began = relay.told(), time.monotonic()
    for _ in range(_BURST):
        ask()
    seconds, after = time.monotonic() - began, relay.told()
    secrets = max(1, len(after["reads"]))
    explained = secrets * (1 + int(seconds / settings.cache_seconds))
    reads = _total(after) - _total(before)
    text = f"{reads} reads for {_BURST} requests in {seconds:.1f} s"
    if explained >= _BURST:
        return Step(None, f"{text}: they took so long that a cache would not show")
    return Step(reads <= explained, text, relay.record("reads of secrets in a burst", after))


def _refreshed(settings: Application, relay: RelayClient, ask) -> Step:
    """Once its time is up, a secret is read again by whoever needs it next."""
    before = relay.told()
    read = _until(settings.cache_seconds + _LATE, settings, ask, lambda told: _total(told) > _total(before), relay)
    seconds, told = read
    observation = relay.record("reads of secrets after their time", told)
    if _total(told) > _total(before):
        return Step(True, f"read again within {seconds:.1f} s", observation)
    return Step(
        False, f"not read again in {seconds:.1f} s, though cached for {settings.cache_seconds:g} s", observation
    )


def _outage(settings: Application, relay: RelayClient, ask, begun: Exchange) -> Step:
    """While the store is away and the application has noticed, it goes on with what it knows."""
    relay.told("POST", f"away?seconds={settings.cache_seconds + _LATE + 10:g}")
    before = relay.told()
    answers: list[Exchange] = []
    _until(
        settings.cache_seconds + _LATE,
        settings,
        lambda: answers.append(ask()),
        lambda told: told["refused"] > before["refused"],
        relay,
    )
    noticed = relay.told()
    answers.append(ask())
    observation = relay.record("reads of secrets while the store is away", noticed)
    if noticed["refused"] == before["refused"]:
        return Step(None, "the application did not ask the store while it was away, so nothing was put to the test")
    worse = [answer for answer in answers if not answer.ok]
    if not worse:
        return Step(True, f"{len(answers)} requests answered as before", observation)
    return Step(
        False, f"{worse[0].subject} answered {worse[0].actual}, before that {begun.actual}", worse[0].observation
    )


def _recovered(settings: Application, relay: RelayClient, ask) -> Step:
    """Once the store is back, it is asked again."""
    before = relay.told()
    bound = settings.cache_seconds + _AFTERWARDS
    seconds, told = _until(bound, settings, ask, lambda told: _total(told) > _total(before), relay)
    observation = relay.record("reads of secrets after the store came back", told)
    again = _total(told) > _total(before)
    return Step(again, f"{'' if again else 'not '}read again within {seconds:.1f} s", observation)


def _until(bound: float, settings: Application, act, happened, relay: RelayClient) -> tuple[float, dict]:
    """Act now and then until something has happened, or is overdue; how long that took, and what was counted last."""
    began, pause = time.monotonic(), min(1.0, max(0.05, settings.cache_seconds / 8))
    while True:
        act()
        told, seconds = relay.told(), time.monotonic() - began
        if happened(told) or seconds > bound:
            return seconds, told
        time.sleep(pause)  # between two looks, not in their place
