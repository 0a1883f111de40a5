"""YAML whose errors name file and line, so that a reader knows where to write what."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from chimera_compliance.errors import ConfigurationError

Model = TypeVar("Model", bound=BaseModel)
_LARGEST = 1_000_000


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """A safe loader that refuses a key given twice: YAML would silently keep the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key must be plain text", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} is given twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


@dataclass(frozen=True)
class LocatedYaml:
    """A parsed YAML document that knows the line of each of its values."""

    path: Path
    data: Any
    root: yaml.Node | None

    @classmethod
    def read(cls, path: Path) -> "LocatedYaml":
        """Parse a file.

        Raises:
            ConfigurationError: it cannot be read, is not YAML, or is larger than 1 MB.
        """
        text = _text(path)
        try:
            loader = _Loader(text)
            root = loader.get_single_node()
            data = loader.construct_document(root) if root else None
        except yaml.MarkedYAMLError as error:
            line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
            raise ConfigurationError(f"{path}{line}: {error.problem or 'not valid YAML'}") from None
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise ConfigurationError(f"{path}: not valid YAML: {str(error).splitlines()[0]}") from None
        return cls(path, data, root)

    def line_of(self, location: tuple[str | int, ...]) -> int:
        """The line, from 1, of the value at a path of keys and indexes, or of what comes closest."""
        node, line = self.root, 1
        for step in location:
            found = _child(node, step)
            if found is not None:
                key, node = found
                line = (key or node).start_mark.line + 1
        return line

    def parse(self, model: type[Model]) -> Model:
        """Validate as a model.

        Raises:
            ConfigurationError: one line for each thing that is wrong: file, line, setting, what to write.
        """
        if not isinstance(self.data, dict):
            raise ConfigurationError(f"{self.path}:1: expected settings of the form `name: value`")
        try:
            return model.model_validate(self.data)
        except ValidationError as error:
            raise ConfigurationError("\n".join(self._explain(problem) for problem in error.errors())) from None

    def _explain(self, problem: dict) -> str:
        location = problem["loc"]
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            message = "there is no such setting"
        name = ".".join(map(str, location))
        return f"{self.path}:{self.line_of(location)}: {name + ': ' if name else ''}{message}"


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST:
            raise ConfigurationError(f"{path}: larger than 1 MB: this is not a settings file")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path}: not UTF-8 text") from None


def _child(node: yaml.Node | None, step: str | int) -> tuple[yaml.Node | None, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == str(step)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return None, node.value[step]
    return None
