"""What errors name, what they have in common, and what they tell of the inside: in the words of many frameworks."""

import json

import pytest

from chimera_compliance.probes.http.exchange import Exchange, Request
from chimera_compliance.probes.validation.disclosure import leaks
from chimera_compliance.probes.validation.naming import named, names
from chimera_compliance.probes.validation.shape import misshapen


def error(body, status=422, path="/orders", note=""):
    content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return Exchange(Request("POST", path, note=note), status, body=content)


NAMING = {
    "fastapi": {"detail": [{"type": "missing", "loc": ["body", "budget"], "msg": "x", "input": {"goal": 1}}]},
    "ours": {"error": {"code": "e", "message": "m", "details": [{"field": "budget", "message": "x"}]}},
    "django": {"budget": ["A valid number is required."]},
    "marshmallow": {"errors": {"json": {"budget": ["Not a valid number."]}}},
    "problem pointer": {"title": "t", "errors": [{"detail": "x", "pointer": "#/budget"}]},
    "json api": {"errors": [{"source": {"pointer": "/data/attributes/budget"}, "detail": "x"}]},
    "express": {"errors": [{"msg": "x", "param": "budget", "location": "body", "value": "goal"}]},
    "spring": {"errors": [{"field": "budget", "rejectedValue": "goal", "defaultMessage": "x"}]},
    "ajv": {"errors": [{"instancePath": "/budget", "keyword": "type"}]},
    "invalid-params": {"invalid-params": [{"name": "budget", "reason": "x"}]},
    "laravel": {"message": "x", "errors": {"budget": ["The budget must be a number."]}},
}


@pytest.mark.parametrize("body", NAMING.values(), ids=NAMING)
def test_the_field_that_an_error_names_is_found(body):
    found = named(error(body))
    assert names(found, ("budget",))
    assert not names(found, ("goal",))


@pytest.mark.parametrize(
    "body", ["budget is wrong", {"detail": "budget"}, {"detail": [{"input": {"budget": 1}}]}, [], 5]
)
def test_what_is_merely_mentioned_is_not_named(body):
    assert not names(named(error(body)), ("budget",))


def test_a_nested_field_is_named_by_its_whole_path():
    found = named(error({"detail": [{"loc": ["body", "order", "lines", 0, "amount"]}]}))
    assert names(found, ("order", "lines", 0, "amount"))
    assert not names(found, ("invoice", "amount"))


TELLING = {
    "python": 'Traceback (most recent call last):\n  File "/app/x.py", line 3, in f',
    "python in json": {"detail": 'File "/srv/app/views.py", line 10'},
    "java": "at com.example.Orders.create(Orders.java:42)",
    "node": "TypeError: x\n    at Object.create (/app/src/orders.js:12:5)",
    "dotnet": "at Orders.Create(Order o) in C:\\src\\Orders.cs:line 12",
    "go": "goroutine 12 [running]:\nmain.main()",
    "php": "Fatal error: Uncaught TypeError: x in /var/www/x.php on line 12",
    "ruby": "app/models/order.rb:12:in `create'",
    "sql": {"message": "INSERT INTO orders (id, amount) VALUES (...)"},
    "select": {"message": "[SQL: SELECT orders.id FROM orders WHERE id = 1]"},
    "driver": {"error": "(psycopg.errors.NumericValueOutOfRange) integer out of range"},
    "constraint": {"error": 'new row for relation "orders" violates check constraint "orders_amount_check"'},
    "duplicate": {"error": 'duplicate key value violates unique constraint "users_email_key"'},
    "sqlite": {"error": "UNIQUE constraint failed: books.title"},
    "path": {"error": "cannot open /usr/lib/python3/dist-packages/x.py"},
    "module": {"error": "json.decoder.JSONDecodeError: Expecting value"},
    "html": "<pre>Traceback (most recent call last)</pre>",
}
HARMLESS = {
    "ours": {"error": {"code": "not_found", "message": "Campaign not found", "details": None}},
    "select": {"message": "Select a value from the list of platforms"},
    "update": {"message": "Update your profile and set a name"},
    "url": {"type": "https://errors.pydantic.dev/2.9/v/string_type", "instance": "/api/v1/home/orders"},
    "route": {"error": {"message": "No route for GET /api/app/orders", "path": "/orders/tmp/5"}},
    "words": {"message": "value is out of bounds; unique name required; TypeError"},
    "codes": {"code": "ValidationError", "name": "RequestValidationError"},
    "html": "<html><body><h1>404 Not Found</h1><hr>nginx</body></html>",
    "ratio": "at 10:30 in the morning",
}


@pytest.mark.parametrize("body", TELLING.values(), ids=TELLING)
def test_words_from_behind_the_scenes_are_found(body):
    assert list(leaks([error(body, 500)]))


@pytest.mark.parametrize("body", HARMLESS.values(), ids=HARMLESS)
def test_plain_errors_are_left_alone(body):
    assert not [leak.words for leak in leaks([error(body, 400)])]


def test_what_was_sent_is_not_the_servers_own():
    assert not list(leaks([error({"message": "/home/x/y is no id"}, 404, "/orders//home/x/y")]))


def test_a_success_may_show_anything():
    assert not list(leaks([error("Traceback (most recent call last)", 200)]))


OURS = {"error": {"code": "a", "message": "b"}}


def test_an_error_unlike_the_others_is_found():
    odd = error("<h1>Bad Request</h1>", 400)
    assert misshapen([error(OURS), error(OURS), odd, error({"error": {"code": "c", "more": 1}})], []) == [odd]


def test_details_may_differ():
    assert not misshapen([error({"detail": "x"}), error({"detail": [1]}), error({"detail": "y", "hint": 1})], [])


def test_named_members_must_be_there():
    assert misshapen([error(OURS), error({"error": "x"})], ["/error/code"]) == [error({"error": "x"})]


def test_what_a_proxy_answers_is_left_alone():
    assert not misshapen([error(OURS), error(OURS), error("<h1>too large</h1>", 413)], [])
