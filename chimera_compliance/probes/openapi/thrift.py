"""Which operations are worth a request: a scope's budget and a tenant's rate limit are spent once a run, and what a
stack writes for those it should refuse is kept small."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from fnmatch import fnmatch
from math import inf
from typing import TYPE_CHECKING

from chimera_compliance.target import Target

if TYPE_CHECKING:
    from chimera_compliance.probes.openapi.operations import Operation
    from chimera_compliance.probes.principals.principal import Principal

_SHARE_OF_BUDGET = 4
_CREDENTIALS = 160
_FEWEST = 6
_ENOUGH = 4
_TRIED_ALL_THE_SAME = 2
_ENOUGH_WRITTEN = 2
_CREDENTIAL = re.compile(rb"passw|secret|credential|api_?key", re.IGNORECASE)


class Thrift:
    """Remembers whose turn it is, and which operations have admitted what they should not."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._turn = 0
        self._admissions: Counter[tuple[str, str]] = Counter()
        self._written: Counter[str] = Counter()

    def affordable(self, operations: Sequence["Operation"]) -> list["Operation"]:
        """All operations; of very many, as many as the budget bears, in turn."""
        return self.some(operations, max(_FEWEST, self._target.scope.requests // _SHARE_OF_BUDGET // _CREDENTIALS))

    def some(self, operations: Sequence["Operation"], most: int) -> list["Operation"]:
        """At most so many of them, others every time, until all have had their turn."""
        if len(operations) <= most:
            return list(operations)
        start = self._turn % len(operations)
        self._turn = start + most
        return [*operations, *operations][start : start + most]

    def admitted(self, kin: str, names: Iterable[str]) -> None:
        """Note that operations admitted a bad credential; `kin` are those that are admitted for the same reason."""
        self._admissions.update((kin, name) for name in names)

    def worth_asking(self, operations: Sequence["Operation"], kin: str) -> list["Operation"]:
        """Without those that have admitted several of the kin before, but for the least limited of them.

        A stack that admits everything would otherwise spend a tenant's rate limit a hundred times over.
        """
        known = [operation for operation in operations if self._admissions[kin, operation.id] >= _ENOUGH]
        again = self.least_limited(known)[:_TRIED_ALL_THE_SAME]
        return [operation for operation in operations if operation not in known or operation in again]

    def wrote(self, names: Iterable[str]) -> None:
        """Note that operations did what a bad credential asked for."""
        self._written.update(names)

    def may_write(self, operation: "Operation", principal: "Principal") -> bool:
        """Not twice over what was written for bad credentials, and no password: the principals need theirs."""
        if self._written[operation.id] >= _ENOUGH_WRITTEN:
            return False
        declared = self._target.api and operation.id in self._target.api.bodies
        return bool(declared) or not _CREDENTIAL.search(operation.request(principal).body or b"")

    def least_limited(self, operations: Iterable["Operation"]) -> list["Operation"]:
        """Those first that may be asked for most often."""
        return sorted(operations, key=self._allowance, reverse=True)

    def _allowance(self, operation: "Operation") -> float:
        """Requests a second that the target file's limits leave to the operation."""
        limits = (
            limit.limit / limit.window_seconds
            for limit in self._target.rate_limits
            if any(fnmatch(operation.path, pattern) for pattern in limit.paths)
        )
        return min(limits, default=inf)
