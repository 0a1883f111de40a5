"""Made-up bodies are valid: by the schema's own rules, and with the principal's ids where it has some."""

import json
from datetime import UTC, datetime

import jsonschema
import pytest

from chimera_compliance.probes.openapi.body import Generator
from chimera_compliance.probes.openapi.document import Document
from chimera_compliance.probes.openapi.pattern import matching
from chimera_compliance.probes.openapi.payload import Payload, of_request_body

SCHEMAS = [
    {"type": "integer"},
    {"type": "integer", "minimum": 5, "maximum": 5},
    {"type": "integer", "exclusiveMinimum": 0},
    {"type": "integer", "minimum": -9, "maximum": -3},
    {"type": "integer", "maximum": 0},
    {"type": "integer", "exclusiveMaximum": 0},
    {"type": "integer", "multipleOf": 7, "minimum": 10},
    {"type": "number", "exclusiveMinimum": 0, "maximum": 0.5},
    {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
    {"type": "number", "minimum": 0.25, "maximum": 0.25},
    {"type": "number", "exclusiveMinimum": 0, "maximum": 10000},
    {"type": "boolean"},
    {"type": "null"},
    {"type": ["null", "string"], "minLength": 3},
    {"type": "string", "minLength": 10, "maxLength": 500},
    {"type": "string", "maxLength": 2},
    {"type": "string", "minLength": 300},
    {"type": "string", "maxLength": 0},
    {"type": "string", "format": "email"},
    {"type": "string", "format": "uuid"},
    {"type": "string", "format": "date"},
    {"type": "string", "format": "date-time"},
    {"type": "string", "format": "time"},
    {"type": "string", "format": "ipv4"},
    {"type": "string", "format": "ipv6"},
    {"type": "string", "format": "uri"},
    {"type": "string", "format": "unheard-of"},
    {"type": "string", "pattern": "^0x[a-fA-F0-9]{40}$"},
    {"type": "string", "pattern": "^[a-f0-9-]{36}$"},
    {"type": "string", "pattern": "^(twitter|instagram|threads)$"},
    {"type": "string", "pattern": r"^\d{4}-\d{2}$"},
    {"type": "string", "pattern": r"^[^@\s]+@[^@\s]+\.[a-z]{2,}$"},
    {"type": "string", "pattern": "^[A-Z]+$", "minLength": 7},
    {"type": "string", "pattern": r"^\+?[1-9]\d{1,14}$"},
    {"type": "string", "pattern": "^(a(b|c)){2}d?$"},
    {"type": "string", "pattern": r"^(?P<x>\w)-(?P=x)$"},
    {"type": "string", "pattern": "^[^a-z0-9A-Z]$"},
    {"enum": ["b", "a"]},
    {"type": ["string", "null"], "enum": [None, "a"]},
    {"const": {"a": [1]}},
    {"type": "array"},
    {"type": "array", "minItems": 2, "items": {"type": "integer", "minimum": 4}},
    {"type": "array", "minItems": 2, "uniqueItems": True, "items": {"enum": ["x", "y", "z"]}},
    {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}, "b": {"type": "string"}}},
    {"type": "object", "minProperties": 1, "properties": {"note": {"type": "string"}, "z": {"type": "string"}}},
    {"required": ["free"]},
    {"anyOf": [{"type": "null"}, {"type": "integer", "minimum": 2}]},
    {"oneOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}]},
    {
        "allOf": [
            {"$ref": "#/components/schemas/Cat"},
            {"required": ["age"], "properties": {"age": {"type": "integer"}}},
        ]
    },
    {"$ref": "#/components/schemas/Tree"},
    {"type": "string", "default": "fallback"},
    {"type": "integer", "examples": [42]},
    {"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$"}]},
    {"type": "string", "pattern": r"^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$"},
]
COMPONENTS = {
    "Cat": {
        "type": "object",
        "required": ["kind", "lives"],
        "properties": {"kind": {"const": "cat"}, "lives": {"type": "integer", "maximum": 9}},
    },
    "Dog": {"type": "object", "required": ["kind"], "properties": {"kind": {"const": "dog"}}},
    "Tree": {
        "type": "object",
        "required": ["name", "left"],
        "properties": {
            "name": {"type": "string"},
            "left": {"anyOf": [{"type": "null"}, {"$ref": "#/components/schemas/Leaf"}]},
            "right": {"$ref": "#/components/schemas/Tree"},
        },
    },
    "Leaf": {"type": "object", "required": ["value"], "properties": {"value": {"type": "boolean"}}},
}
DOCUMENT = Document({"paths": {}, "components": {"schemas": COMPONENTS}})


@pytest.mark.parametrize("schema", SCHEMAS, ids=json.dumps)
def test_an_instance_is_valid(schema):
    made = Generator(DOCUMENT).instance(schema)
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    jsonschema.Draft202012Validator({**schema, **DOCUMENT.raw}, format_checker=checker).validate(made)


@pytest.mark.parametrize(
    ("schema", "admits"),
    [
        ({"type": "integer", "minimum": 0, "exclusiveMinimum": True}, lambda value: value > 0),
        ({"type": "number", "maximum": 1, "exclusiveMaximum": True, "minimum": 0}, lambda value: 0 <= value < 1),
        ({"type": "string", "nullable": True}, lambda value: isinstance(value, str)),
    ],
)
def test_openapi_3_0_writes_bounds_its_own_way(schema, admits):
    assert admits(Generator(DOCUMENT).instance(schema))


def test_dates_lie_ahead_and_an_end_comes_after_its_start():
    schema = {"properties": {name: {"format": "date"} for name in ("start_date", "end_date")}}
    made = Generator(DOCUMENT).instance({**schema, "required": ["start_date", "end_date"]})
    assert datetime.now(UTC).date().isoformat() < made["start_date"] < made["end_date"]


