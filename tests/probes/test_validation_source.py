# ruff: noqa: E501
"""Handlers in source trees of many habits: right ones are left alone, wrong ones are found with file and line."""

import textwrap

import pytest

from chimera_compliance.journal import Journal
from chimera_compliance.outcomes import NotReviewed
from chimera_compliance.probes.validation.source import read_handlers
from chimera_compliance.target import Target

FASTAPI = """
from typing import Annotated, Any, Dict, Optional
from uuid import UUID
from fastapi import APIRouter, Body, Depends, File, Form, Query, Request, UploadFile
from pydantic import BaseModel, RootModel, TypeAdapter, ConfigDict
router = APIRouter()
class Order(BaseModel):
    amount: float
def current_user() -> dict: ...
CurrentUser = Annotated[dict, Depends(current_user)]
Payload = dict[str, Any]
"""
RIGHT = {
    "a model": "@router.post('/x')\nasync def f(body: Order): ...",
    "a model and a user": "@router.post('/x')\nasync def f(body: Order, user: dict = Depends(current_user)): ...",
    "an annotated dependency": "@router.post('/x')\nasync def f(body: Order, user: Annotated[dict, Depends(current_user)]): ...",
    "an alias of a dependency": "@router.post('/x')\nasync def f(body: Order, user: CurrentUser): ...",
    "ids in path and query": "@router.put('/x/{key}')\ndef f(key: UUID, body: Order, q: str | None = None): ...",
    "a list of models": "@router.post('/x')\ndef f(body: list[Order]): ...",
    "a mapping of models": "@router.post('/x')\ndef f(body: dict[str, Order]): ...",
    "a mapping of numbers": "@router.post('/x')\ndef f(body: Dict[str, int]): ...",
    "an optional model": "@router.patch('/x')\ndef f(body: Optional[Order] = None): ...",
    "a form": "@router.post('/x')\ndef f(name: Annotated[str, Form()], file: UploadFile = File(...)): ...",
    "a scalar in the body": "@router.post('/x')\ndef f(amount: Annotated[int, Body(ge=1)]): ...",
    "a request that is not read": "@router.post('/x')\ndef f(request: Request, body: Order): return request.client.host",
    "validated by hand": "@router.post('/x')\nasync def f(request: Request): return Order.model_validate(await request.json())",
    "validated as JSON": "@router.post('/x')\nasync def f(r: int, request: Request):\n  return Order.model_validate_json(await request.body())",
    "a model made of it": "@router.post('/x')\nasync def f(request: Request):\n  data = await request.json()\n  return Order(**data)",
    "an adapter": "@router.post('/x')\nasync def f(request: Request):\n  return TypeAdapter(Order).validate_python(await request.json())",
    "a read": "@router.get('/x')\ndef f(filters: dict | None = None): ...\n@router.post('/y')\ndef g(body: Order): ...",
    "written as text": "@router.post('/x')\ndef f(body: 'Order', user: 'CurrentUser'): ...",
    "no body": "@router.delete('/x/{key}')\ndef f(key: int): ...",
}
WRONG = {
    "a dict": "@router.post('/x')\nasync def f(body: dict): ...",
    "the user from the body": "@router.post('/x')\nasync def f(tx: Order, user: dict): ...",
    "a dict of anything": "@router.post('/x')\ndef f(body: dict[str, Any]): ...",
    "an optional dict": "@router.patch('/x')\ndef f(body: Dict | None = None): ...",
    "anything": "@router.post('/x')\ndef f(body: Any = Body(...)): ...",
    "anything, annotated": "@router.post('/x')\ndef f(body: Annotated[Any, Body()]): ...",
    "not annotated": "@router.post('/x')\ndef f(body=Body(...)): ...",
    "a list of dicts": "@router.post('/x')\ndef f(body: list[dict]): ...",
    "an alias": "@router.put('/x')\ndef f(body: Payload): ...",
    "an open model": "class Open(BaseModel):\n  model_config = ConfigDict(extra='allow')\n@router.post('/x')\ndef f(body: Open): ...",
    "a root of anything": "class Root(RootModel[dict[str, Any]]): ...\n@router.post('/x')\ndef f(body: Root): ...",
    "the request": "@router.post('/x')\nasync def f(request: Request):\n  data = await request.json()\n  return data['a']",
    "parsed only": "import json\n@router.post('/x')\nasync def f(request: Request):\n  return json.loads(await request.body())['a']",
    "given a path by a call": "async def f(body: dict): ...\nrouter.add_api_route('/x', f, methods=['POST'])",
    "several methods": "@router.api_route('/x', methods=['GET', 'POST'])\nasync def f(body: dict): ...",
    "made in a factory": "def app():\n  @router.post('/x')\n  async def f(body: dict): ...",
}
FLASK = "from flask import Blueprint, request\nfrom flask.views import MethodView\nbp = Blueprint('x', __name__)\n"
FLASK_RIGHT = {
    "marshmallow": "@bp.post('/x')\ndef f():\n  return OrderSchema().load(request.get_json())",
    "pydantic": "@bp.route('/x', methods=['POST'])\ndef f():\n  return Order.model_validate(request.json)",
    "flask-pydantic": "@bp.route('/x', methods=['POST'])\n@validate()\ndef f(body: Order): return request.json",
    "smorest": "@bp.route('/x', methods=['POST'])\n@bp.arguments(OrderSchema)\ndef f(data): return data",
    "jsonschema": "@bp.put('/x')\ndef f():\n  data = request.get_json()\n  jsonschema.validate(data, SCHEMA)\n  return data",
    "msgspec": "@bp.put('/x')\ndef f():\n  return msgspec.json.decode(request.get_data(), type=Order)",
    "a form class": "@bp.post('/x')\ndef f():\n  form = OrderForm(request.form)\n  if form.validate(): return 'ok'",
    "a view": "class V(MethodView):\n  def post(self): return Order(**request.get_json())",
    "a read": "@bp.route('/x')\ndef f(): return request.values['q']\n@bp.post('/y')\ndef g(): return ''",
}
FLASK_WRONG = {
    "get_json": "@bp.post('/x')\ndef f():\n  return request.get_json(silent=True)['a']",
    "json": "@bp.route('/x', methods=['PUT'])\ndef f():\n  return request.json['a']",
    "a form": "@bp.route('/x', methods=['POST'])\ndef f():\n  return request.form['a']",
    "a view": "class V(MethodView):\n  def post(self): return request.get_json()['a']",
}
OTHERS_RIGHT = {
    "litestar": "from litestar import post\n@post('/x')\nasync def f(data: Order) -> Order: ...",
    "ninja": "@api.post('/x')\ndef f(request, payload: OrderIn): return payload.amount",
    "drf": "class V(APIView):\n  def post(self, request):\n    s = OrderSerializer(data=request.data)\n    s.is_valid(raise_exception=True)",
    "starlette": "async def f(request):\n  return Order.model_validate(await request.json())\nroutes = [Route('/x', f, methods=['POST'])]",
    "dataclass": "@dataclass\nclass O: a: int\n@api.post('/x')\ndef f(body: O): ...",
    "mock": "@mock.patch('app.f')\ndef g(body: dict): ...\n@api.post('/x')\ndef f(body: O): ...",
}
OTHERS_WRONG = {
    "litestar": "from litestar import post\n@post('/x')\nasync def f(data: dict[str, Any]) -> None: ...",
    "ninja": "@api.post('/x')\ndef f(request, payload: dict): ...",
    "drf": "class V(APIView):\n  def post(self, request): return request.data['a']",
    "starlette": "async def f(request):\n  return (await request.json())['a']\nroutes = [Route('/x', f, methods=['POST'])]",
    "aiohttp": "@routes.post('/x')\nasync def f(request):\n  data = await request.json()\n  return data['a']",
}


