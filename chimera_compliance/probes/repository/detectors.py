"""What looks at the surroundings of a hit and says whether a credential is there."""

import base64
import binascii
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from chimera_compliance.probes.repository import assignments, phrases
from chimera_compliance.probes.repository.candidates import Candidate
from chimera_compliance.probes.repository.engine import Trigger
from chimera_compliance.probes.repository.formats import KEYS, PLACES
from chimera_compliance.probes.repository.judgement import (
    Strength,
    entropy,
    is_documented,
    is_placeholder,
    is_public,
    is_reference,
    strength,
)
from chimera_compliance.probes.repository.providers import MARKED
from chimera_compliance.probes.repository.rule import Rule


class Detector(Protocol):
    """Judges the text around a hit; `reach` is how far beyond the line of the hit it reads."""

    id: str
    reach: int
    triggers: Sequence[Trigger]

    def judge(self, text: str) -> Iterator[Candidate]:
        """The credentials in a text."""


@dataclass(frozen=True)
class ByRule:
    """One rule."""

    rule: Rule

    @property
    def id(self) -> str:
        return self.rule.id

    @property
    def reach(self) -> int:
        return self.rule.reach

    @property
    def triggers(self) -> Sequence[Trigger]:
        return self.rule.looked_for

    def judge(self, text: str) -> Iterator[Candidate]:
        for found in self.rule.regex.finditer(text):
            value = found["secret"]
            weight = Strength.RANDOM if self.rule.strict else strength(value)
            if _is_real(self.rule, found, weight):
                yield Candidate(
                    self.rule.id,
                    self.rule.what,
                    value,
                    found[0],
                    _line_of(text, found.start("secret")),
                    found.start("secret"),
                    strict=self.rule.strict,
                    strength=weight,
                )


def _line_of(text: str, offset: int) -> str:
    begin = text.rfind("\n", 0, offset) + 1
    end = text.find("\n", offset)
    return text[begin : end if end >= 0 else len(text)]


def _is_real(rule: Rule, found: re.Match[str], weight: Strength) -> bool:
    value = found["secret"]
    judge = _OWN.get(rule.id)
    if judge is not None:
        return judge(found)
    if rule.strict:
        return not is_documented(value) and entropy(value) >= 2.8 and not _spelt_out(value)
    return weight >= Strength.LIKELY or (rule.id == "user-creation" and weight >= Strength.WORD)


def _spelt_out(value: str) -> bool:
    """`sk-proj-your-key-goes-here`: words, where chance would have been."""
    return bool(
        re.search(r"(?i)your|here|token|_key|-key|secret_|insert|replace|example", value[4:])
    ) and not re.search(r"\d.*\d.*\d", value[4:])


def _real_key(found: re.Match[str]) -> bool:
    body = re.sub(r"\\[nrt]|[^A-Za-z0-9+/=]", "", re.sub(r"(?m)^[\w-]+: .*$", "", found["secret"]))
    return len(body) >= 48 and entropy(body) >= 4.2 and not is_documented(body[:200].replace("AAAA", ""))


def _real_address(found: re.Match[str]) -> bool:
    value, user, host = found["secret"], found["user"], found["host"].lower()
    if is_reference(value) or is_public(value) or is_placeholder(value) or value == user:
        return False
    if re.search(r"(?:^|\.)example(?:\.|$)|^(?:host|hostname|server|your)", host):
        return strength(value) is Strength.RANDOM
    return strength(value) >= Strength.LIKELY or (
        len(value) >= 6 and not re.search(r"^\d+$", value) and "://" not in value
    )


def _real_jwt(found: re.Match[str]) -> bool:
    try:
        parts = [base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in found["secret"].split(".")[:2]]
        header, claims = (json.loads(part) for part in parts)
    except (binascii.Error, ValueError):
        return entropy(found["secret"]) > 4
    return (
        isinstance(header, dict)
        and isinstance(claims, dict)
        and not re.search(r"John Doe|1234567890|example", str(claims))
    )


def _real_mix(found: re.Match[str]) -> bool:
    value = found["secret"]
    mixed = bool(re.search(r"[A-Z]", value) and re.search(r"[a-z]", value) and re.search(r"\d", value))
    return mixed and not is_documented(value) and entropy(value) >= 3.8 and not is_public(value)


