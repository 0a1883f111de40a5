"""How the flaws of C06 are bent: a handler is given more to read, and runs statements that it made of it."""

import inspect


def run(work, statement: str, *, otherwise=()):
    """The rows of a statement as text; `otherwise` where it breaks, and the transaction goes on."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with work.db.begin_nested():
            result = work.db.connection().exec_driver_sql(statement)
            return result.all() if result.returns_rows else []
    except SQLAlchemyError:
        return otherwise


def takes(made, name: str, *, documented: dict | None = None):
    """Replaces a handler by one that is also given the request; `documented` parameters are texts in the query.

    The function is called as `(work, request, given, answer)`, where `answer()` is the reference's own.
    """

    def decorate(act):
        from fastapi import Query, Request

        operation = made.operations[name]
        inner = operation.handler
        extra = {**dict.fromkeys(documented or {}, str | None), "http": Request}

        def handle(work, **given):
            own = {key: given.pop(key) for key in extra}
            request = own.pop("http")
            return act(work, request, {**given, **own}, lambda: inner(work, **given))

        signature = inspect.signature(inner)
        added = [
            inspect.Parameter(
                key,
                inspect.Parameter.KEYWORD_ONLY,
                annotation=kind,
                default=inspect.Parameter.empty if kind is Request else Query(None, max_length=500),
            )
            for key, kind in extra.items()
        ]
        handle.__signature__ = signature.replace(parameters=[*signature.parameters.values(), *added])
        operation.handler = handle
        return act

    return decorate


def only(page, rows):
    """A page with those items whose ids the rows hold."""
    ids = {str(row[0]) for row in rows}
    kept = [item for item in page.items if str(item.id) in ids]
    return page.model_copy(update={"items": kept, "total": len(kept)})
