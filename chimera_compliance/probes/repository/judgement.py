"""Tells a credential from what only looks like one: placeholders, references, hashes, names, samples.

A value is judged by itself and by the name that it is given. Where it stands counts as well, for a password in
a test is usually made up: there only one that nobody would make up counts.
"""

import math
import re
from collections import Counter
from enum import IntEnum


class Strength(IntEnum):
    """How much a value looks like a real credential."""

    NONE = 0
    WORD = 1
    """A guessable literal: a finding in the application's code and configuration, not in tests and samples."""
    LIKELY = 2
    """Chosen by somebody as a password, or random though short."""
    RANDOM = 3
    """Nobody makes this up."""


_REFERENCE = re.compile(
    r"""\$\{|\$\(|^\$[A-Za-z_][\w.:]*$|\{\{|%\(\w+\)|^%\w+%$|<%|^<[^>]*>$|^\[.*\]$
    |\{[A-Za-z_]\w*(?:\.\w+|\([^{}]*\)|\[[^{}]*\])*(?:![rsa])?(?::[^{}]*)?\}|^@\w+@$|^__\w+__$
    |\b(?:os\.environ|getenv|process\.env|environ|ENV\[|secrets?\.[A-Za-z_]+|vars?\.\w+|local\.\w+|data\.\w+)
    |\b(?:arn:aws|secretsmanager:|ssm:|vault:|keyring:|file:|env:|op://|ref\+|sops|ENC\[|projects/[^/]+/secrets/)
    |^!(?:Ref|Sub|GetAtt|vault|env|secret)|^AQICA|^\{?(?:cipher|enc|encrypted)[:}]""",
    re.VERBOSE | re.IGNORECASE,
)
_PATTERN = re.compile(r"\\[bBdDwWsS.]|\(\?[:=!<i]|\[\^?(?:[A-Za-z0-9]-[A-Za-z0-9]|\\)")
_HASH = re.compile(
    r"""^\$(?:2[abxy]|argon2(?:id|i|d)?|[156y]|apr1|scrypt|pbkdf2[\w-]*)\$|^(?:pbkdf2|scrypt|bcrypt|argon2|md5|sha\d*)[\w]*[$:{]
    |^\{(?:SSHA|SHA|CRYPT|MD5|BCRYPT|PBKDF2)[\d-]*\}|^(?:SCRAM-SHA-\d+\$|md5[0-9a-f]{32}$)
    |^sha(?:1|256|384|512)-|^(?:sha\d+|md5):""",
    re.VERBOSE | re.IGNORECASE,
)
_UUID = re.compile(r"^\{?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\}?$", re.IGNORECASE)
_PUBLIC = re.compile(r"^(?:ssh-(?:rsa|ed25519|dss)|ecdsa-sha2|MII[A-Za-z0-9+/]{200,}|-----BEGIN (?:PUBLIC|CERT))")
_PLACEHOLDERS = """
    change changeme changeit replace replaceme example examples sample samples placeholder dummy fake mock
    mocked todo fixme tbd xxx xxxx yyy zzz foo bar baz foobar foobaz spam eggs qux your yours my insert enter
    here redacted removed hidden masked censored none null nil undefined empty blank unset test tests testing
    tester test1 test123 demo default string value secret secrets password passwords passwd pwd pass passphrase
    token tokens key keys apikey credential credentials insecure unsafe notasecret nosecret unused ignored
    anything whatever something some any invalid wrong bad bogus expired local localhost dev development
    developer user username admin root guest postgres postgresql mysql mariadb redis rabbitmq mongo mongodb
    elastic minio minioadmin minio123 keycloak grafana airflow docker sa django flask fastapi celery rails
    laravel wordpress jwt auth bearer basic api client server access refresh signing private public shared app
    application db database service abc abcd abcdef abcdefgh abc123 true false yes no ok required optional hash
    hashed encrypted salt long very super strong secure this that is a an the not real really goes generate
    generated please prod production stage staging environment env variable name file path id url in for of to
    and or with from at by be must do set get use used using id text type field only never commit old new
    current next first second third one two hello world lorem ipsum dolor credential
"""
_WORDS = frozenset(_PLACEHOLDERS.split())
_SEPARATORS = re.compile(r"[^A-Za-z0-9]+")
_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_DOCUMENTED = re.compile(r"EXAMPLE|example|(?i:sample|dummy|fake|placeholder|redacted|changeme|your[_-]|xxxx|testtest)")
_RUNS = re.compile(r"(?i)(.)\1{5,}|0123456|1234567|abcdefg|qwertyu|deadbeef|cafebabe|(..)\2{4,}")
_GUESSED = """
    letmein hunter hunter2 qwerty qwertz dragon monkey iloveyou welcome master sunshine princess football
    baseball shadow superman batman trustno1 starwars whatever1 p@ssw0rd passw0rd pa55word p4ssw0rd s3cret
    s3cr3t sesame opensesame toor swordfish pass1 pass12 pass123 pass1234 admin123 root123 user123 password1
    password12 password123 password! password1! secret123 welcome1 qwerty123
"""
WEAK = frozenset(_GUESSED.split())


