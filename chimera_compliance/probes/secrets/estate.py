"""Everything that C01 judges, observed once and all at the same time: no topic waits for another."""

import re
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from chimera_compliance.outcomes import Inconclusive, NotReviewed
from chimera_compliance.probes.secrets import guards, places, readers
from chimera_compliance.probes.secrets.account import Account, attempt
from chimera_compliance.probes.secrets.needles import SecretValue, parts
from chimera_compliance.probes.secrets.places import Places
from chimera_compliance.probes.secrets.secrets_manager import SecretsManager
from chimera_compliance.probes.secrets.store import Holdings, StoredSecret, StoredValue
from chimera_compliance.probes.secrets.unseen import Unseen
from chimera_compliance.probes.secrets.values import Readable
from chimera_compliance.target.aws import RequiredSecret

T = TypeVar("T")
_MANY_OTHERS = 200


@dataclass(frozen=True)
class Vault:
    """The secrets of an account with their values, as far as they can be read."""

    account_id: str
    holdings: Holdings
    current: dict[str, StoredValue | Unseen]
    previous: dict[str, StoredValue | Unseen]


def seen(result: T | Unseen) -> T:
    """The result of a call.

    Raises:
        NotReviewed: the target does not support the call.
        Inconclusive: it was denied or not answered.
    """
    if isinstance(result, Unseen):
        raise (NotReviewed if result.unsupported else Inconclusive)(result.reason)
    return result


def open_vault(account: Account) -> Vault:
    """Find the required secrets, and read their values in force and before.

    Raises:
        Inconclusive: the account cannot be looked at.
    """
    number, store = account.identify(), SecretsManager(account)
    holdings = seen(attempt(store.holdings))
    alive = [secret for secret in holdings.present if secret.deleted is None]
    current = account.each(lambda secret: attempt(store.value, secret, "AWSCURRENT"), alive)
    older = [secret for secret in alive if secret.version("AWSPREVIOUS")]
    previous = account.each(lambda secret: attempt(store.value, secret, "AWSPREVIOUS"), older)
    return Vault(number, holdings, _by_name(alive, current), _by_name(older, previous))


def _by_name(secrets: list[StoredSecret], results: list) -> dict:
    return {secret.name: result for secret, result in zip(secrets, results, strict=True)}


class Estate:
    """The vault and what lies around it; a context manager. Topics are `Unseen` where they could not be looked at."""

    def __init__(self, account: Account, vault: Vault, known: Readable):
        self.account, self.vault, self.known = account, vault, known
        self.store = SecretsManager(account)
        self._pool = ThreadPoolExecutor(8, thread_name_prefix="topic")
        present = self.present
        self._policies = self._begin(lambda: _by_name(present, account.each(self._policy, present)))
        self._pending = self._begin(lambda: account.each(self._pending_since, self.half_rotated))
        self._keys = self._begin(guards.keys_of, account, present)
        self._functions = self._begin(guards.functions_of, account, present)
        self._trails = self._begin(guards.trails, account)
        self._readers = self._begin(readers.readers, account, present)
        looks = (places.task_definitions, places.functions, places.parameters, places.user_data)
        self._places = {look.__name__: self._begin(look, account) for look in looks}

    def __enter__(self) -> "Estate":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    @property
    def settings(self):
        """The target file's aws section."""
        return self.account.settings

    @property
    def present(self) -> list[StoredSecret]:
        """The required secrets that exist."""
        return self.vault.holdings.present

    @property
    def half_rotated(self) -> list[StoredSecret]:
        """The secrets of which a version waits to come into force."""
        return [s for s in self.present if (pending := s.version("AWSPENDING")) and pending != s.version("AWSCURRENT")]

    @property
    def policies(self) -> dict[str, tuple[str, str] | Unseen]:
        """Resource policy and observation, by secret."""
        return seen(self._policies.result())

    @property
    def pending_since(self) -> dict[str, object]:
        """When the waiting version of each half-rotated secret was made."""
        return _by_name(self.half_rotated, seen(self._pending.result()))

    @property
    def keys(self) -> dict[str, guards.Key | Unseen]:
        """The keys by which the secrets are encrypted."""
        return seen(self._keys.result())

    @property
    def functions(self) -> dict[str, guards.Function | Unseen]:
        """The rotation functions, by ARN."""
        return seen(self._functions.result())

    @property
    def trails(self) -> list[guards.Trail]:
        """The trails that cover the region and could be looked at.

        Raises:
            Inconclusive: none of them could.
        """
        found = seen(self._trails.result())
        known = [trail for trail in found if isinstance(trail, guards.Trail)]
        return known or [seen(trail) for trail in found]

    @property
    def unseen_trails(self) -> list[Unseen]:
        """Why other trails could not be looked at."""
        return [trail for trail in self._trails.result() if isinstance(trail, Unseen)]

    @property
    def readers(self) -> readers.Readers:
        """Who may read."""
        return seen(self._readers.result())

    def places(self, kind: str) -> Places:
        """Settings in plain text: `task_definitions`, `functions`, `parameters` or `user_data`."""
        return seen(self._places[kind].result())

    def stored_as(self, absent: RequiredSecret) -> str:
        """Under what other name an absent secret's value lies, or a name that resembles it; empty if there is none."""
        others = self.vault.holdings.others
        if isinstance(others, Unseen) or len(others) > _MANY_OTHERS:
            return ""
        wanted = self._known_values(absent)
        if wanted:
            values = self.account.each(lambda other: attempt(self.store.value, other, "AWSCURRENT"), others)
            for other, found in zip(others, values, strict=True):
                if isinstance(found, StoredValue) and wanted & {part.octets for part in parts(found.value)}:
                    return f"the same value is stored as {other.name}"
        alike = [other.name for other in others if _bare(other.name) == _bare(absent.name)]
        return f"there is {alike[0]}: is it meant?" if alike else ""

    def _known_values(self, absent: RequiredSecret) -> set[bytes]:
        """What the stack itself uses in place of the secret: as the target file says, or in settings of its name."""
        known = set()
        if absent.value:
            known.add(self.account.target.secret(absent.value).encode())
        for future in self._places.values():
            if isinstance(found := future.result(), Places):
                alike = [one for one in found.settings if _bare(one.name or one.place) == _bare(absent.name)]
                known |= {_octets(one.value) for one in alike}
        return known - {b""}

    def _begin(self, function: Callable, *arguments) -> Future:
        return self._pool.submit(attempt, function, *arguments)

    def _policy(self, secret: StoredSecret):
        return attempt(self.store.policy, secret)

    def _pending_since(self, secret: StoredSecret):
        return attempt(self.store.version_created, secret, secret.version("AWSPENDING"))


def _octets(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")


def _bare(name: str) -> str:
    """A name without path, case and punctuation: what people mean by the same name."""
    return re.sub(r"[^a-z0-9]", "", name.rpartition("/")[2].rpartition(":")[2].lower())


def values_of(vault: Vault) -> list[SecretValue]:
    """Every value that could be read."""
    results = [*vault.current.values(), *vault.previous.values()]
    return [result.value for result in results if isinstance(result, StoredValue)]