def test_a_circle_of_required_members_ends():
    loop = {"type": "object", "required": ["next"], "properties": {"next": {"$ref": "#/components/schemas/Loop"}}}
    made = Generator(Document({"components": {"schemas": {"Loop": loop}}})).instance(loop)
    assert json.dumps(made).count("next") < 20


@pytest.mark.parametrize(
    "pattern", ["(", "a{99999}", "(a{250}){250}", "(?P<n>x)(?(n)y|z)", "((((((a+)+)+)+)+)+)+$", "[^\\s\\S]"]
)
def test_a_pattern_beyond_our_means_is_given_up_at_once(pattern):
    sample = matching(pattern)
    assert sample is None or len(sample) < 5000


KNOWN = {"agent_id": "agent-1", "tenant": "tenant-1", "tenant_id": "tenant-1"}


def test_ids_in_a_made_up_body_are_the_principals_own():
    text = {"type": "string", "format": "uuid"}
    schema = {
        "required": ["agent_id", "tenant_id", "other_id"],
        "properties": dict.fromkeys(["agent_id", "tenant_id"], text),
    }
    made = Payload(DOCUMENT, schema=schema).value(KNOWN.get)
    assert (made["agent_id"], made["tenant_id"]) == ("agent-1", "tenant-1")
    assert made["other_id"] not in KNOWN.values()


def test_the_target_files_own_body_comes_first_and_is_filled():
    override = {"a": ["{tenant}/{agent_id}", 1], "b": "{unknown}"}
    assert Payload(DOCUMENT, schema={"const": 1}, override=override).value(KNOWN.get) == {
        "a": ["tenant-1/agent-1", 1],
        "b": "{unknown}",
    }


def body_of(content, **more):
    payload = of_request_body(DOCUMENT, {"content": content, **more})
    return payload.encoded(payload.value(KNOWN.get))


MEMBERS = {"schema": {"required": ["a b", "n"], "properties": {"a b": {"const": "x&y"}, "n": {"const": 1}}}}


def test_json_is_preferred_then_forms():
    assert body_of({"text/plain": {}, "application/json; charset=utf-8": MEMBERS}) == (
        "application/json",
        b'{"a b": "x&y", "n": 1}',
    )
    assert body_of({"application/x-www-form-urlencoded": MEMBERS})[1] == b"a+b=x%26y&n=1"
    media_type, content = body_of({"multipart/form-data": MEMBERS})
    assert media_type.startswith("multipart/form-data; boundary=")
    assert content.count(b"Content-Disposition: form-data; name=") == 2
    assert content.endswith(b"--\r\n")
    assert body_of({"application/vnd.api+json": MEMBERS})[0] == "application/vnd.api+json"
    assert of_request_body(DOCUMENT, {"content": {}}) is None


def test_examples_of_the_document_are_used_with_own_ids_in_them():
    assert (
        body_of({"application/json": {"example": {"agent_id": "someone's", "n": 2}}})[1]
        == b'{"agent_id": "agent-1", "n": 2}'
    )
    assert body_of({"application/json": {"examples": {"one": {"value": [3]}}}})[1] == b"[3]"


@pytest.mark.parametrize(
    ("schema", "invalid"),
    [({"type": "object", "required": ["a"]}, {}), ({"type": "object"}, []), ({"allOf": [{"required": ["a"]}]}, {})],
)
def test_an_invalid_body_parses(schema, invalid):
    assert Payload(DOCUMENT, schema=schema).invalid() == invalid


MEMBERS_WITHOUT_REQUIRED = {
    "is_admin": {"type": "boolean", "example": True},
    "role": {"type": "string", "example": "admin"},
    "password": {"type": "string", "example": "pass"},
    "title": {"type": "string", "example": "book"},
    "pages": {"type": "integer"},
}


def test_where_nothing_is_required_the_examples_are_sent_but_no_rights():
    schema = {"type": "object", "properties": MEMBERS_WITHOUT_REQUIRED}
    assert Generator(DOCUMENT).instance(schema) == {"password": "pass", "title": "book"}


def test_an_update_does_not_change_who_somebody_is():
    schema = {"type": "object", "properties": MEMBERS_WITHOUT_REQUIRED}
    assert Generator(DOCUMENT, updates=True).instance(schema) == {"title": "book"}
    without_examples = {"email": {"type": "string"}, "note": {"type": "string", "enum": ["n"]}}
    assert Generator(DOCUMENT, updates=True).instance({"properties": without_examples}) == {"note": "n"}


INVOICE = {
    "type": "object",
    "properties": {"customerId": {"type": "integer"}, "lines": {"type": "array", "items": {"$ref": "#/line"}}},
    "required": ["customerId"],
}


def test_a_known_id_has_the_type_that_the_schema_asks_for():
    document = Document({"line": {"properties": {"productId": {"type": ["integer", "null"]}, "code": {}}}})
    known = {"customerId": "7", "productId": "12", "code": "0042"}.get
    assert Generator(document, known).instance(INVOICE) == {"customerId": 7}
    declared = {
        "customerId": "{customerId}",
        "lines": [{"productId": "{productId}", "code": "{code}", "n": "no {code}"}],
    }
    body = Payload(document, schema=INVOICE, override=declared).value(known)
    assert body == {"customerId": 7, "lines": [{"productId": 12, "code": "0042", "n": "no 0042"}]}
    assert Payload(document, schema=INVOICE, example={"customerId": 1, "code": "x"}).value(known) == {
        "customerId": 7,
        "code": "0042",
    }
