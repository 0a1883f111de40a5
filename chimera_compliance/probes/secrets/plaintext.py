"""Which settings hold a secret in plain text: by exact value, by a known form, by name, or by randomness.

A reference to a secret is how it should be, and is not one.
"""

import fnmatch
import itertools
import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from chimera_compliance.probes.secrets.needles import Needle, search
from chimera_compliance.probes.secrets.places import Setting

_REFERENCE = re.compile(
    r"arn:[\w-]+:.*|.*\{\{\s*(resolve:|[\w.]).*\}\}.*|\$\{.*\}|\$\(.*\)|\$\w+|%[\w]+%|%\(\w+\)s|<.*>|`.*`|@Microsoft\..*|"
    r"(secretsmanager|ssm|vault|awssm|sm|kms|file|op|gcp-sm):.*|/(run|var/run)/secrets/.*|/[\w./-]+|[\w./-]+\.(pem|key|crt|json|ya?ml|env)",
    re.DOTALL,
)
_SECRET_NAME = re.compile(
    r"(?i)passw(or)?d|passphrase|\bpwd\b|_pwd|pwd_|secret|token|credential|api_?key|apikey|private_?key|access_?key|"
    r"signing_?key|encryption_?key|auth_?key|client_?key|master_?key|shared_?key|webhook|connection_?string|\bdsn\b|_dsn"
)
_HARMLESS_NAME = re.compile(
    r"(?i)(_|^|-|\.)(id|ids|arns?|names?|paths?|files?|ur[il]s?|endpoints?|hosts?|ports?|regions?|ttls?|expir\w*|days|hours|"
    r"minutes|seconds|secs|ms|timeout|interval|age|lifetime|length|len|size|limit|max|min|count|budget|algorithms?|alg|type|kind|"
    r"headers?|prefix|suffix|issuer|audience|scopes?|enabled|disabled|required|allowed|policy|provider|backend|store|manager|"
    r"version|rotation|cache\w*|alias(es)?|format|encoding|mode|field|column|claims?|fingerprint|thumbprint|hash|checksum|digest)$|"
    r"public_?key|publickey|key_?id|keyid|token_?(limit|count|bucket)|max_?tokens|tokenizer|secretsmanager"
)
_KNOWN_FORMS = re.compile(
    r"(?P<private_key>-----BEGIN [A-Z ]{0,20}PRIVATE KEY)|(?P<github>\bgh[pousr]_[0-9A-Za-z]{36}|\bgithub_pat_\w{50,})|"
    r"(?P<aws>\b(?:AKIA|ASIA)[0-9A-Z]{16}\b)|(?P<slack>\bxox[abposr]-[\w-]{10,})|(?P<stripe>\b[sr]k_live_\w{16,})|"
    r"(?P<google>\bAIza[\w-]{35})|(?P<openai>\bsk-(?:proj-|ant-)?[\w-]{32,})|(?P<jwt>\beyJ[\w-]{8,512}\.eyJ[\w-]{8,512}\.[\w-]{20})|"
    r"(?P<url>(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{1,30}://[^\s:/@]{0,64}:(?![$%{<])[^\s@/]{3,128}@)"
)
_PUBLIC_FORM = re.compile(
    r"(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]+|sha\d+[:-].*|[a-z]+://\S*|[\d.,:T+Z-]+|true|false|"
    r"(?:[\w-]+\.)+[a-z]{2,}(:\d+)?(/.*)?|(subnet|sg|vpc|ami|i|vol|lt|eni|rtb|igw|acl|key|us-\w+-\d)[-_:]\w+|MII\w.*"
)
_TOKEN = re.compile(r"[A-Za-z0-9+/_=~.-]{24,}")
_SHORTEST_SECRET = 4
_LONGEST_SETTING = 32_768


@dataclass(frozen=True)
class Exposed:
    """A setting that holds a secret; `how` says by what it was known, never the value."""

    setting: Setting
    how: str
    exact: bool = False

    @property
    def subject(self) -> str:
        """The setting."""
        return self.setting.subject

    @property
    def actual(self) -> str:
        """By what it was known."""
        return self.how

    @property
    def observation(self) -> str:
        """Where it was seen."""
        return self.setting.observation


def exposed(settings: Iterable[Setting], needles: list[Needle], public: list[str]) -> list[Exposed]:
    """The settings that hold secrets, each once; `public` are patterns of names that are declared to be none."""
    found = [one for setting in settings if (one := _exposed(setting, needles, public))]
    # A script is looked at as a whole and by its assignments: what one of them tells, the whole need not repeat.
    named = {(one.setting.place, one.how) for one in found if one.setting.name}
    told = [one for one in found if one.setting.name or (one.setting.place, one.how) not in named]
    return list({(one.subject, one.how): one for one in told}.values())


def _exposed(setting: Setting, needles: list[Needle], public: list[str]) -> Exposed | None:
    octets = setting.value if isinstance(setting.value, bytes) else setting.value.encode("utf-8", "surrogatepass")
    if hits := search(octets, needles):
        spelt = "" if hits[0].form == "raw" else f", in {hits[0].form}"
        return Exposed(setting, f"the value of secret {hits[0].secret}{spelt}", exact=True)
    name = setting.name or setting.place.rpartition("/")[2].rpartition(" ")[2]
    if any(fnmatch.fnmatchcase(one, pattern) for pattern in public for one in (name, setting.subject)):
        return None
    text = octets.decode("utf-8", "replace").strip()
    if form := _KNOWN_FORMS.search(text):
        return Exposed(setting, f"the form of a credential ({form.lastgroup.replace('_', ' ')})")
    if isinstance(setting.value, bytes) or not 0 < len(text) <= _LONGEST_SETTING or _REFERENCE.fullmatch(text):
        return None  # of a whole script only its assignments are judged by name
    if is_secret_name(name) and _could_be_secret(text):
        return Exposed(setting, "its name is a secret's, and it holds a value")
    if looks_random(text) and not _HARMLESS_NAME.search(name):
        return Exposed(setting, "a random value, such as only secrets are")
    return None


def is_secret_name(name: str) -> bool:
    """Whether a setting of this name holds a secret."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.lstrip("-").split(" ")[-1].lstrip("-")).replace("-", "_")
    return bool(_SECRET_NAME.search(spaced)) and not _HARMLESS_NAME.search(spaced)


def _could_be_secret(text: str) -> bool:
    plain = re.fullmatch(r"(?i)true|false|yes|no|on|off|none|null|disabled|enabled|\d{1,5}|[a-z]+://[^@\s]*", text)
    return len(text) >= _SHORTEST_SECRET and not plain


def looks_random(text: str) -> bool:
    """Whether a text is one token that nobody would make up: long, of mixed characters, in no words."""
    if not _TOKEN.fullmatch(text) or _PUBLIC_FORM.fullmatch(text):
        return False
    longest = max(re.split(r"[-_/.=+~]", text), key=len)
    mixed = sum(bool(re.search(kind, text)) for kind in ("[a-z]", "[A-Z]", "[0-9]")) == 3
    return mixed and len(longest) >= 12 and _entropy(text) >= 4.0 and _changes(longest) >= 0.3


def _changes(text: str) -> float:
    """How often the kind of character changes from one to the next: seldom in words, often in what is random."""
    kinds = ["u" if one.isupper() else "d" if one.isdigit() else "l" for one in text]
    return sum(a != b for a, b in itertools.pairwise(kinds)) / max(1, len(kinds) - 1)


def _entropy(text: str) -> float:
    """Shannon's, in bits a character."""
    counted = Counter(text)
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counted.values())
