"""C05: members that a client has no business to set, and sets."""

import inspect

from chimera_compliance.stack.flaws import flaw

_CREATE, _UPDATE, _FETCH = "POST /campaigns", "PATCH /campaigns/{campaign_id}", "POST /trends/fetch"
_CHOOSABLE = "GRANT INSERT, UPDATE ON campaigns, tasks TO {app}"


def _keeps(made, operation, *names):
    """The operation assigns these members of the body, whatever the document offers."""
    from pydantic import ConfigDict, create_model

    seam = made.operations[operation]
    proper, before = seam.handler, inspect.signature(seam.handler).parameters["body"].annotation
    config = ConfigDict(**{**before.model_config, "extra": "ignore"})
    model = create_model(before.__name__, __base__=before, **dict.fromkeys(names, (object, None)))
    model.model_config = config
    model.model_rebuild(force=True)

    def handle(**given):
        body, work = given["body"], given["work"]
        extra = {name: value for name in names if (value := getattr(body, name)) is not None}
        said = body.model_dump(exclude={*names}, exclude_unset=True)
        shown = proper(**{**given, "body": before.model_validate(said)})
        return _assigned(work, shown, extra)

    shape = inspect.signature(proper)
    handle.__signature__ = shape.replace(
        parameters=[
            item.replace(annotation=model) if item.name == "body" else item for item in shape.parameters.values()
        ]
    )
    handle.__name__ = proper.__name__
    seam.handler = handle
    told = before.model_json_schema(ref_template="#/components/schemas/{model}")
    told.pop("additionalProperties", None)
    made.openapi.append(lambda document: document["components"]["schemas"].update({before.__name__: told}))
    made.sql.append(_CHOOSABLE)


def _assigned(work, shown, extra):
    from chimera_compliance.stack.api import tables

    table = tables.Campaign if type(shown).__name__ == "Campaign" else tables.Task
    row = work.db.get(table, shown.id)
    for name, value in extra.items():
        setattr(row, name, value)
    work.db.flush()
    work.db.refresh(row)
    return type(shown).model_validate(row)


@flaw("C05", breaks="C05.14", why="whoever creates a campaign chooses its id")
def id_assigned(made):
    _keeps(made, _CREATE, "id")


@flaw("C05", breaks="C05.14", why="whoever creates a campaign chooses its state")
def status_assigned(made):
    _keeps(made, _CREATE, "status")


@flaw("C05", breaks="C05.14", why="whoever creates a campaign chooses when that was")
def creation_backdated(made):
    _keeps(made, _CREATE, "created_at")


@flaw("C05", breaks="C05.14", why="a task can be created as one that is done")
def task_done_at_birth(made):
    _keeps(made, _FETCH, "status")


@flaw("C05", breaks="C05.14", why="an update may change what the document does not offer to change")
def goal_changed_by_update(made):
    _keeps(made, _UPDATE, "goal_description", "priority")


@flaw("C05", breaks="C05.14", why="an update may say when a campaign was created")
def update_backdates(made):
    _keeps(made, _UPDATE, "created_at")
