"""C05: members that are left out, null, or of another type than the document says."""

import inspect
from typing import Annotated, Any

from chimera_compliance.stack.flaws import flaw
from chimera_compliance.stack.flaws.c05_fields import CREATE, FETCH, UPDATE, field
from chimera_compliance.stack.flaws.loosened import loosened, models, without_check


@flaw("C05", breaks="C05.2", why="a budget that is left out is made up, and the document calls it required")
def budget_made_up(made):
    loosened(made, CREATE, budget_usdc=field(models().Money, 10_000, ge=0.01, le=10_000))


@flaw("C05", breaks="C05.2", why="a goal that is left out is made up, and the document calls it required")
def goal_made_up(made):
    loosened(made, CREATE, goal_description=field(models().Prose, "To be decided", min_length=10, max_length=500))


@flaw("C05", breaks="C05.3", why="null is taken for a budget, and the document calls it a number")
def budget_null(made):
    from pydantic import BeforeValidator

    kind = Annotated[models().Money, BeforeValidator(lambda value: 1.0 if value is None else value)]
    loosened(made, CREATE, budget_usdc=field(kind, ge=0.01, le=10_000))


@flaw("C05", breaks="C05.3", why="lists and objects are written down as the text of a goal")
def goal_of_anything(made):
    from pydantic import BeforeValidator

    kind = Annotated[models().Prose, BeforeValidator(lambda value: str(value).ljust(10, "."))]
    loosened(made, CREATE, goal_description=field(kind, min_length=10, max_length=500))
    without_check(made, "campaigns", "goal_description")


@flaw("C05", breaks="C05.3", why="half a row is asked for, and a whole number is documented")
def limit_of_a_half(made):
    from pydantic import BeforeValidator

    kind = Annotated[int, BeforeValidator(lambda value: int(value) if isinstance(value, float) else value)]
    loosened(made, FETCH, limit=field(kind, 10, ge=1, le=100))


@flaw("C05", breaks="C05.3", why="a number that came as text stays text, and is told as text")
def budget_stays_text(made):
    from pydantic import BeforeValidator

    proper = made.operations[UPDATE].handler

    def update(work, campaign_id, body):
        from fastapi.responses import JSONResponse

        shown = proper(work=work, campaign_id=campaign_id, body=body).model_dump(mode="json")
        return JSONResponse({**shown, **({"budget_usdc": _SENT[-1]} if _SENT else {})})

    update.__signature__ = inspect.signature(proper)
    made.operations[UPDATE].handler = update

    def remember(value):
        _SENT[:] = [value] if isinstance(value, str) else []
        return float(value) if isinstance(value, str) and value.replace(".", "").isdigit() else value

    loosened(
        made, UPDATE, budget_usdc=field(Annotated[models().Money, BeforeValidator(remember)], None, ge=0.01, le=10_000)
    )


_SENT: list[Any] = []
