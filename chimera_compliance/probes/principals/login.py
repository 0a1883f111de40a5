"""Obtains a token as a client does: by the target file's steps (register, log in, exchange).

Nothing of a step's bodies is recorded: they are what passwords and tokens are made of.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests

from chimera_compliance.errors import ConfigurationError
from chimera_compliance.journal import Journal
from chimera_compliance.outcomes import Inconclusive
from chimera_compliance.probes.http.exchange import Exchange, Request
from chimera_compliance.probes.http.explain import explain_requests
from chimera_compliance.probes.http.limiter import wait_for
from chimera_compliance.probes.http.trust import absolute, in_scope, session, standing_headers
from chimera_compliance.probes.principals.tokens import Issued
from chimera_compliance.references import is_reference
from chimera_compliance.target import Step, Target

_PLACEHOLDER = re.compile(r"\$\{(\w+)\}|\{(\w+)\}")
_LARGEST_ANSWER = 1 << 20
_ATTEMPTS = 3
_MISSING = object()


@dataclass(frozen=True)
class Steps:
    """The steps of one principal; `learn` is told every secret: (value, name)."""

    target: Target
    journal: Journal
    steps: list[Step]
    who: str
    learn: Callable[[str, str], None]

    def issue(self) -> Issued:
        """Run all steps, the first one first, and return what they captured as `token`."""
        captured: dict[str, str] = {}
        lifetime = None
        with session(self.target, self.journal.run_id) as client:
            for step in self.steps:
                answer = self._run(client, step, captured)
                lifetime = _lifetime(answer) if "token" in step.capture else lifetime
        if "token" not in captured:
            raise ConfigurationError(f"{self.who}: no step captures `token`")
        return Issued.now(captured["token"], lifetime)

    def _run(self, client: requests.Session, step: Step, captured: dict[str, str]) -> Any:
        answer, status = self._admitted(client, step, captured)
        if not step.capture:
            return answer
        if not 200 <= status < 300:
            raise Inconclusive(f"{self.who}: no token: {step.request} answered {status}")
        for name, pointer in step.capture.items():
            captured[name] = self._captured(answer, name, pointer, step)
        return answer

    def _admitted(self, client: requests.Session, step: Step, captured: dict[str, str]) -> tuple[Any, int]:
        """The answer and its status; logins are limited often, so what a limiter refuses is tried again."""
        for attempt in range(_ATTEMPTS):
            exchange = self._request(client, step, captured)
            if exchange.status != 429 or attempt == _ATTEMPTS - 1:
                break
            time.sleep(wait_for([exchange], attempt))
        return exchange.json(), exchange.status or 0

    def _captured(self, answer: Any, name: str, pointer: str, step: Step) -> str:
        value = at(answer, pointer)
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise Inconclusive(f"{self.who}: no token: the answer of {step.request} has no text at {pointer}")
        self.learn(str(value), name)
        return str(value)

    def _request(self, client: requests.Session, step: Step, captured: dict[str, str]) -> Exchange:
        method, _, path = step.request.partition(" ")
        url = in_scope(self.target, absolute(self.target, self._filled(path, captured)))
        headers = standing_headers(self.target, url) | self._filled(step.headers, captured)
        timeout = self.target.scope.timeout_seconds
        try:
            with client.request(
                method,
                url,
                json=self._filled(step.body_json, captured),
                data=self._filled(step.form, captured),
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
                stream=True,
            ) as response:
                body = bounded(response, _LARGEST_ANSWER, timeout)
        except (requests.RequestException, OSError) as error:
            raise Inconclusive(f"{self.who}: no token: {step.request}: {explain_requests(error, timeout)}") from None
        self._record(step, response.status_code)
        headers = tuple(response.headers.items())
        return Exchange(Request(method, path), response.status_code, response.reason or "", headers, body)

    def _record(self, step: Step, status: int) -> None:
        self.journal.record(
            kind="http",
            subject=step.request,
            sent={"request": step.request, "note": f"a step to the token of {self.who}; its body is not kept"},
            received={"status": str(status)},
        )

    def _filled(self, value: Any, captured: dict[str, str]) -> Any:
        """References resolved and ``{name}`` replaced in every text of a tree."""
        match value:
            case str() if is_reference(value):
                secret = self.target.secret(value)
                self.learn(secret, "password")
                return secret
            case str():
                return _PLACEHOLDER.sub(lambda found: self._value(found, captured), value)
            case dict():
                return {key: self._filled(item, captured) for key, item in value.items()}
            case list():
                return [self._filled(item, captured) for item in value]
        return value

    def _value(self, found: re.Match[str], captured: dict[str, str]) -> str:
        if found[1]:
            return self._filled(found[0], captured)
        return captured.get(found[2], found[0])


def bounded(response: requests.Response, largest: int, seconds: float) -> bytes:
    """The body, read in pieces.

    Raises:
        requests.RequestException: it is larger than `largest` bytes, or takes longer than `seconds` in all.
    """
    deadline, body = time.monotonic() + seconds, bytearray()
    for piece in response.iter_content(1 << 16):
        body += piece
        if len(body) > largest:
            raise requests.exceptions.ContentDecodingError(f"the answer is larger than {largest >> 20} MB")
        if time.monotonic() > deadline:
            raise requests.Timeout
    return bytes(body)


def at(document: Any, pointer: str) -> Any:
    """The value at a JSON pointer (RFC 6901), or a marker that is no JSON value where there is none."""
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict) and key in document:
            document = document[key]
        elif isinstance(document, list) and key.isdecimal() and int(key) < len(document):
            document = document[int(key)]
        else:
            return _MISSING
    return document


def _lifetime(answer: Any) -> float | None:
    """``expires_in`` of an OAuth 2.0 token response (RFC 6749, 5.1), in seconds."""
    seconds = answer.get("expires_in") if isinstance(answer, dict) else None
    return float(seconds) if isinstance(seconds, int | float) and seconds > 0 else None
