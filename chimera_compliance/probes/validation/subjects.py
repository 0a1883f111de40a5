"""An operation under examination: its fields, what is tried on them, and what of that can be sent together."""

from dataclasses import dataclass, replace

from chimera_compliance.probes.openapi.operations import Operation
from chimera_compliance.probes.validation.candidates import BOUNDS, REFUSE, Raw, Wrong
from chimera_compliance.probes.validation.fields import Field, is_json, wrong_for
from chimera_compliance.probes.validation.forging import Change, Whole, applied, text_of
from chimera_compliance.probes.validation.schema import kinds, refuses

WRONG, ODD, WITHOUT_BOUND, ALONE = range(4)


@dataclass
class Subject:
    """An operation under examination: its fields, and whether its errors name them."""

    operation: Operation
    first: Whole
    fields: list[Field]
    telling: bool = False

    @property
    def worth_it(self) -> bool:
        """Whether it takes input at all."""
        return bool(self.fields) or self.operation.payload is not None

    @property
    def id(self) -> str:
        return self.operation.id

    def wrong(self, place: Field) -> list[Wrong]:
        """What is tried on a field, the whole request with it being certainly wrong too."""
        typeless = place.location != "body" or not is_json(self.operation)
        if typeless and kinds(dict(place.schema)) & {"array", "object"}:
            return []  # `tags=x` is a list of one
        made = wrong_for(self.operation, place)
        if place.location != "body":
            made = [
                wrong for wrong in made if _sendable(wrong) and not (wrong.rule == BOUNDS and "as text" in wrong.label)
            ]
            return [replace(wrong, alone=False) for wrong in made]
        if not is_json(self.operation):
            made = [wrong for wrong in made if _sendable(wrong)]
        return [wrong for wrong in made if self._certain(place, wrong)]

    def _certain(self, place: Field, wrong: Wrong) -> bool:
        if wrong.must != REFUSE or wrong.unbounded or wrong.demanded or isinstance(wrong.value, Raw):
            return True
        body = applied(self.first.body, [(place.path, wrong.value)])
        return refuses(self.operation.document, dict(self.operation.body_schema or {}), body)


def kind_of(wrong: Wrong) -> int:
    """What is sent together."""
    if wrong.alone:
        return ALONE
    return WITHOUT_BOUND if wrong.unbounded else WRONG if wrong.must == REFUSE else ODD


def compatible(changes: list[Change]) -> list[list[Change]]:
    """In groups that can be sent together: a list and its own items cannot both be wrong."""
    paths = [change[0].path for change in changes]
    outer = {path for path in paths if any(other != path and other[: len(path)] == path for other in paths)}
    groups = [[change for change in changes if change[0].path not in outer]]
    return [group for group in [*groups, *([change] for change in changes if change[0].path in outer)] if group]


def _sendable(wrong: Wrong) -> bool:
    """Whether it is wrong as a text too: in a form or a query there are no types."""
    try:
        text = text_of(wrong.value)
    except TypeError:
        return repr(wrong.value) == "nothing"
    return wrong.must != "convert" and not wrong.unbounded and text != ""
