"""An AWS account as the suite reads it: every call is declared, recorded without secrets, and fails alone.

A call that is denied, unsupported or not answered becomes an `Unseen`, which the requirements that needed it tell by
name; the rest of the account is looked at all the same.
"""

import shlex
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any, TypeVar

from chimera_compliance.journal import Journal
from chimera_compliance.outcomes import Inconclusive
from chimera_compliance.probes import secret_store
from chimera_compliance.probes.secrets.calls import CALLS
from chimera_compliance.probes.secrets.transcript import told
from chimera_compliance.probes.secrets.unseen import Unseen, nobody_answers, why
from chimera_compliance.target import Target

_THREADS = 16
_PAUSES = (0.2, 0.4, 0.8, 1.6, 3.2)
T = TypeVar("T")


class Account:
    """The account of the target file; a context manager. `session` is a boto3 session to share."""

    def __init__(self, target: Target, journal: Journal, session=None):
        self.target, self.settings, self.journal = target, target.aws, journal
        self.called: set[str] = set()
        self._clients: dict[tuple, Any] = {}
        self._session = session
        self._lock = Lock()
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="aws")

    def __enter__(self) -> "Account":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    @property
    def region(self) -> str:
        """Where the secrets are."""
        return self.settings.region

    @property
    def regions(self) -> list[str]:
        """Where values in plain text are looked for."""
        return list(dict.fromkeys([self.settings.region, *self.settings.regions]))

    def identify(self) -> str:
        """The account's number.

        Raises:
            Inconclusive: there are no credentials, they are not accepted, or nobody answers.
        """
        try:
            return self.call("sts", "get_caller_identity").get("Account", "")
        except Unseen as unseen:
            where = self.settings.endpoint_url or f"AWS in {self.region}"
            raise Inconclusive(f"the account could not be looked at: {where}: {unseen.reason}") from None

    def call(self, service: str, operation: str, *, region: str | None = None, **parameters: Any) -> dict:
        """One call; the answer, with the id of its observation under ``observation``.

        Raises:
            Unseen: it was denied, is not supported, found nothing, or was not answered.
        """
        action = CALLS[service, operation].action
        subject = f"{action} {_subject(parameters)}".strip()
        reproduce = self._command(service, operation, region or self.region, parameters)
        try:
            answer = self._answer(service, operation, region or self.region, parameters)
        except Unseen as unseen:
            self._record(subject, parameters, {"error": unseen.code, "reason": unseen.reason}, reproduce)
            raise
        answer.pop("ResponseMetadata", None)
        return {**answer, "observation": self._record(subject, parameters, told(answer), reproduce)}

    def pages(self, service: str, operation: str, key: str, *, region: str | None = None, **parameters) -> Iterator:
        """Every item of a list that comes in pages.

        Raises:
            Unseen: as for `call`; what came before is lost, so that half a list is not taken for all of it.
        """
        token, into = None, CALLS[service, operation].token
        while True:
            more = {into[0]: token} if token else {}
            answer = self.call(service, operation, region=region, **parameters, **more)
            yield from (
                {**item, "observation": answer["observation"]} if isinstance(item, dict) else item
                for item in answer.get(key, [])
            )
            if not (token := answer.get(into[1])):
                return

    def each(self, function: Callable[[Any], T], subjects: Iterable) -> list[T]:
        """The function of every subject, at the same time; it must not call `each` itself."""
        return list(self._pool.map(function, subjects))

    def _answer(self, service: str, operation: str, region: str, parameters: dict) -> dict:
        """A call that botocore does not repeat, since an emulator answers 500 to it, is repeated here if throttled."""
        call = CALLS[service, operation]
        for pause in (*_PAUSES, None) if call.attempts == 1 else (None,):
            try:
                return getattr(self._client(service, region, call.attempts), operation)(**parameters)
            except Exception as error:
                unseen = why(error, call.action)
                if pause is None or not unseen.throttled:
                    raise unseen from None
                time.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _client(self, service: str, region: str, attempts: int):
        with self._lock:
            key = (service, region, attempts)
            self._session = self._session or secret_store.make_session(self.target)
            if key not in self._clients:
                self._clients[key] = secret_store.client(
                    self.target, service, session=self._session, region=region, attempts=attempts
                )
            return self._clients[key]

    def _record(self, subject: str, sent: dict, received: dict, reproduce: str) -> str:
        with self._lock:
            self.called.add(subject.partition(" ")[0])
            return self.journal.record("aws", subject, sent=told(sent), received=received, reproduce=reproduce)

    def _command(self, service: str, operation: str, region: str, parameters: dict) -> str:
        words = ["aws", service, operation.replace("_", "-"), "--region", region]
        if self.settings.endpoint_url:
            words += ["--endpoint-url", self.settings.endpoint_url]
        for name, value in parameters.items():
            words += _option(name, value)
        return shlex.join(words)


def attempt(function: Callable[..., T], *arguments: Any, **parameters: Any) -> T | Unseen:
    """What the function returns, or why it could not see."""
    try:
        return function(*arguments, **parameters)
    except Unseen as unseen:
        if nobody_answers(unseen):
            unseen.reason += " (it answered before)"
        return unseen


def _subject(parameters: dict) -> str:
    for value in parameters.values():
        if isinstance(value, str):
            return value
    return ""


def _option(name: str, value: Any) -> list[str]:
    import json

    kebab = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name[0].lower() + name[1:])
    if isinstance(value, bool):
        return [f"--{kebab}" if value else f"--no-{kebab}"]
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return [f"--{kebab}", *value]
    return [f"--{kebab}", value if isinstance(value, str) else json.dumps(value)]