@pytest.fixture
def found(tmp_path):
    def found(text):
        (tmp_path / "repo" / "src").mkdir(parents=True)
        (tmp_path / "repo" / "src" / "api.py").write_text(text)
        (tmp_path / "target.yaml").write_text("name: x\nrepo: {path: repo}\n")
        return read_handlers(Target.load(tmp_path / "target.yaml"), Journal())

    return found


def cases(right, head=""):
    return [pytest.param(head + textwrap.dedent(text), id=name) for name, text in right.items()]


@pytest.mark.parametrize("text", cases(RIGHT, FASTAPI) + cases(FLASK_RIGHT, FLASK) + cases(OTHERS_RIGHT))
def test_modelled_handlers_are_left_alone(found, text):
    handlers = found(text)
    assert handlers.judged
    assert not [item.actual for item in handlers.unmodelled]


@pytest.mark.parametrize("text", cases(WRONG, FASTAPI) + cases(FLASK_WRONG, FLASK) + cases(OTHERS_WRONG))
def test_unmodelled_handlers_are_found(found, text):
    [problem] = found(text).unmodelled
    assert problem.file == "src/api.py"
    assert problem.observation


def test_the_line_is_that_of_the_parameter(found):
    [problem] = found("@api.post('/x')\ndef f(\n  a: int,\n  body: dict,\n): ...").unmodelled
    assert problem.line == 4


def test_without_a_handler_nothing_is_claimed(found):
    with pytest.raises(NotReviewed, match="no request handler"):
        found("x = 1")


def test_broken_and_foreign_files_are_passed_over(found, tmp_path):
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo" / "broken.py").write_text("def (:\n")
    (tmp_path / "repo" / "test_x.py").write_text("@api.post('/x')\ndef f(body: dict): ...")
    assert not found("@api.post('/x')\ndef f(body: Order): ...").unmodelled
