"""Credentials that nothing marks but their name: ``DB_PASSWORD = …`` in any language and format."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from chimera_compliance.probes.repository.engine import Trigger
from chimera_compliance.probes.repository.judgement import WEAK, Strength, is_documented, strength
from chimera_compliance.probes.repository.names import kind, signs

_NOUN = r"(?:passw(?:or)?d|passwort|pass|pwd|pw|passphrase|passcode|secret|token|key|credentials?|creds|mnemonic|dsn|bearer|jwt|pat)"
_OPEN = r"[^\s\"'`(){}\[\],;]"
_GIVEN = (
    rf"{_NOUN}\w{{0,20}}\\?[\"']?\]?\)?\s?(?::\s?[\w\[\]. |&']{{1,24}})?\s{{0,8}}(?:={{1,3}}|:|=>|:=|,|!==?)\s{{0,8}}"
)
_SIGNING = r"(?:secret_?key\w{0,8}|jwt_?secret\w{0,8}|(?:signing|session|cookie)_?(?:secret|key))"
_GUESSED = "letmein|hunter|qwert|swordfish|trustno|iloveyou|dragon|monkey|sunshine|princess|welcome|sesame|toor|master|superman"


def _any_case(expression: str) -> Trigger:
    return Trigger(expression.encode(), ignores_case=True)


TRIGGERS = (
    # name = "value", "name": "value", name: type = "value", name => "value"
    _any_case(_GIVEN + r"(?:[A-Za-z_.]{1,24}\()?[rbuf@]?\\?[\"'`][^\s\"'`]{4}"),
    # without quotes only what has a digit or a sign in it, a key that signs, or what everybody guesses: code is full of the rest
    _any_case(rf"{_NOUN}\w{{0,20}}[\"']?\s?[=:]\s{{0,4}}[A-Za-z_./@$:-]{{0,40}}[\d!#%^&*+~?]{_OPEN}{{2}}"),
    _any_case(rf"{_SIGNING}\s{{0,2}}[=:]\s{{0,3}}{_OPEN}{{6}}"),
    _any_case(rf"(?:password|passwd|pwd)[\"']?\s{{0,2}}[=:]\s{{0,2}}(?:{_GUESSED})"),
    # ENV name value
    _any_case(rf"(?:ENV|ARG|setenv|export|set)\s{{1,4}}\w{{0,40}}{_NOUN}\w{{0,12}}\s{{1,4}}[^\s=]{{4}}"),
    _any_case(rf"<[\w.:-]{{0,40}}{_NOUN}\w{{0,12}}>[^<\s]{{4}}"),
    _any_case(rf"{_NOUN}\w{{0,12}}[\"']\s{{1,8}}value\s?=\s?[\"'][^\"']{{4}}"),
    # the password is …
    _any_case(r"(?:password|passwd|passphrase|api[ _-]?key|token|secret)\s{1,3}(?:is|was)\s{1,3}[\"'`]?[^\s\"'`]{6}"),
)

APART = (
    # name and value on lines of their own: Kubernetes, Terraform, property lists
    Trigger(_NOUN.encode() + rb"\w{0,12}[\"']?(?:</key>)?\s{0,4}[,{]?\s{0,40}(?:[\"']?(?:value|default)[\"']?\s{0,4}[:=]\s{0,4}[\"']?|<string>)[^\s\"']{4}", ignores_case=True),
    Trigger(rb"variable\s{1,4}\"?\w{0,40}" + _NOUN.encode() + rb"\w{0,12}\"?\s{0,4}\{[^}]{0,200}default\s{0,20}=\s{0,4}\"[^\s\"]{4}", ignores_case=True),
)  # fmt: skip

_QUOTED = re.compile(
    r"""(?P<name>[A-Za-z_][\w.\-]{1,80})["']?\s*\]?\)?\s*(?::\s*&?(?:'static\s+)?[A-Za-z_][\w\[\]., |]{0,40}?\s*)?
    (?:={1,3}|:=|=>|:|!=|,)\s*(?:\bnew\s+)?(?:[A-Za-z_][\w.]*\(\s*)?(?:b|r|u|f|rb|br|@)?
    (?P<quote>\"\"\"|'''|["'`])(?P<value>(?:\\.|(?!(?P=quote))[^\n])*)(?P=quote)""",
    re.VERBOSE,
)
_DEFAULT = re.compile(
    r"""(?:getenv|environ\.get|env\.get|setdefault|config|env|get)\(\s*["'](?P<name>[A-Za-z_][\w.\-]{1,80})["']\s*,
    \s*(?:default\s*=\s*)?(?P<quote>["'])(?P<value>[^"'\n]*)(?P=quote)""",
    re.VERBOSE,
)
_BARE = re.compile(
    r"""(?:^|[\s,;{&?"'])(?:export\s+|set\s+|ENV\s+|ARG\s+|-e\s+|-D|--|-\s+)?["']?(?P<name>[A-Za-z_][\w.\-]{1,80})["']?
    (?:\s*=\s*|\s*:\s+|:(?=\S))(?P<value>[^\s"'`,;&\\|<>(){}\[\]#][^\s"'`,;&\\|<>()]{3,200})""",
    re.VERBOSE | re.MULTILINE,
)
_DOCKER = re.compile(
    r"^\s*(?:ENV|ARG|setenv)\s+(?P<name>[A-Za-z_]\w{1,80})\s+(?P<quote>[\"']?)(?P<value>[^\s\"'=]{4,200})", re.M | re.I
)
_APART = re.compile(
    r"""(?:name["']?\s*[:=]|variable|key["']?\s*[:=]|<key>)\s*["']?(?P<name>[A-Za-z_][\w.\-]{1,80})["']?(?:</key>)?\s*[,{]?\s*
    (?:(?:type|description|sensitive)\s*=\s*[^\n]*\n\s*){0,3}
    ["']?(?:value|default|<string>)["']?\s*[:=]?\s*(?P<quote>["']?)(?P<value>[^\s"'<]{4,200})""",
    re.VERBOSE,
)
_XML = re.compile(
    r"<(?P<name>[A-Za-z_][\w.:\-]{1,80})(?:\s[^<>]{0,80})?>\s*(?P<quote>)(?P<value>[^<\s]{4,200})\s*</(?P=name)>"
)
_ATTRIBUTES = re.compile(
    r"(?:key|name)\s*=\s*[\"'](?P<name>[\w.:\-]{2,80})[\"']\s+value\s*=\s*(?P<quote>[\"'])(?P<value>[^\"']{4,200})"
)
_TOLD = re.compile(
    r"(?i)(?<![\w:/.-])(?P<name>password|passwd|passphrase|api[ _-]?key|token|secret)(?:\s+for\s+[\w@.-]+)?\s*(?:\bis\b|\bwas\b|=|:)\s*(?P<quote>[\"'`]?)(?P<value>[^\s\"'`,;]{6,80})"
)
_CONNECTION = re.compile(
    r"""["'](?:[^"'\n;=]{1,60}=[^"'\n;]{0,200};){0,12}\s*(?P<name>password|pwd)\s*=\s*(?P<quote>)(?P<value>[^\s;"'{}<>()]{4,200})\s*[;"']""",
    re.IGNORECASE,
)
_FORMS = ((_QUOTED, True), (_CONNECTION, True), (_DEFAULT, True), (_APART, True), (_XML, True), (_ATTRIBUTES, True), (_DOCKER, False), (_BARE, False))  # fmt: skip


@dataclass(frozen=True)
class Assignment:
    """A literal with a credential's name."""

    name: str
    value: str
    quoted: bool
    strength: Strength
    start: int

    @property
    def kind(self) -> str:
        """`password` or `secret`."""
        return kind(self.name)


def assignments(text: str) -> Iterator[Assignment]:
    """Every literal of a text that is given a credential's name and may be one."""
    if '\\"' in text:
        text = text.replace('\\"', '"')
    seen: set[str] = set()
    for form, quoted in _FORMS:
        for found in form.finditer(text):
            one = _judged(found["name"], found["value"], quoted, found.start("value"))
            if one and one.value not in seen:
                seen.add(one.value)
                yield one
    for found in _TOLD.finditer(text):
        one = _judged("password", found["value"].rstrip(".)"), True, found.start("value"))
        if one and one.strength >= Strength.LIKELY and one.value not in seen and _is_prose(text, found):
            seen.add(one.value)
            yield one


def _is_prose(text: str, found: re.Match[str]) -> bool:
    """In a comment or a sentence, where no other form applies."""
    line = text[text.rfind("\n", 0, found.start()) + 1 : found.start()]
    return bool(re.search(r"#|//|--|\*|;|<!|[a-z] ", line)) and bool(re.search(r"\d", found["value"]))


def _judged(name: str, value: str, quoted: bool, start: int) -> Assignment | None:
    sort = kind(name)
    if not sort or len(value) < 4 or len(value) > 400:
        return None
    weight = strength(value)
    if weight is Strength.NONE:
        return None
    if not _plausible(sort, name, value, weight, quoted):
        return None
    return Assignment(name, value, quoted, weight, start)


def _plausible(sort: str, name: str, value: str, weight: Strength, quoted: bool) -> bool:
    if not quoted and re.search(r"^[A-Za-z_][\w]*(?:\.[A-Za-z_]\w*)+$|^\w+\(|::|->|^[A-Za-z_]+\[", value):
        return False  # an expression
    if re.search(
        r"^[a-z][a-z\d+.-]*://|^(?:arn|urn|file):|^--?[a-z][\w-]*(?:=|$)|^\.{0,2}/[\w.-]+|^[\w.-]+\.(?:pem|key|crt|json|ya?ml|txt|env|py|js|ts)$",
        value,
    ):
        return False  # an address (its password is another rule's), an option, or a file
    if " " in value.strip() and not (sort == "password" and weight >= Strength.RANDOM):
        return False  # a sentence
    if signs(name):
        return quoted or len(value) >= 6
    if sort == "secret":
        return weight is Strength.RANDOM or (
            weight is Strength.LIKELY and len(value) >= 10 and not is_documented(value)
        )
    return weight >= Strength.LIKELY or value.lower() in WEAK
