"""What a name says of its value: `db_password` holds a credential, `password_field` and `token_url` hold none."""

import re

from chimera_compliance.probes.repository.judgement import words

_PASSWORD = {"password", "passwd", "pwd", "passphrase", "pass", "passcode", "pw", "passwort", "contrasena", "motdepasse", "pswd", "userpass", "dbpass"}  # fmt: skip
_SECRET = {"secret", "token", "apikey", "credential", "credentials", "creds", "authtoken", "accesstoken", "secretkey", "privatekey", "appsecret", "clientsecret", "mnemonic", "seedphrase", "bearer", "authkey", "dsn", "accesskey", "jwt", "pat"}  # fmt: skip
_KEYED = {"api", "access", "secret", "private", "signing", "sign", "encryption", "encrypt", "master", "auth", "service", "session", "app", "application", "subscription", "account", "storage", "shared", "hmac", "jwt", "crypto", "license", "admin", "deploy", "consumer", "cookie", "fernet", "wallet", "integration", "root", "client", "webhook", "cdp"}  # fmt: skip
_TAILS = {"value", "default", "prod", "production", "live", "dev", "staging", "stage", "test", "qa", "uat", "base64", "b64", "hex", "plain", "plaintext", "text", "string", "str", "raw", "old", "new", "previous", "current", "backup", "env", "primary", "secondary", "v", "const", "literal", "fallback", "for", "db", "main", "admin", "root", "user"}  # fmt: skip
_HARMLESS = {"public", "csrf", "xsrf", "example", "sample", "dummy", "fake", "mock", "placeholder", "next", "page", "pagination", "continuation", "cursor", "sync", "cancellation", "cancel", "primary_key", "foreign", "sort", "partition", "cache", "idempotency", "translation", "hash", "hashed", "checksum", "digest", "pub", "publishable", "site", "sitekey", "encrypted", "message", "label", "help", "hint", "title", "regex", "pattern", "reset", "forgot", "change", "invalid", "incorrect", "wrong", "missing", "no", "has", "is", "min", "max", "num", "count", "total"}  # fmt: skip
_SIGNING = {"secret", "signing", "jwt", "session", "cookie", "flask", "django", "app"}


def is_credential(name: str) -> bool:
    """Whether a name promises a password, a key or a token."""
    return kind(name) != ""


def kind(name: str) -> str:
    """`password`, `secret` (tokens and keys), or nothing."""
    found = words(name)
    while found and (found[-1] in _TAILS or found[-1].isdigit()) and len(found) > 1:
        found = found[:-1]
    if not found or found[-1] in _HARMLESS or (len(found) > 1 and set(found[:-1]) & _HARMLESS):
        return ""
    if found[-1] in _PASSWORD or _ends_with(found, _PASSWORD):
        return "password"
    if found[-1] in _SECRET or _ends_with(found, {"password", "secret", "token", "apikey"}):
        return "secret"
    if found[-1] in ("key", "keys") and len(found) > 1 and found[-2] in _KEYED:
        return "secret"
    return ""


def _ends_with(found: list[str], endings: set[str]) -> bool:
    """`dbpassword`, `mysecret`: several words written as one."""
    last = found[-1]
    return any(last.endswith(ending) and len(ending) >= 5 and last != ending + "s" for ending in endings)


def signs(name: str) -> bool:
    """Whether what it names signs sessions or tokens, so that any literal is a break-in: `SECRET_KEY`, `JWT_SECRET`."""
    found = words(name)
    return found[-2:] == ["secret", "key"] or (
        bool(found)
        and found[-1] in ("secret", "key")
        and bool({"jwt", "signing", "session", "cookie", "flask", "django"} & set(found[:-1]))
    )


NAME = re.compile(r"[A-Za-z_][\w.\-]{0,80}")
