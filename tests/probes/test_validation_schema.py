"""What is sent as wrong is certainly wrong: by another implementation of JSON Schema too."""

import json
import time

import pytest
from jsonschema import Draft202012Validator

from chimera_compliance.probes.openapi.document import Document
from chimera_compliance.probes.openapi.operations import Operation
from chimera_compliance.probes.validation.candidates import MISSING, REFUSE, Raw, Wrong, candidates
from chimera_compliance.probes.validation.fields import Field, wrong_for
from chimera_compliance.probes.validation.forging import applied, text_of, written
from chimera_compliance.probes.validation.patterns import certainly_without
from chimera_compliance.probes.validation.schema import refuses

DOCUMENT = Document({"paths": {}})
SCHEMAS = [
    ({"type": "string", "minLength": 10, "maxLength": 500}, "Reach ten thousand"),
    ({"type": "string", "enum": ["high", "low"]}, "low"),
    ({"type": "string", "format": "uuid"}, "a0000000-0000-4000-8000-000000000001"),
    ({"type": "string", "format": "date"}, "2030-01-01"),
    ({"type": "string", "pattern": "^0x[0-9a-f]{4}$"}, "0x0d0d"),
    ({"type": ["string", "null"], "maxLength": 3}, "abc"),
    ({"type": "integer", "minimum": 1, "maximum": 100}, 20),
    ({"type": "number", "exclusiveMinimum": 0, "maximum": 10_000}, 5.0),
    ({"type": "number", "minimum": 0.000001}, 1.0),
    ({"type": "integer", "multipleOf": 5}, 10),
    ({"type": "boolean"}, True),
    ({"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 3, "uniqueItems": True}, ["a"]),
    ({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}, {"a": 1}),
    ({"anyOf": [{"type": "integer", "maximum": 5}, {"type": "null"}]}, 3),
    ({}, "x"),
]


@pytest.mark.parametrize(("schema", "valid"), SCHEMAS, ids=[json.dumps(schema) for schema, _ in SCHEMAS])
def test_what_must_be_refused_is_invalid_to_others_too(schema, valid):
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    assert validator.is_valid(valid)
    assert not refuses(DOCUMENT, schema, valid)
    operation = Operation("POST /x", "POST", "/x", document=DOCUMENT)
    for wrong in wrong_for(operation, Field("body", ("x",), schema, valid, True)):
        if (
            wrong.must == REFUSE
            and not wrong.unbounded
            and wrong.value is not MISSING
            and not isinstance(wrong.value, Raw)
        ):
            assert not validator.is_valid(wrong.value), wrong


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"oneOf": [{"type": "string"}, {"type": "integer"}]}, "twelve"),
        ({"anyOf": [{"type": "string", "maxLength": 2}, {"type": "string", "format": "uuid"}]}, "ab"),
        ({"type": "string", "nullable": True}, None),
        ({"type": "string", "format": "never heard of"}, "x"),
        ({"type": "string", "pattern": "(a+)+$"}, "b"),
        ({"type": "never heard of"}, 5),
        ({"$ref": "#/nowhere"}, 5),
        ({"type": "integer"}, 5.0),
        (True, 5),
    ],
)
def test_what_is_open_is_admitted(schema, value):
    assert not refuses(DOCUMENT, schema, value)


def test_both_bounds_are_tried_from_just_outside():
    labels = {
        wrong.label for wrong in candidates({"type": "number", "exclusiveMinimum": 0, "maximum": 10_000}, 5, True)
    }
    assert {"0, below the least", "-1, below the least", "10000.01, above the greatest"} <= labels


def test_the_older_exclusive_flag_is_understood():
    found = list(candidates({"type": "number", "minimum": 0, "exclusiveMinimum": True}, 5, True))
    assert any(wrong.value == 0 and wrong.rule == "bounds" for wrong in found)
    assert refuses(DOCUMENT, {"minimum": 0, "exclusiveMinimum": True}, 0)


def test_a_demand_is_tried_beside_the_document():
    demand = {"type": "string", "maxLength": 500}
    place = Field("body", ("goal",), {"type": "string", "maxLength": 600}, "abc", True, demand)
    found = {w.label: w for w in wrong_for(Operation("POST /x", "POST", "/x", document=DOCUMENT), place)}
    assert found["501 characters"].demanded
    assert not found["501 characters"].documented
    assert found["601 characters"].documented


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "^(([a-z])+.)+[A-Z]([a-z])+$", "(a|a)*b", r"(x)\1", "(" * 2000, "[", "a*a*a*a*b"]
)
def test_an_expression_that_may_run_away_is_not_run(pattern):
    started = time.monotonic()
    assert not certainly_without(pattern, "a" * 60)
    assert time.monotonic() - started < 0.5


def test_raw_json_is_written_as_it_is():
    body = applied({"a": {"b": 1}, "c": [1]}, [(("a", "b"), Raw("1e309")), (("c", 0), Raw("NaN"))])
    assert written(body) == b'{"a": {"b": 1e309}, "c": [NaN]}'
    assert applied({"a": 1}, [(("a",), MISSING)]) == {}


def test_a_query_has_no_types():
    assert text_of(True) == "true"
    with pytest.raises(TypeError):
        text_of([1])


def test_candidates_are_few():
    assert all(len(list(candidates(schema, valid, True))) < 20 for schema, valid in SCHEMAS)
    assert all(isinstance(wrong, Wrong) for schema, valid in SCHEMAS for wrong in candidates(schema, valid, False))
