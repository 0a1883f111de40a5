"""What the text of policies, functions and views mentions: settings, constants, functions, tables, roles.

Nothing is concluded from text alone: it says what to try. A setting named in a policy is set, a constant in it
is planted, a table that it names without a schema is shadowed; the server's answer decides.
"""

import re
from dataclasses import dataclass, field
from functools import cached_property

from chimera_compliance.probes.postgres.catalog import Catalog, Function, Policy, Relation

_SETTING = re.compile(r"current_setting\s*\(\s*'([^']+)'", re.IGNORECASE)
_STRING = re.compile(r"'((?:[^']|'')*)'")
_NUMBER = re.compile(r"(?<![\w.'-])-?\d+(?![\w.'])")
_JSON_KEY = re.compile(r"->>?\s*'([^']+)'")
_JSON_PATH = re.compile(r"((?:->>?\s*'[^']+'(?:::text)?\s*\)*\s*)+)")
_CALL = re.compile(r'(?:"?(\w+)"?\s*\.\s*)?"?(\w+)"?\s*\(')
_FROM = re.compile(
    r'\b(?:from|join|into|update|table)\s+(?:only\s+)?("?[\w$]+"?(?:\s*\.\s*"?[\w$]+"?)?)', re.IGNORECASE
)
_IDENTITY = re.compile(r"\b(session_user|current_user|current_role|pg_has_role)\b", re.IGNORECASE)
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)


def uncommented(text: str) -> str:
    """SQL without its comments, which name settings and tables that are not used."""
    return _COMMENT.sub(" ", text)


@dataclass(frozen=True)
class Mentions:
    """What a text of SQL names."""

    text: str

    @cached_property
    def settings(self) -> list[str]:
        """Settings read by current_setting(), in order of appearance."""
        return list(dict.fromkeys(_SETTING.findall(self.text)))

    @cached_property
    def strings(self) -> list[str]:
        """String constants that are not the names of settings."""
        found = dict.fromkeys(text.replace("''", "'") for text in _STRING.findall(self.text))
        return [text for text in found if text not in self.settings]

    @cached_property
    def numbers(self) -> list[str]:
        """Whole numbers."""
        return list(dict.fromkeys(_NUMBER.findall(_STRING.sub("''", self.text))))

    @cached_property
    def json_keys(self) -> list[list[str]]:
        """The paths that -> and ->> follow."""
        return [_JSON_KEY.findall(path) for path in dict.fromkeys(_JSON_PATH.findall(self.text))]

    @cached_property
    def calls(self) -> list[tuple[str, str]]:
        """(schema or empty, name) of what is followed by an opening parenthesis."""
        return list(dict.fromkeys(_CALL.findall(_STRING.sub("''", self.text))))

    @cached_property
    def tables(self) -> list[tuple[str, str]]:
        """(schema or empty, name) of what FROM, JOIN, INTO and UPDATE name."""
        found = []
        for name in _FROM.findall(_STRING.sub("''", self.text)):
            parts = [part.strip().strip('"') for part in name.split(".")]
            found.append((parts[0] if len(parts) > 1 else "", parts[-1]))
        return list(dict.fromkeys(found))

    @cached_property
    def identities(self) -> bool:
        """Whether it asks who runs the query."""
        return bool(_IDENTITY.search(self.text))


@dataclass
class Expressions:
    """Policies together with the functions that they call, however deep."""

    catalog: Catalog
    _by_name: dict[str, list[Function]] = field(init=False)

    def __post_init__(self) -> None:
        self._by_name = {}
        for function in self.catalog.functions.values():
            self._by_name.setdefault(function.name, []).append(function)
        self._known: dict[int, list[Function]] = {}

    def functions_of(self, policy: Policy) -> list[Function]:
        """The functions of a policy's expressions, and those that their bodies call."""
        start = [self.catalog.functions[oid] for oid in policy.functions if oid in self.catalog.functions]
        return self.closure(start)

    def closure(self, start: list[Function]) -> list[Function]:
        """The functions and all that their bodies call."""
        found = {function.oid: function for function in start}
        queue = list(start)
        while queue:
            for called in self._called_by(queue.pop()):
                if called.oid not in found:
                    found[called.oid] = called
                    queue.append(called)
        return list(found.values())

    def _called_by(self, function: Function) -> list[Function]:
        if function.oid not in self._known:
            calls = Mentions(uncommented(function.source)).calls
            self._known[function.oid] = [
                item for schema, name in calls for item in self._by_name.get(name, ()) if schema in ("", item.schema)
            ]
        return self._known[function.oid]

    def text_of(self, policy: Policy) -> str:
        """The policy's expressions and the bodies of all the functions behind them."""
        bodies = [uncommented(function.source) for function in self.functions_of(policy)]
        return "\n".join([policy.text, *bodies])

    def mentions_of(self, relation: Relation) -> Mentions:
        """What all policies of a table mention."""
        return Mentions("\n".join(map(self.text_of, relation.policies)))

    def everywhere(self, relations: list[Relation]) -> Mentions:
        """What the policies of several tables mention, each text once."""
        texts = dict.fromkeys(self.text_of(policy) for relation in relations for policy in relation.policies)
        return Mentions("\n".join(texts))

    def tables_behind(self, relations: list[Relation]) -> list[Relation]:
        """Other tables that policies look into, themselves or by their functions: memberships, for one."""
        direct = {oid for relation in relations for policy in relation.policies for oid in policy.relations}
        named = set(self.everywhere(relations).tables)
        return [
            item
            for item in self.catalog.tables
            if item.oid in direct or ("", item.name) in named or (item.schema, item.name) in named
        ]
