"""What the target file demands of fields by name, compared with what the OpenAPI document says of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chimera_compliance.probes.openapi.operations import Operation
from chimera_compliance.probes.validation.candidates import BOUNDS, FORM, ITEMS, LENGTH
from chimera_compliance.probes.validation.fields import Constraints, Field, wrong_for

if TYPE_CHECKING:
    from chimera_compliance.probes.validation.examination import Examination

_RULES = (BOUNDS, LENGTH, FORM, ITEMS)


@dataclass(frozen=True)
class Demand:
    """A field that something is demanded of; ``unsaid`` is what the document admits and should not."""

    operation: str
    place: Field
    unsaid: str = ""

    @property
    def subject(self) -> str:
        """The operation and the field."""
        return f"{self.operation} {self.place.shown}"

    @property
    def demanded(self) -> str:
        """The demand, as the target file has it."""
        return ", ".join(f"{key} {value}" for key, value in (self.place.demand or {}).items())


def demands(operations: Sequence[Operation], examination: "Examination", constraints: Constraints) -> list[Demand]:
    """Every field that is named in the constraints, in bodies and parameters."""
    found = []
    for operation in operations if constraints else ():
        for place in examination.subject(operation).fields:
            if place.demand is not None:
                open_to = [
                    wrong.label
                    for wrong in wrong_for(operation, place)
                    if wrong.demanded and not wrong.documented and wrong.rule in _RULES
                ]
                found.append(Demand(operation.id, place, f"admits {'; '.join(open_to)}" if open_to else ""))
    return found
