"""What is right, at the edges of what the document allows: it must get through, or its refusal proves nothing.

A stack may be stricter than its document; it may not break on what the document admits.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from chimera_compliance.probes.http.exchange import Exchange
from chimera_compliance.probes.openapi.operations import Operation
from chimera_compliance.probes.openapi.scalars import is_number
from chimera_compliance.probes.validation.candidates import bounds, filled
from chimera_compliance.probes.validation.fields import Field
from chimera_compliance.probes.validation.forging import Whole, applied
from chimera_compliance.probes.validation.schema import FORMS, kinds

if TYPE_CHECKING:
    from chimera_compliance.probes.validation.examination import Examination

_LONGEST = 20_000
_FOREIGN = "é\u202e漢\U0001f642"
_SENT_LAST = ("least", "greatest", "plain")


@dataclass
class Positive:
    """A right request in its variations, with the answers; ``made`` is what was created by them."""

    operation: Operation
    tried: list[tuple[Whole, Exchange]] = field(default_factory=list)

    @property
    def subject(self) -> str:
        """The operation."""
        return self.operation.id

    @property
    def accepted(self) -> Exchange | None:
        """The first that got through."""
        return next((exchange for _, exchange in self.tried if exchange.ok), None)

    @property
    def conflict(self) -> bool:
        """Whether the state of an object is all that stood against it."""
        return any(exchange.status == 409 for _, exchange in self.tried)


def edges(whole: Whole, places: Sequence[Field], upper: bool) -> Whole:
    """The request with texts, lists and numbers at one end of what is allowed.

    Numbers stay as they are at the upper end, unless the target file speaks of them: they may be sums of money.
    """
    body = whole.body
    if whole.operation.method != "POST" or not isinstance(body, dict):
        return whole
    for place in places:
        if place.location == "body" and _is_in(body, place.path):
            value = _greatest(place) if upper else _least(place)
            body = applied(body, [(place.path, value)])
    return replace(whole, body=body, request=whole.with_body(body))


def _is_in(body: object, path: tuple[str | int, ...]) -> bool:
    for step in path:
        here = range(len(body)) if isinstance(body, list) else body if isinstance(body, dict) else ()
        if step not in here:
            return False
        body = body[step]
    return True


def _least(place: Field) -> object:
    schema, valid = _strict(place), place.valid
    if isinstance(valid, str) and _free(schema) and is_number(shortest := schema.get("minLength")):
        return filled(valid, int(shortest)) if shortest < len(valid) else valid
    if is_number(valid) and not ({"enum", "const", "multipleOf"} & schema.keys()):
        low, _ = bounds(schema)
        if is_number(low):
            step = 1 if "number" not in kinds(schema) else 0.01
            return low + step if schema.get("exclusiveMinimum") in (True, low) else low
    return valid


def _greatest(place: Field) -> object:
    schema, valid = _strict(place), place.valid
    if isinstance(valid, str) and _free(schema) and is_number(longest := schema.get("maxLength")):
        if longest > _LONGEST or longest < len(_FOREIGN):
            return valid
        return filled(valid, int(longest) - len(_FOREIGN)) + _FOREIGN
    if isinstance(valid, list) and valid and is_number(most := schema.get("maxItems")) and most < 200:
        return valid if schema.get("uniqueItems") is True else (valid * int(most))[: int(most)]
    if is_number(valid) and is_number(most := (place.demand or {}).get("maximum")):
        return min(most, bounds(schema)[1])
    return valid


def _strict(place: Field) -> dict:
    """The document's word with the target file's beside it, where the document has none."""
    return {**(place.demand or {}), **place.schema}


def _free(schema: dict) -> bool:
    return not ({"enum", "const", "pattern"} & schema.keys()) and schema.get("format") not in FORMS


def right_requests(examination: "Examination", subjects: Sequence) -> list[Positive]:
    """Each operation's right requests: the least first; plain ones where neither edge got through."""
    found = [Positive(subject.operation) for subject in subjects]
    for upper in (False, True):
        whole = [examination.whole(item.operation) for item in found]
        made = [edges(one, subject.fields, upper) for one, subject in zip(whole, subjects, strict=True)]
        once = [_worth(item, upper) for item in found]
        asked = [replace(one.request, note=f"the {_SENT_LAST[upper]} that is allowed") for one in made]
        _take(
            examination, found, made, [request if wanted else None for request, wanted in zip(asked, once, strict=True)]
        )
    whole = [examination.whole(item.operation, examination.first) for item in found]
    plain = [None if item.accepted else one.request for item, one in zip(found, whole, strict=True)]
    _take(examination, found, whole, plain)
    return found


def _worth(item: Positive, upper: bool) -> bool:
    """What has only one form is not sent twice."""
    return not upper or item.operation.method == "POST"


def _take(examination: "Examination", found: list[Positive], wholes: list[Whole], requests: list) -> None:
    wanted = [place for place, request in enumerate(requests) if request is not None]
    answers = examination.send([requests[place] for place in wanted])
    for place, exchange in zip(wanted, answers, strict=True):
        found[place].tried.append((wholes[place], exchange))
