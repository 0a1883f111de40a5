"""C06: ids of the path that become part of a statement, behind a check that looks at their beginning only."""

import re

from chimera_compliance.stack.flaws import flaw
from chimera_compliance.stack.flaws.c06_seams import run

_BEGINS_LIKE_AN_ID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def _unanchored(made, name, parameter, statement):
    """The id is only looked at as far as a right one goes; what the statement finds decides."""
    import inspect
    from typing import Annotated
    from uuid import UUID

    from fastapi import Path
    from pydantic import BeforeValidator, WithJsonSchema

    operation = made.operations[name]
    inner = operation.handler

    def check(text):
        if not _BEGINS_LIKE_AN_ID.match(str(text)):
            raise ValueError("not an id")
        return text

    Loose = Annotated[str, BeforeValidator(check), WithJsonSchema({"type": "string", "format": "uuid"}), Path()]

    def handle(work, **given):
        from chimera_compliance.stack.api.errors import not_found

        text = given.pop(parameter)
        if not run(work, statement(text)):
            raise not_found("That")
        return inner(work, **{parameter: UUID(_BEGINS_LIKE_AN_ID.match(text).group())}, **given)

    signature = inspect.signature(inner)
    changed = [
        item.replace(annotation=Loose) if item.name == parameter else item for item in signature.parameters.values()
    ]
    handle.__signature__ = signature.replace(parameters=changed)
    operation.handler = handle


@flaw("C06", why="an id is put between quotes")
def path_id(made):
    _unanchored(
        made,
        "GET /campaigns/{campaign_id}",
        "campaign_id",
        lambda v: f"SELECT id FROM campaigns WHERE id = '{v}' LIMIT 1",
    )


@flaw("C06", why="an id is put between quotes and then cast, in parentheses")
def path_id_cast(made):
    _unanchored(
        made, "GET /content/{asset_id}", "asset_id", lambda v: f"SELECT id FROM content_assets WHERE (id = '{v}'::uuid)"
    )


@flaw("C06", why="an id of an operation that changes data is put between quotes")
def path_id_of_a_write(made):
    _unanchored(
        made,
        "PATCH /campaigns/{campaign_id}",
        "campaign_id",
        lambda v: f"SELECT id FROM campaigns WHERE id = '{v}' FOR UPDATE",
    )


@flaw("C06", why="an id is put into a sub-query, which is put into a statement")
def path_id_in_a_subquery(made):
    _unanchored(
        made,
        "GET /agents/{agent_id}",
        "agent_id",
        lambda v: f"SELECT id FROM agents WHERE id IN (SELECT agent_id FROM wallets WHERE agent_id = '{v}')",
    )
