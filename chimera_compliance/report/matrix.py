"""Coverage as a picture: what was tested (operations, tables, responses) against what asked for it."""

from collections.abc import Iterable
from dataclasses import dataclass

from chimera_compliance.results import RequirementResult, Results

_MOST_ROWS = 150
_MOST_CELLS = 30_000
_FIRST = ("operations", "tables", "secrets")


@dataclass(frozen=True)
class Cell:
    """`state` is one of passed, found, untested, absent; `findings` are those on this subject."""

    state: str
    findings: int = 0
    link: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Row:
    """A subject, and how each requirement of the matrix came out on it."""

    subject: str
    cells: list[Cell]

    @property
    def concern(self) -> tuple[int, int]:
        """How much there is to look at: findings, and what was not tested."""
        return sum(cell.findings for cell in self.cells), sum(cell.state == "untested" for cell in self.cells)

    @property
    def asked(self) -> int:
        """How many requirements know it."""
        return sum(cell.state != "absent" for cell in self.cells)


@dataclass(frozen=True)
class Matrix:
    """All requirements over one kind of subject. `rows` may be fewer than there are: the calmest are left out."""

    unit: str
    requirements: list[RequirementResult]
    rows: list[Row]
    hidden: int
    cut: bool
    """Whether there is something to look at among the rows that are left out."""

    @property
    def known(self) -> int:
        """How many subjects there are."""
        return len(self.rows) + self.hidden

    @property
    def pairs(self) -> tuple[int, int]:
        """How many pairs of subject and requirement were decided, of how many."""
        populations = [item.population for item in self.requirements]
        return sum(each.tested for each in populations), sum(each.known for each in populations)

    @property
    def is_trifle(self) -> bool:
        """Whether a single requirement asks for it, and all of it was tested."""
        tested, asked = self.pairs
        return len(self.requirements) == 1 and tested == asked

    @property
    def is_picture(self) -> bool:
        """Whether a matrix shows more than a line of text would."""
        return len(self.rows) > 1 and len(self.requirements) > 1


def matrices(results: Results) -> list[Matrix]:
    """One for each kind of subject: operations, tables and secrets first, then the larger ones."""
    units: dict[str, list[RequirementResult]] = {}
    for control in results.controls:
        for item in control.requirements:
            if item.population:
                units.setdefault(item.population.unit or "subjects", []).append(item)
    found = [_matrix(unit, items) for unit, items in units.items()]
    return sorted(found, key=lambda each: (_place(each.unit), -len(each.requirements), each.unit))


def _place(unit: str) -> int:
    return _FIRST.index(unit) if unit in _FIRST else len(_FIRST)


def _matrix(unit: str, items: list[RequirementResult]) -> Matrix:
    columns = [_column(item) for item in items]
    subjects = list(dict.fromkeys(subject for column in columns for subject in column))
    absent = Cell("absent")
    rows = [Row(subject, [column.get(subject, absent) for column in columns]) for subject in subjects]
    kept = set(_worth_showing(rows, len(items)))
    shown = [row for index, row in enumerate(rows) if index in kept]
    cut = any(any(row.concern) for index, row in enumerate(rows) if index not in kept)
    return Matrix(unit, items, shown, len(rows) - len(shown), cut)


def _worth_showing(rows: list[Row], columns: int) -> Iterable[int]:
    """The rows with the most to look at; one that a single requirement asks for, and finds right, says nothing."""
    most = max(1, min(_MOST_ROWS, _MOST_CELLS // columns))
    telling = [index for index, row in enumerate(rows) if any(row.concern) or row.asked > 1 or columns == 1]
    return sorted(telling, key=lambda index: rows[index].concern, reverse=True)[:most]


def _column(item: RequirementResult) -> dict[str, Cell]:
    """The cell of each subject that a requirement knows."""
    cells = dict.fromkeys(item.population.subjects, Cell("passed"))
    cells |= {each.subject: Cell("untested", reason=each.reason) for each in item.population.untested}
    for finding in item.findings:
        if finding.subject in cells:
            before = cells[finding.subject]
            cells[finding.subject] = Cell("found", before.findings + 1, before.link or f"f-{finding.fingerprint}")
    return cells
