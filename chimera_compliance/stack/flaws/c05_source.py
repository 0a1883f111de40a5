"""C05: handlers in the source that take whatever comes."""

from chimera_compliance.stack.flaws import flaw


def _adds(made, text):
    made.repo.append(lambda path: (path / "src" / "chimera" / "more.py").write_text(text))


_FASTAPI = "from typing import Any\n\nfrom fastapi import APIRouter, Body, Request\n\nrouter = APIRouter()\n\n\n"
_FLASK = "from flask import Flask, request\n\napp = Flask(__name__)\n\n\n"


@flaw("C05", breaks="C05.23", why="a handler takes a dict, as ADR-005 §5 does")
def source_takes_a_dict(made):
    _adds(made, _FASTAPI + '@router.post("/x")\nasync def create(tx: dict, user: dict):\n    return tx\n')


@flaw("C05", breaks="C05.23", why="a handler takes anything from the body")
def source_takes_anything(made):
    _adds(made, _FASTAPI + '@router.put("/x")\nasync def put(payload: Any = Body(...)):\n    return payload\n')


@flaw("C05", breaks="C05.23", why="a handler reads the request's JSON by hand")
def source_reads_json(made):
    head = '@router.post("/x")\nasync def create(request: Request):\n'
    text = head + '    data = await request.json()\n    return data["id"]\n'
    _adds(made, _FASTAPI + text)


@flaw("C05", breaks="C05.23", why="a Flask view takes whatever JSON there is")
def source_flask_view(made):
    text = '@app.route("/x", methods=["POST"])\ndef create():\n    return request.get_json(force=True)["id"]\n'
    _adds(made, _FLASK + text)


@flaw("C05", breaks="C05.23", why="a dict stands behind the name of a model")
def source_alias_of_a_dict(made):
    text = 'Campaign = dict[str, Any]\n\n\n@router.post("/x")\nasync def create(body: Campaign):\n    return body\n'
    _adds(made, _FASTAPI + text)
