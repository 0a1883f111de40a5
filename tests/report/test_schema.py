"""The published schema of results.json is current, and real results conform to it."""

import json

import jsonschema
import sample_results
from typer.testing import CliRunner

from chimera_compliance.cli import app
from chimera_compliance.home import HOME
from chimera_compliance.report import json as canonical
from chimera_compliance.report.schema import FILE, results_schema


def test_the_published_schema_is_current():
    printed = CliRunner().invoke(app, ["schema", "results"]).output
    published = HOME / "config" / "schemas" / FILE
    assert printed == published.read_text(), f"chimera-compliance schema results > config/schemas/{FILE}"


def test_results_conform_to_it():
    checker = jsonschema.Draft202012Validator(results_schema())
    checker.check_schema(results_schema())
    for results in (sample_results.realistic(), sample_results.green(), sample_results.many(3)):
        assert list(checker.iter_errors(json.loads(canonical.render(results)))) == []


def test_it_refuses_what_is_not_of_this_version():
    checker = jsonschema.Draft202012Validator(results_schema())
    document = json.loads(canonical.render(sample_results.green()))
    assert not checker.is_valid({**document, "schema_version": "2.0"})
    assert not checker.is_valid({**document, "surprise": 1})