def _real_bytes(found: re.Match[str]) -> bool:
    value = found["secret"].lower().removeprefix("0x")
    return len(set(value)) >= 9 and entropy(value) >= 3 and not is_documented(value.replace("example", ""))


def _real_authorization(found: re.Match[str]) -> bool:
    value = found["secret"]
    return strength(value) is Strength.RANDOM and not value.startswith("eyJ")


def _real_registry(found: re.Match[str]) -> bool:
    try:
        decoded = base64.b64decode(found["secret"] + "=" * (-len(found["secret"]) % 4)).decode()
    except (binascii.Error, ValueError):
        return strength(found["secret"]) is Strength.RANDOM
    return ":" not in decoded or strength(decoded.partition(":")[2]) >= Strength.LIKELY


def _real_bearer(found: re.Match[str]) -> bool:
    return not is_documented(found["secret"].lstrip("A"))


_OWN = {
    "twitter-bearer": _real_bearer,
    "private-key": _real_key,
    "putty-key": _real_key,
    "url-credential": _real_address,
    "json-web-token": _real_jwt,
    "aws-secret-key": _real_mix,
    "wallet-key": _real_bytes,
    "keyed-hex": _real_bytes,
    "twilio-auth-token": _real_bytes,
    "heroku-key": _real_bytes,
    "basic-authorization": _real_authorization,
    "registry-auth": _real_registry,
}


class ByName:
    """Literals that are given a credential's name."""

    id = "named-credential"
    reach = 0
    triggers = assignments.TRIGGERS

    def judge(self, text: str) -> Iterator[Candidate]:
        for one in assignments.assignments(text):
            rule = "hardcoded-password" if one.kind == "password" else "hardcoded-secret"
            what = "password" if one.kind == "password" else "secret"
            yield Candidate(
                rule,
                what,
                one.value,
                one.value,
                _line_of(text, min(one.start, len(text))),
                one.start,
                strict=False,
                strength=one.strength,
                name=one.name,
                quoted=one.quoted,
            )


class ByNeighbour(ByName):
    """The same where the name and the value stand on lines of their own."""

    id = "named-nearby"
    reach = 160
    triggers = assignments.APART


class Joined:
    """A marked credential that was cut in pieces: ``"AKIA" + "…"``, adjacent literals, lists that are joined."""

    id = "joined"
    reach = 400
    triggers = (
        Trigger(rb"[\"'][\w./-]{2,120}[\"']\s{0,3}(?:\+|\.|\.\.|&|\\)?\s{0,20}[rbuf]?[\"'][\w/+.-]{8,120}[\"']"),
    )
    _SEAM = re.compile(r"""["']\s*(?:\+|\.\.?|&|\\)?\s*(?:[rbuf]{0,2})["']""")
    _MARKS = re.compile(
        r"A[KSBC][IC]A[A-Z0-9]|gh[opsur]_|github_pat|gl[a-z]+-|xox|xapp|[sr]k_(?:live|prod|test)|sk-|SG\.|AIza|GOCSPX|npm_"
        r"|pypi-|hf_|whsec|EAA|IGQ|ey[JI]|-----BEGIN|hv[sbr]\.|dckr_|do[oprt]_v1|shp(?:at|ca|pa|ss)_|AccountKey|[A-Z]{4}-"
    )

    def judge(self, text: str) -> Iterator[Candidate]:
        joined = self._SEAM.sub("", text)
        if joined == text or not self._MARKS.search(joined):
            return
        for rule in (*MARKED, *KEYS):
            for one in ByRule(rule).judge(joined):
                if one.value not in text:
                    yield replace(one, offset=min(one.offset, len(text)))


class Phrases:
    """Seed phrases of wallets."""

    id = "seed-phrase"
    reach = 300
    triggers = phrases.TRIGGERS

    def judge(self, text: str) -> Iterator[Candidate]:
        if phrase := phrases.phrase_in(text):
            place = max(text.find(phrase[:8]), 0)
            yield Candidate("seed-phrase", "wallet seed phrase", phrase, phrase, _line_of(text, place), place)


def built_in() -> list[Detector]:
    """Everything that is looked for in every repository."""
    return [*(ByRule(rule) for rule in (*MARKED, *KEYS, *PLACES)), ByName(), ByNeighbour(), Joined(), Phrases()]
