"""Shared secrets that somebody would guess: a genuine token tells, off line, whether one of them signed it.

The list is words that developers write where a secret belongs, joined and decorated as they do it, and
what the stack says about itself in public. 256 bits of randomness are out of its reach (RFC 7518 §3.2).
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, product

from chimera_compliance.probes.jwt.jose import Token, verifies

_WORDS = """
    secret key password passwd pass jwt token auth signing sign private public shared app api web admin root user test
    testing dev develop development local localhost prod production stage staging demo example sample default change
    changeme change-me change_me replace replaceme replace-me todo fixme insecure unsafe unsecure weak temp temporary
    dummy fake mock foo bar baz foobar qwerty qwertz letmein welcome hello world master super supersecret
    super-secret super_secret topsecret top-secret verysecret very-secret mysecret my-secret my_secret my-secret-key
    your-secret your_secret yoursecret your-secret-key your_secret_key your-256-bit-secret your-384-bit-secret
    your-512-bit-secret some-secret some_secret thesecret thisisasecret this-is-a-secret this_is_a_secret
    keyboard-cat s3cr3t s3cret p4ssw0rd p@ssw0rd passw0rd pa55word random none null nil undefined true false empty
    string placeholder value xxx xxxx abc abcd abcdef abc123 asdf asdfgh iloveyou dragon monkey sunshine
    flask django fastapi starlette express node spring laravel rails postgres redis chimera hs256 hs512 hmac sha256
    jsonwebtoken bearer session cookie salt access refresh backend server service client gateway
"""

_BEFORE = (
    *("my", "your", "the", "a", "our", "super", "very", "top", "not so", "this is a", "this is the", "change this"),
    *("change me", "please change", "replace this", "jwt", "app", "api", "auth", "token", "flask", "django", "fastapi"),
    *("test", "testing", "dev", "development", "local", "prod", "production", "demo", "example", "default", "chimera"),
)
_NOUNS = (
    "secret",
    "key",
    "secret key",
    "jwt secret",
    "signing key",
    "jwt key",
    "token",
    "password",
    "super secret key",
)
_AFTER = (
    "in production",
    "in prod",
    "for development",
    "for dev",
    "for testing",
    "for jwt",
    "for tokens",
    "here",
    "now",
)
_ENDINGS = (
    "",
    "1",
    "12",
    "123",
    "1234",
    "12345",
    "123456",
    "!",
    "!!",
    "?",
    ".",
    "_key",
    "-key",
    "2024",
    "2025",
    "2026",
)


def candidates(public_words: Iterable[str] = ()) -> Iterator[bytes]:
    """Every secret to try, the blank one first, each once."""
    words = [*_WORDS.split(), *_public(public_words)]
    shouted = (str, str.upper)
    texts = chain(
        _plain(),
        _written(words, (*shouted, str.capitalize, str.title), _ENDINGS),
        _written(_short_phrases(), (*shouted, str.title), _ENDINGS[:8]),
        _written(_long_phrases(), shouted, _ENDINGS[:1]),
    )
    seen: set[str] = set()
    for text in texts:
        if text not in seen:
            seen.add(text)
            yield text.encode()


def _plain() -> Iterator[str]:
    yield from ("", "\0", " ", "[]", "{}", "''", '""', "0", "1")
    yield from (digits[:length] for digits in ("1234567890" * 7, "0" * 64) for length in range(1, 65))
    yield from (letter * length for letter in "abcxzA*" for length in range(1, 65))
    yield "0123456789abcdef" * 2
    yield "0123456789abcdef" * 4


def _short_phrases() -> Iterator[str]:
    """Two words in a row: `my secret`, `please change me`."""
    yield from ("please change me", "do not use", "do not share", "not a secret", "none of your business")
    for before, noun in product(_BEFORE, _NOUNS):
        yield f"{before} {noun}"
    for first, last in product((*_BEFORE, *_NOUNS), _AFTER):
        yield f"{first} {last}"


def _long_phrases() -> Iterator[str]:
    """`your secret key here`, `chimera dev secret`."""
    for before, noun, after in product(_BEFORE, _NOUNS, (*_AFTER, *_NOUNS)):
        yield f"{before} {noun} {after}"
    for first, second, noun in product(_BEFORE, _BEFORE, _NOUNS):
        yield f"{first} {second} {noun}"


def _public(words: Iterable[str]) -> Iterator[str]:
    """What the stack says about itself, alone and with a noun: `chimera-jwt-secret`."""
    for word in filter(None, words):
        slug = " ".join(word.lower().replace("-", " ").replace("_", " ").replace(".", " ").split())
        yield from (word, slug, *(f"{slug} {noun}" for noun in _NOUNS))


def _written(
    phrases: Iterable[str], cases: tuple[Callable[[str], str], ...], endings: tuple[str, ...]
) -> Iterator[str]:
    for phrase in phrases:
        for spoken in [case(phrase) for case in cases]:
            for join in ("-", "_", "", " ") if " " in spoken else (" ",):
                text = spoken.replace(" ", join)
                yield from [text + ending for ending in endings]


def guess(token: Token, public_words: Iterable[str] = ()) -> bytes | None:
    """The secret that signed an HMAC token, if it is one that can be guessed."""
    return next((secret for secret in candidates(public_words) if verifies(token, secret)), None)
