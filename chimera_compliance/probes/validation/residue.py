"""Whether input that was refused has been acted on all the same: what lists show before and after the refusals.

A handler that writes first and validates afterwards, or drafts what it then refuses, answers 422 like any other.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from chimera_compliance.probes.http.exchange import Exchange
from chimera_compliance.probes.openapi.operations import Operation
from chimera_compliance.probes.openapi.pages import longest, page_length, page_of
from chimera_compliance.probes.ownership.throwaway import identifier_of
from chimera_compliance.probes.validation.objects import objects

if TYPE_CHECKING:
    from chimera_compliance.probes.validation.examination import Examination


@dataclass
class Residue:
    """What an operation's list shows: before, after the refusals, and after a right request."""

    operation: Operation
    reader: Operation
    shown: list[frozenset[str]] = field(default_factory=list)
    accepted: list[int] = field(default_factory=list)
    last: Exchange | None = None
    steady: bool = True
    """Whether each principal was shown the same list both times that it was asked for, with nothing sent between."""
    visible: bool = False
    """Whether what a right request made appears in the list, which is steady: else the list tells nothing."""

    @property
    def subject(self) -> str:
        """The operation."""
        return self.operation.id

    @property
    def observation(self) -> str:
        """The list after the refusals."""
        return self.last.observation if self.last else ""

    @property
    def surplus(self) -> int:
        """How many more objects there are than requests that were accepted."""
        return len(self.shown[1] - self.shown[0]) - (self.accepted[1] - self.accepted[0])

    @property
    def exchanged(self) -> bool:
        """Whether there is more, and something of before is gone: that is another list, and not more of the same."""
        return self.surplus > 0 and bool(self.shown[0] - self.shown[1])

    @property
    def actual(self) -> str:
        """The number, as one reads it."""
        return f"{self.reader.id} shows {self.surplus} more than before"


@dataclass
class Bookkeeper:
    """Looks at the lists of what operations make."""

    examination: "Examination"
    books: list[Residue]

    @classmethod
    def of(
        cls, examination: "Examination", tried: Iterable[Operation], operations: Sequence[Operation]
    ) -> "Bookkeeper":
        """One for each operation that makes something, and has a list of it at the same path."""
        lists = {item.path.rstrip("/"): item for item in operations if item.method == "GET" and not item.unsafe}
        makers = [item for item in tried if item.method == "POST" and "{" not in item.path]
        found = [Residue(item, lists[item.path.rstrip("/")]) for item in makers if item.path.rstrip("/") in lists]
        return cls(examination, found)

    def look(self) -> None:
        """Note what the lists show now, to each principal in turn; twice, for others may use the API meanwhile."""
        people = self.examination.principals or [None]
        first, second = ([self._read(who) for who in people] for _ in range(2))
        for place, book in enumerate(self.books):
            seen, again = ([answers[place] for answers in reading] for reading in (first, second))
            book.steady &= all(_ids([one]) == _ids([other]) for one, other in zip(seen, again, strict=True))
            book.shown.append(frozenset(_ids(seen)))
            book.accepted.append(self._accepted(book.operation))
            if len(book.shown) == 2:
                book.last = seen[0]

    def _read(self, who) -> list[Exchange]:
        return self.examination.send([self._request(book.reader, who) for book in self.books])

    def close(self) -> list[Residue]:
        """Look for the last time: what right requests made must be there to be seen."""
        self.look()
        made = [item for item in self.examination.exchanges if item.ok and item.request.method == "POST"]
        for book in self.books:
            ids = {identifier_of(item, "id") for item in made if item.request.operation == book.operation.id}
            book.visible = book.steady and not book.exchanged and bool(ids & book.shown[-1])
        return self.books

    def _request(self, reader: Operation, who):
        request = self.examination.whole(reader, who).request
        length = page_length(reader)
        return replace(page_of(request, length, longest(length)) if length else request, note="what there is")

    def _accepted(self, operation: Operation) -> int:
        return sum(item.ok and item.request.operation == operation.id for item in self.examination.exchanges)


def _ids(answers: Iterable[Exchange]) -> set[str]:
    return {str(item["id"]) for answer in answers if answer.ok for item in objects(answer.json()) if "id" in item}
