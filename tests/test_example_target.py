"""The example explains every setting there is, with values that the model accepts."""

import re
from collections import defaultdict
from collections.abc import Iterator

import pytest
import yaml
from pydantic import BaseModel

from chimera_compliance import target
from chimera_compliance.home import TARGETS

EXAMPLE = TARGETS / "example.yaml"
MODELS = [
    model
    for model in vars(target).values()
    if isinstance(model, type) and issubclass(model, BaseModel) and model.model_fields
]


@pytest.fixture
def example(monkeypatch) -> target.Target:
    text = EXAMPLE.read_text(encoding="utf-8")
    for name in re.findall(r"\$\{(\w+)\}", re.sub(r"#.*", "", text)):
        monkeypatch.setenv(name, "https://api.staging.example.com/api/v1" if name.endswith("_URL") else "a value")
    return target.Target.load(EXAMPLE)


def settings(value: object) -> Iterator[BaseModel]:
    """Every group of settings inside a value."""
    match value:
        case BaseModel():
            yield value
            for name in type(value).model_fields:
                yield from settings(getattr(value, name))
        case dict():
            for item in value.values():
                yield from settings(item)
        case list():
            for item in value:
                yield from settings(item)


def test_every_setting_is_in_the_example(example):
    written = defaultdict(set)
    for group in settings(example):
        written[type(group)] |= group.model_fields_set
    missing = {model.__name__: set(model.model_fields) - written[model] for model in MODELS}
    assert len(missing) > 10
    assert not {name: fields for name, fields in missing.items() if fields}


def test_every_default_that_it_tells_is_the_default():
    """A comment `Default 10` beside `timeout_seconds` is what the model has for that name."""
    told = re.findall(r"^ *-? *(\w+): .*#.*\b[Dd]efault ([^:\n]+)$", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(told) > 20
    assert not [(name, value) for name, value in told if meant(value) not in list(defaults(name))]


def meant(value: str) -> object:
    return None if value == "none" else yaml.safe_load(value)


def defaults(name: str) -> Iterator[object]:
    """What the models have for a setting of that name; nothing at all counts as none."""
    for model in MODELS:
        for key, field in model.model_fields.items():
            if name in (key, field.alias):
                yield field.default if field.default not in ([], {}) else None
