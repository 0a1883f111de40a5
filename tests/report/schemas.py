"""What the official schemas of the formats object to."""

import json
from functools import cache
from pathlib import Path

import jsonschema_rs
import xmlschema

FOLDER = Path(__file__).parent / "official"


@cache
def _validator(name: str):
    return jsonschema_rs.validator_for(json.loads((FOLDER / name).read_text()), validate_formats=True)


def _problems(name: str, text: str) -> list[str]:
    return [
        f"{list(each.instance_path)}: {each.message[:300]}" for each in _validator(name).iter_errors(json.loads(text))
    ]


def problems_of_sarif(text: str) -> list[str]:
    return _problems("sarif-2.1.0.json", text)


def problems_of_oscal(text: str) -> list[str]:
    return _problems("oscal-assessment-results-1.2.1.json", text)


def problems_of_hdf(text: str) -> list[str]:
    return _problems("hdf-exec-json.json", text)


@cache
def _junit() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(FOLDER / "junit-10.xsd")


def problems_of_junit(text: str) -> list[str]:
    return [str(each.reason) for each in _junit().iter_errors(text)]
