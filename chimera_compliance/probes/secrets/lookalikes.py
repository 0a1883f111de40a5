"""What secrets look like where their values are not known: by form, by the name of the setting, by randomness.

Each has its counter-examples, which are as common: references, public keys, identifiers, limits, hashes.
"""

import base64
import binascii
import itertools
import math
import re
from collections import Counter

_FORMS = re.compile(
    r"(?P<private_key>-----BEGIN [A-Z ]{0,20}PRIVATE KEY)|"
    r"(?P<github>\bgh[pousr]_[0-9A-Za-z]{36}|\bgithub_pat_\w{50,})|"
    r"(?P<aws>\b(?:AKIA|ASIA)[0-9A-Z]{16}\b)|"
    r"(?P<slack>\bxox[abposr]-[\w-]{10,}|hooks\.slack\.com/services/T\w+/B\w+/\w+)|"
    r"(?P<discord>discord(?:app)?\.com/api/webhooks/\d+/[\w-]{20,})|"
    r"(?P<stripe>\b[sr]k_live_\w{16,})|"
    r"(?P<google>\bAIza[\w-]{35})|"
    r"(?P<openai>\bsk-(?:proj-|ant-)?[\w-]{32,})|"
    r"(?P<jwt>\beyJ[\w-]{8,512}\.eyJ[\w-]{8,512}\.[\w-]{20})|"
    r"(?P<url>(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{1,30}://[^\s:/@]{0,64}:(?![$%{<])[^\s@/]{3,128}@)"
)
_CONNECTION = re.compile(r"""(?i)[;&?\s](?:password|pwd)\s{0,4}=\s{0,4}["']?(?![$%{<])[^\s;&"']{4,}""")
_REFERENCE = re.compile(
    r"arn:[\w-]+:.*|.*\{\{.*\}\}.*|.*\$\{.*|.*\$\(.*|.*\$[A-Za-z_]\w*.*|%\w+%|%\(\w+\)s|<.*>|`.*|@Microsoft\..*|"
    r"(secretsmanager|ssm|vault|awssm|sm|kms|file|op|gcp-sm):.*|/[\w./-]+|[\w./-]+\.(pem|key|crt|json|ya?ml|env)|"
    r"\$\d\w?\$.*|\{SSHA\}.*",  # a hashed password is not the password
    re.DOTALL,
)
_SECRET_NAME = re.compile(
    r"(?i)passw(or)?d|passphrase|\bpwd\b|_pwd|pwd_|secret|token|credential|api_?key|private_?key|access_?key|"
    r"signing_?key|encryption_?key|auth_?key|client_?key|master_?key|shared_?key|webhook|connection_?string|\bdsn\b|_dsn"
)
_HARMLESS_NAME = re.compile(
    r"(?i)(_|^|-|\.)(ids?|arns?|names?|paths?|files?|ur[il]s?|endpoints?|hosts?|ports?|regions?|ttls?|expir\w*|days|hours|"
    r"minutes|minute|seconds|secs|ms|timeout|interval|age|lifetime|length|len|size|limit|max|min|count|budget|algorithms?|"
    r"alg|type|kind|headers?|prefix|suffix|issuer|audience|scopes?|enabled|disabled|required|allowed|policy|provider|"
    r"backend|store|manager|version|rotation|cache\w*|alias(es)?|format|encoding|mode|field|column|claims?|fingerprint|"
    r"thumbprint|hash|checksum|digest|stdin)$|"
    r"public|publishable|site_?key|key_?id|token_?(limit|count|bucket)|max_?tokens|tokenizer|secretsmanager|cluster_?ca"
)
_PUBLIC_FORM = re.compile(
    r"(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]+|sha\d+[:-].*|[a-z]+://\S*|[\d.,:T+Z-]+|true|false|"
    r"(?:[\w-]+\.)+[a-z]{2,}(:\d+)?(/.*)?|(subnet|sg|vpc|ami|i|vol|lt|eni|rtb|igw|acl|key|us-\w+-\d)[-_:]\w+|MII\w.*|"
    r"pk_(live|test)_\w+|https://[0-9a-f]+@[\w.]*sentry\.\w+/\d+"
)
_TOKEN = re.compile(r"[A-Za-z0-9+/_=~.-]{24,}")
_SHORTEST = 4


def form_of(text: str) -> str:
    """The kind of credential whose form is somewhere in a text; empty if there is none."""
    found = _FORMS.search(text)
    return found.lastgroup.replace("_", " ") if found else ""


def is_reference(text: str) -> bool:
    """Whether a value says where the secret is, or is filled in later."""
    return bool(_REFERENCE.fullmatch(text))


def is_secret_name(name: str) -> bool:
    """Whether a setting of this name holds a secret."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.lstrip("-").split(" ")[-1].lstrip("-")).replace("-", "_")
    return bool(_SECRET_NAME.search(spaced)) and not is_harmless_name(spaced)


def is_harmless_name(name: str) -> bool:
    """Whether a setting of this name holds no secret, whatever it looks like."""
    return bool(_HARMLESS_NAME.search(name))


def could_be_secret(text: str) -> bool:
    """Whether a value under a secret's name is one: switches, small numbers and plain addresses are not."""
    plain = re.fullmatch(r"(?i)true|false|yes|no|on|off|none|null|disabled|enabled|\d{1,5}|[a-z]+://[^@\s]*", text)
    return len(text) >= _SHORTEST and not plain and not re.fullmatch(r"https://[0-9a-f]+@[\w.]*sentry\.\w+/\d+", text)


def holds_password(text: str) -> bool:
    """Whether a connection string has a password among its parts."""
    return bool(_CONNECTION.search(text))


def looks_random(text: str) -> bool:
    """Whether a text is one token that nobody would make up: long, of mixed characters, in no words."""
    if not _TOKEN.fullmatch(text) or _PUBLIC_FORM.fullmatch(text) or unbased(text):
        return False
    longest = max(re.split(r"[-_/.=+~]", text), key=len)
    mixed = sum(bool(re.search(kind, text)) for kind in ("[a-z]", "[A-Z]", "[0-9]")) == 3
    return mixed and len(longest) >= 12 and _entropy(text) >= 4.0 and _changes(longest) >= 0.3


def unbased(text: str) -> str:
    """The readable text that a value is in base64; empty if it is none, as random octets are."""
    try:
        inner = base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
    return inner if inner.isprintable() or all(line.isprintable() for line in inner.splitlines()) else ""


def _changes(text: str) -> float:
    """How often the kind of character changes from one to the next: seldom in words, often in what is random."""
    kinds = ["u" if one.isupper() else "d" if one.isdigit() else "l" for one in text]
    return sum(a != b for a, b in itertools.pairwise(kinds)) / max(1, len(kinds) - 1)


def _entropy(text: str) -> float:
    """Shannon's, in bits a character."""
    counted = Counter(text)
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counted.values())
