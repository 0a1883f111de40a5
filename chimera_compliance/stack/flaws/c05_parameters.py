"""C05: parameters of queries and paths that nobody looks at before they are used."""

from typing import Annotated

from chimera_compliance.stack.flaws import flaw
from chimera_compliance.stack.flaws.loosened import signed


def _query(made, operation, name, kind, *, lies=True, **bounds):
    """A query parameter of another kind; the document says what it said before, or what is true."""
    import inspect

    from fastapi import Query

    seam = made.operations[operation]
    before = inspect.signature(seam.handler).parameters[name]
    seam.handler = signed(seam.handler, **{name: Annotated[kind, Query(**bounds)]})
    if lies:
        _documented(made, operation, name, before)


def _documented(made, operation, name, before):
    """The document's parameter is made from the reference's annotation."""
    from pydantic import TypeAdapter

    method, path = operation.split(" ")
    said = TypeAdapter(before.annotation).json_schema()

    def describe(document):
        for parameter in document["paths"][path][method.lower()]["parameters"]:
            if parameter["name"] == name:
                parameter["schema"] = said

    made.openapi.append(describe)


@flaw("C05", breaks="C05.20", why="page 0 makes a negative offset, which the database refuses")
def page_zero(made):
    _query(made, "GET /tasks", "page", int, le=10_000)


@flaw("C05", breaks="C05.20", why="a page of twenty digits has no place in the database's integers")
def page_of_twenty_digits(made):
    _query(made, "GET /content", "page", int, lies=False, ge=1)


@flaw("C05", breaks="C05.10", why="a page may be as long as one likes, and the document says 100")
def pages_without_end(made):
    _query(made, "GET /content", "limit", int, ge=1)


@flaw("C05", breaks="C05.10", why="a page may be as long as one likes, as the document admits")
def pages_without_documented_end(made):
    _query(made, "GET /hitl/queue", "limit", int, lies=False, ge=1)


@flaw("C05", breaks="C05.10", why="a page of 101 rows is given: one comparison is off by one")
def page_too_long_by_one(made):
    _query(made, "GET /tasks", "limit", int, ge=1, le=101)


@flaw("C05", breaks="C05.9", why="any status is searched for, and none is found")
def status_of_any_kind(made):
    _query(made, "GET /campaigns", "status", str | None)


@flaw("C05", breaks="C05.9", why="what is no number counts as the first page")
def page_that_is_none(made):
    from pydantic import BeforeValidator

    kind = Annotated[int, BeforeValidator(lambda value: value if str(value).isdigit() else 1)]
    _query(made, "GET /campaigns", "page", kind, ge=1, le=10_000)


@flaw("C05", breaks="C05.20", why="a filter that is no id reaches the database as text")
def filter_of_any_form(made):
    _query(made, "GET /tasks", "agent_id", str | None)


@flaw("C05", breaks="C05.20", why="an id in the path reaches the database as text")
def id_of_any_form(made):
    seam = made.operations["GET /agents/{agent_id}"]
    seam.handler = signed(seam.handler, agent_id=str)


@flaw("C05", breaks="C05.11", why="what is no id is answered with the first object there is")
def id_that_is_none(made):
    from uuid import UUID

    from chimera_compliance.stack.flaws import ALICE

    proper = made.operations["GET /campaigns/{campaign_id}"].handler

    def read(work, campaign_id):
        from sqlalchemy import select

        from chimera_compliance.stack.api import tables

        try:
            wanted = UUID(campaign_id)
        except ValueError:
            wanted = work.db.scalar(select(tables.Campaign.id).limit(1)) or ALICE.tenant_id
        return proper(work=work, campaign_id=wanted)

    import inspect

    read.__signature__ = inspect.signature(signed(proper, campaign_id=str))
    made.operations["GET /campaigns/{campaign_id}"].handler = read
    before = inspect.signature(proper).parameters["campaign_id"]
    _documented(made, "GET /campaigns/{campaign_id}", "campaign_id", before)
