"""C05: members of bodies that are not held to what the document, or ADR-005 §4, says of them."""

from typing import Annotated, Any

from chimera_compliance.stack.flaws import flaw
from chimera_compliance.stack.flaws.loosened import loosened, models, without_check

CREATE, UPDATE = "POST /campaigns", "PATCH /campaigns/{campaign_id}"
DECIDE, FETCH, TRANSFER = "POST /hitl/reviews/{review_id}/decision", "POST /trends/fetch", "POST /commerce/transactions"


def _field(kind, *args, **settings):
    from pydantic import Field

    return (kind, Field(*args, **settings))


def _goal(made, lies=True, **bounds):
    loosened(made, CREATE, lies=lies, goal_description=_field(models().Prose, **bounds))
    without_check(made, "campaigns", "goal_description")


def _budget(made, lies=True, operation=CREATE, **bounds):
    loosened(made, operation, lies=lies, budget_usdc=_field(models().Money, **bounds))
    without_check(made, "campaigns", "budget_usdc")


@flaw("C05", breaks="C05.6", why="a goal may be short, and the document says that it may not")
def goal_too_short(made):
    _goal(made, max_length=500)


@flaw("C05", breaks="C05.6", why="a goal of 501 characters is accepted: one comparison is off by one")
def goal_too_long_by_one(made):
    _goal(made, min_length=10, max_length=501)


@flaw("C05", breaks="C05.6", why="a goal has no greatest length")
def goal_without_end(made):
    _goal(made, min_length=10)


@flaw("C05", breaks="C05.13", why="a goal of five characters will do, as the document admits")
def goal_of_five(made):
    _goal(made, lies=False, min_length=5, max_length=500, examples=["Reach ten thousand readers"])


@flaw("C05", breaks="C05.13", why="a goal of 600 characters will do, as the document admits")
def goal_of_six_hundred(made):
    _goal(made, lies=False, min_length=10, max_length=600, examples=["Reach ten thousand readers"])


@flaw("C05", breaks="C05.4", why="a budget of nothing is accepted: >= in place of >")
def budget_of_nothing(made):
    _budget(made, ge=0, le=10_000)


@flaw("C05", breaks="C05.4", why="a budget may be negative")
def budget_negative(made):
    _budget(made, le=10_000)


@flaw("C05", breaks="C05.4", why="a budget has no upper bound")
def budget_without_end(made):
    made.sql.append("ALTER TABLE campaigns ALTER COLUMN budget_usdc TYPE numeric")
    _budget(made, ge=0.01)


@flaw("C05", breaks="C05.13", why="a budget of 20,000 is allowed, and documented")
def budget_of_twenty_thousand(made):
    _budget(made, lies=False, ge=0.01, le=20_000, examples=[100.0])


@flaw("C05", breaks="C05.4", why="an update's budget is not bounded as a new one is")
def budget_of_an_update(made):
    _budget(made, operation=UPDATE, default=None, ge=0.01)


@flaw("C05", breaks="C05.4", why="a budget that is written as text is converted and not compared")
def budget_as_text_passes(made):
    from pydantic import WrapValidator

    def convert(value, handler):
        return float(value) if isinstance(value, str) and value[:1].isdigit() else handler(value)

    loosened(made, CREATE, budget_usdc=_field(Annotated[models().Money, WrapValidator(convert)], ge=0.01, le=10_000))
    without_check(made, "campaigns", "budget_usdc")


@flaw("C05", breaks="C05.4", why="an amount may be negative, which fills the wallet")
def amount_negative(made):
    loosened(made, TRANSFER, amount_usdc=_field(models().Money, le=1_000_000_000))
    without_check(made, "transactions", "amount_usdc")


@flaw("C05", breaks="C05.7", why="any priority is accepted")
def priority_of_any_kind(made):
    loosened(made, CREATE, priority=(str, "medium"))
    without_check(made, "campaigns", "priority")


@flaw("C05", breaks="C05.7", why="a priority that is not known counts as none that is empty")
def priority_empty(made):
    from typing import Literal

    loosened(made, CREATE, priority=(Literal["high", "medium", "low", ""], "medium"))
    without_check(made, "campaigns", "priority")


@flaw("C05", breaks="C05.7", why="any platform is accepted within the list")
def platforms_of_any_kind(made):
    loosened(made, CREATE, target_platforms=_field(list[str], min_length=1, max_length=3))
    made.operations[CREATE].handler = _answering(made.operations[CREATE].handler)


def _answering(handler):
    """Answers without a model of the answer, which would complain."""
    from chimera_compliance.stack.flaws.loosened import signed

    bare = signed(lambda **given: _bare(handler, given))
    import inspect

    bare.__signature__ = inspect.signature(handler).replace(return_annotation=inspect.Signature.empty)
    return bare