def entropy(text: str) -> float:
    """Shannon's, in bits a character."""
    total = len(text)
    return -sum(n / total * math.log2(n / total) for n in Counter(text).values()) if total else 0.0


def words(text: str) -> list[str]:
    """The words of an identifier or a phrase, lower case."""
    return [word.lower() for part in _SEPARATORS.split(text) for word in _CAMEL.findall(part)]


def is_reference(value: str) -> bool:
    """Whether a value says where the credential is or how it looks (a regular expression), and is none."""
    return bool(_REFERENCE.search(value) or _PATTERN.search(value))


def is_documented(value: str) -> bool:
    """Whether a value of an issuer's format is a sample: it says so, or nobody would be issued it."""
    return bool(_DOCUMENTED.search(value) or _RUNS.search(value)) or len(set(value.lower())) < 8


def is_placeholder(value: str) -> bool:
    """Whether a value is made of the words that people write where a credential will be."""
    bare = value.strip("<>[]{}()*.#-_ \t")
    if not bare or len(set(bare)) <= 2:
        return True
    if bare.lower() in WEAK:
        return False
    found = words(bare)
    known = sum(len(word) for word in found if word in _WORDS or (word.isdigit() and len(word) < 5))
    return known >= sum(map(len, found)) * 0.99 or (known > 0.55 * len(bare) and not _is_mixed(bare))


def _is_mixed(text: str) -> bool:
    """Letters of both cases, digits and something else, as password policies want it."""
    kinds = (r"[a-z]", r"[A-Z]", r"\d", r"[^\w\s]")
    return sum(bool(re.search(kind, text)) for kind in kinds) >= 4


def is_public(value: str) -> bool:
    """Hashes, ids and public keys: known to all, or good for nothing."""
    return bool(_HASH.search(value) or _UUID.match(value) or _PUBLIC.match(value))


def strength(value: str) -> Strength:
    """How much a literal looks like a credential, whatever its name."""
    if len(value) < 4 or is_reference(value) or is_public(value) or is_placeholder(value):
        return Strength.NONE
    if value.lower() in WEAK:
        return Strength.WORD
    bits, length = entropy(value), len(value)
    has_digit, has_letter = bool(re.search(r"\d", value)), bool(re.search(r"[A-Za-z]", value))
    if is_documented(value) and length >= 12:
        return Strength.NONE
    if length >= 16 and bits >= 3.2 and has_digit and has_letter and not _is_wordy(value):
        return Strength.RANDOM
    if length >= 20 and bits >= 3.9 and _changes_case(value) and not _is_wordy(value):
        return Strength.RANDOM
    symbol = bool(re.search(r"[^\w\s.:/,;()\[\]{}<>-]", value))
    if 6 <= length <= 64 and has_letter and (has_digit or symbol) and " " not in value:
        return Strength.LIKELY
    return Strength.WORD


def _is_wordy(value: str) -> bool:
    """Whether it reads as words with separators: a path, an identifier, a sentence."""
    found = [word for word in words(value) if word.isalpha()]
    long = sum(len(word) for word in found if len(word) >= 4 and re.search(r"[aeiouy]", word))
    return long > 0.7 * len(value) or (" " in value.strip() and long > 0.4 * len(value))


def _changes_case(value: str) -> bool:
    return len(re.findall(r"[a-z][A-Z]|[A-Z][a-z]", value)) >= 4
