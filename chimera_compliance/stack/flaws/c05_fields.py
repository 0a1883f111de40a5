"""C05: members of bodies that are not held to what the document, or ADR-005 §4, says of them."""

from typing import Annotated

from chimera_compliance.stack.flaws import flaw
from chimera_compliance.stack.flaws.loosened import loosened, models, without_check

CREATE, UPDATE = "POST /campaigns", "PATCH /campaigns/{campaign_id}"
DECIDE, FETCH, TRANSFER = "POST /hitl/reviews/{review_id}/decision", "POST /trends/fetch", "POST /commerce/transactions"


def field(kind, *args, **settings):
    from pydantic import Field

    return (kind, Field(*args, **settings))


def _goal(made, lies=True, **bounds):
    loosened(made, CREATE, lies=lies, goal_description=field(models().Prose, **bounds))
    without_check(made, "campaigns", "goal_description")


def _budget(made, lies=True, operation=CREATE, **bounds):
    loosened(made, operation, lies=lies, budget_usdc=field(models().Money, **bounds))
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

    loosened(made, CREATE, budget_usdc=field(Annotated[models().Money, WrapValidator(convert)], ge=0.01, le=10_000))
    without_check(made, "campaigns", "budget_usdc")


@flaw("C05", breaks="C05.4", why="an amount may be negative, which fills the wallet")
def amount_negative(made):
    loosened(made, TRANSFER, amount_usdc=field(models().Money, le=1_000_000_000))
    without_check(made, "transactions", "amount_usdc")


@flaw("C05", breaks="C05.6", why="a purpose has no bound at all, as the document admits")
def purpose_without_end(made):
    loosened(made, TRANSFER, lies=False, purpose=field(models().Prose, min_length=1, examples=["Image generation"]))


@flaw("C05", breaks="C05.6", why="an empty topic is taken as one")
def topic_empty(made):
    loosened(made, FETCH, topic=field(models().Prose, max_length=200))


@flaw("C05", breaks="C05.6", why="a reviewer's notes have no end")
def notes_without_end(made):
    loosened(made, DECIDE, reviewer_notes=(models().Prose, None))
