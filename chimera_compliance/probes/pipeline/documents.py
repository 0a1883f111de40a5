"""YAML and TOML of a repository, with the line of everything, and with bounds: nobody vouches for them.

GitHub reads YAML 1.2, in which `on`, `yes` and `off` are words. PyYAML reads 1.1, in which a workflow's `on:` is the
key `True`; the loader here follows the former.
"""

import re
import tomllib
from typing import Any

import yaml

from chimera_compliance.probes.pipeline.snapshot import Unreadable

_LARGEST = 500_000
_MOST_NODES = 100_000
_DEEPEST = 60


class Map(dict):
    """A mapping that knows its own line and those of its keys."""

    line: int = 0
    lines: dict[str, int]

    def line_of(self, key: str) -> int:
        """The line of a key, or the mapping's own."""
        return self.lines.get(key, self.line)


class Seq(list):
    """A list that knows the lines of its items."""

    line: int = 0
    lines: list[int]


class Text(str):
    """A text that knows where its first character stands."""

    line: int = 0


class _Loader(yaml.SafeLoader):
    """YAML 1.2's core schema, as far as it decides what a plain scalar is."""

    yaml_implicit_resolvers: dict = {}  # noqa: RUF012


_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?[0-9]{1,18}$"), list("-+0123456789"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"^<<$"), ["<"])


def load_yaml(text: str) -> Any:
    """Maps, lists and scalars that know their lines.

    Raises:
        Unreadable: not YAML, or too large, too deep, or expanding to too much.
    """
    if len(text) > _LARGEST:
        raise Unreadable(f"larger than {_LARGEST // 1000} kB: not read")
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        return None if root is None else _Building().value(root, 0)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise Unreadable(f"malformed YAML: {error.problem or error.context or 'not valid'}", line) from None
    except RecursionError:
        raise Unreadable("malformed YAML: nested too deeply") from None
    except (yaml.YAMLError, ValueError) as error:
        raise Unreadable(f"malformed YAML: {str(error).splitlines()[0]}") from None
    finally:
        loader.dispose()


class _Building:
    """Makes values of nodes and counts them, aliases as often as they are used: a bomb is a small file."""

    def __init__(self) -> None:
        self._made = 0

    def value(self, node: yaml.Node, depth: int) -> Any:
        self._made += 1
        line = node.start_mark.line + 1
        if self._made > _MOST_NODES or depth > _DEEPEST:
            raise Unreadable("its aliases or its nesting expand to more than a workflow can need", line)
        match node:
            case yaml.MappingNode():
                return self._mapping(node, depth)
            case yaml.SequenceNode():
                made = Seq(self.value(item, depth + 1) for item in node.value)
                made.line, made.lines = line, [item.start_mark.line + 1 for item in node.value]
                return made
        return _scalar(node)

    def _mapping(self, node: yaml.MappingNode, depth: int) -> Map:
        made, lines = Map(), {}
        for key, item in node.value:
            value = self.value(item, depth + 1)
            if key.tag == "tag:yaml.org,2002:merge":
                for merged in value if isinstance(value, list) else [value]:
                    made.update({name: part for name, part in dict(merged or {}).items() if name not in made})
                continue
            name = key.value if isinstance(key, yaml.ScalarNode) else "?"
            if name in lines:
                raise Unreadable(f"malformed YAML: the key {name!r} is given twice", key.start_mark.line + 1)
            made[name], lines[name] = value, key.start_mark.line + 1
        made.line, made.lines = node.start_mark.line + 1, lines
        return made


def _scalar(node: yaml.ScalarNode) -> Any:
    match node.tag.rpartition(":")[2]:
        case "null":
            return None
        case "bool":
            return node.value.lower() == "true"
        case "int":
            return int(node.value)
    text = Text(node.value)
    # The text of a block scalar begins on the line after its `|`.
    text.line = node.start_mark.line + (2 if node.style in ("|", ">") else 1)
    return text


def load_toml(text: str) -> dict[str, Any]:
    """A TOML document.

    Raises:
        Unreadable: it is not one.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+)", str(error))
        reason = str(error).split(" (at ")[0]
        raise Unreadable(f"malformed TOML: {reason}", int(found[1]) if found else text.count("\n") + 1) from None
    except RecursionError:
        raise Unreadable("malformed TOML: nested too deeply") from None


def line_with(text: str, *words: str) -> int:
    """The first line on which all the words stand, from 1; 0 if there is none."""
    for number, line in enumerate(text.splitlines(), 1):
        if all(word in line for word in words):
            return number
    return 0