def _bare(handler, given):
    from fastapi.responses import JSONResponse
    from pydantic import ValidationError

    try:
        return handler(**given)
    except ValidationError:
        return JSONResponse({"accepted": True}, 201)


@flaw("C05", breaks="C05.8", why="a campaign for no platform is accepted")
def platforms_none(made):
    loosened(made, CREATE, target_platforms=_field(list[models().Platform], max_length=3))


@flaw("C05", breaks="C05.8", why="a list of platforms has no end")
def platforms_without_end(made):
    loosened(made, CREATE, target_platforms=_field(list[models().Platform], min_length=1))


@flaw("C05", breaks="C05.8", why="a list of platforms has no end, as the document admits")
def platforms_without_documented_end(made):
    loosened(
        made, CREATE, lies=False, target_platforms=_field(list[models().Platform], min_length=1, examples=[["twitter"]])
    )


@flaw("C05", breaks="C05.7", why="the address that money goes to may be anything")
def address_of_any_form(made):
    loosened(made, TRANSFER, to_address=(str, None))
    without_check(made, "transactions", "to_address")


@flaw("C05", breaks="C05.7", why="the address is only looked for within the text: the pattern has no end")
def address_with_a_tail(made):
    loosened(made, TRANSFER, to_address=_field(str, None, pattern=r"^0x[0-9a-fA-F]{40}"))
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


@flaw("C05", breaks="C05.6", why="a purpose has no bound at all, as the document admits")
def purpose_without_end(made):
    loosened(made, TRANSFER, lies=False, purpose=_field(models().Prose, min_length=1, examples=["Image generation"]))


@flaw("C05", breaks="C05.6", why="a topic may be empty")
def topic_empty(made):
    loosened(made, FETCH, topic=_field(models().Prose, max_length=200))


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

    import inspect

    decide.__signature__ = inspect.signature(proper)
    made.operations[DECIDE].handler = decide


@flaw("C05", breaks="C05.6", why="a reviewer's notes have no end")
def notes_without_end(made):
    loosened(made, DECIDE, reviewer_notes=(models().Prose, None))


@flaw("C05", breaks="C05.2", why="a budget that is left out is made up, and the document calls it required")
def budget_made_up(made):
    loosened(made, CREATE, budget_usdc=_field(models().Money, 10_000, ge=0.01, le=10_000))


@flaw("C05", breaks="C05.2", why="a goal that is left out is made up, and the document calls it required")
def goal_made_up(made):
    loosened(made, CREATE, goal_description=_field(models().Prose, "To be decided", min_length=10, max_length=500))


@flaw("C05", breaks="C05.3", why="null is taken for a budget, and the document calls it a number")
def budget_null(made):
    from pydantic import BeforeValidator

    kind = Annotated[models().Money, BeforeValidator(lambda value: 1.0 if value is None else value)]
    loosened(made, CREATE, budget_usdc=_field(kind, ge=0.01, le=10_000))


@flaw("C05", breaks="C05.3", why="lists and objects are written down as the text of a goal")
def goal_of_anything(made):
    from pydantic import BeforeValidator

    kind = Annotated[models().Prose, BeforeValidator(lambda value: str(value).ljust(10, "."))]
    loosened(made, CREATE, goal_description=_field(kind, min_length=10, max_length=500))
    without_check(made, "campaigns", "goal_description")


@flaw("C05", breaks="C05.3", why="half a row is asked for, and a whole number is documented")
def limit_of_a_half(made):
    from pydantic import BeforeValidator

    kind = Annotated[int, BeforeValidator(lambda value: int(value) if isinstance(value, float) else value)]
    loosened(made, FETCH, limit=_field(kind, 10, ge=1, le=100))


@flaw("C05", breaks="C05.3", why="a number that came as text stays text, and is told as text")
def budget_stays_text(made):
    from pydantic import BeforeValidator

    proper = made.operations[UPDATE].handler

    def update(work, campaign_id, body):
        from fastapi.responses import JSONResponse

        shown = proper(work=work, campaign_id=campaign_id, body=body).model_dump(mode="json")
        return JSONResponse({**shown, **({"budget_usdc": _SENT[-1]} if _SENT else {})})

    import inspect

    update.__signature__ = inspect.signature(proper)
    made.operations[UPDATE].handler = update

    def remember(value):
        _SENT[:] = [value] if isinstance(value, str) else []
        return float(value) if isinstance(value, str) and value.replace(".", "").isdigit() else value

    loosened(
        made, UPDATE, budget_usdc=_field(Annotated[models().Money, BeforeValidator(remember)], None, ge=0.01, le=10_000)
    )


_SENT: list[Any] = []
