"""C05: members that are not of the form, or not as many, as the document says."""

import inspect
from typing import Annotated, Literal

from chimera_compliance.stack.flaws import flaw
from chimera_compliance.stack.flaws.c05_fields import CREATE, DECIDE, FETCH, TRANSFER, field
from chimera_compliance.stack.flaws.loosened import loosened, models, without_check


@flaw("C05", breaks="C05.7", why="any priority is accepted")
def priority_of_any_kind(made):
    loosened(made, CREATE, priority=(str, "medium"))
    without_check(made, "campaigns", "priority")


@flaw("C05", breaks="C05.7", why="a priority that is not known counts as none that is empty")
def priority_empty(made):
    loosened(made, CREATE, priority=(Literal["high", "medium", "low", ""], "medium"))
    without_check(made, "campaigns", "priority")


@flaw("C05", breaks="C05.7", why="a platform that is not known is passed over, and the campaign accepted")
def platforms_of_any_kind(made):
    loosened(made, CREATE, target_platforms=field(list[str], min_length=1, max_length=3))
    proper = made.operations[CREATE].handler

    def create(work, body):
        known = [name for name in body.target_platforms if name in ("twitter", "instagram", "threads")]
        body.target_platforms = known or ["twitter"]
        return proper(work=work, body=body)

    create.__signature__ = inspect.signature(proper)
    made.operations[CREATE].handler = create


@flaw("C05", breaks="C05.8", why="a campaign for no platform is accepted")
def platforms_none(made):
    loosened(made, CREATE, target_platforms=field(list[models().Platform], max_length=3))


@flaw("C05", breaks="C05.8", why="a list of platforms has no end")
def platforms_without_end(made):
    loosened(made, CREATE, target_platforms=field(list[models().Platform], min_length=1))


@flaw("C05", breaks="C05.8", why="a list of platforms has no end, as the document admits")
def platforms_without_documented_end(made):
    loosened(
        made, CREATE, lies=False, target_platforms=field(list[models().Platform], min_length=1, examples=[["twitter"]])
    )


@flaw("C05", breaks="C05.7", why="the address that money goes to may be anything")
def address_of_any_form(made):
    loosened(made, TRANSFER, to_address=(str, None))
    without_check(made, "transactions", "to_address")


@flaw("C05", breaks="C05.7", why="the address is only looked for within the text: the pattern has no end")
def address_with_a_tail(made):
    loosened(made, TRANSFER, to_address=field(str, None, pattern=r"^0x[0-9a-fA-F]{40}"))
    without_check(made, "transactions", "to_address")


@flaw("C05", breaks="C05.7", why="dates that do not exist are taken for today")
def date_that_is_none(made):
    import datetime

    from pydantic import WrapValidator

    def lenient(value, handler):
        try:
            return handler(value)
        except ValueError:
            return datetime.date(2030, 1, 1)

    loosened(made, CREATE, start_date=(Annotated[datetime.date, WrapValidator(lenient)], ...))


@flaw("C05", breaks="C05.13", why="any text is taken for the caller's own tenant")
def tenant_of_any_form(made):
    from uuid import UUID

    from pydantic import WrapValidator

    from chimera_compliance.stack.flaws import ALICE

    def lenient(value, handler):
        try:
            return handler(value)
        except ValueError:
            return ALICE.tenant_id

    loosened(made, CREATE, tenant_id=(Annotated[UUID, WrapValidator(lenient)], ...))


@flaw("C05", breaks="C05.7", why="any source of trends is accepted")
def source_of_any_kind(made):
    loosened(made, FETCH, source_type=(str, ...))


@flaw("C05", breaks="C05.7", why="any decision is accepted and recorded as one")
def decision_of_any_kind(made):
    loosened(made, DECIDE, decision=(str, ...))
    without_check(made, "reviews", "decision")
    without_check(made, "content_assets", "status")
    from chimera_compliance.stack.api.operations import hitl

    proper = made.operations[DECIDE].handler

    def decide(work, review_id, body):
        hitl._STATUS = {**hitl._STATUS, body.decision: "edited"}
        return proper(work=work, review_id=review_id, body=body)

    decide.__signature__ = inspect.signature(proper)
    made.operations[DECIDE].handler = decide
