"""Wallet seed phrases (BIP-0039): words of one list, the last of which carries a checksum of the others."""

import hashlib
import re
from functools import cache
from importlib.resources import files

from chimera_compliance.probes.repository.engine import Trigger

_PHRASE = rb"[a-z]{3,8}(?:[ ,]{1,2}[a-z]{3,8}){11}"
TRIGGERS = (
    Trigger(rb"(?:mnemonic|seed|recovery|phrase|wallet)[^\n]{0,40}[=:(,\s\"'`]" + _PHRASE, ignores_case=True),
    Trigger(rb"[\"'`][a-z]{3,8}(?: [a-z]{3,8}){11}[ \"'`\\]"),
)
_RUN = re.compile(r"[a-z]{3,8}(?:[ ,]{1,2}[a-z]{3,8}){11,}")
LENGTHS = (24, 21, 18, 15, 12)
_FEWEST_DISTINCT = 9


@cache
def wordlist() -> dict[str, int]:
    """The English list of BIP-0039."""
    text = (files(__package__) / "bip39_english.txt").read_text()
    return {word: place for place, word in enumerate(text.split())}


def phrase_in(text: str) -> str:
    """The first seed phrase in a text, or nothing; those of the documentation repeat one word."""
    known = wordlist()
    for found in _RUN.finditer(text):
        chosen = re.split(r"[ ,]+", found[0])
        while chosen and chosen[0] not in known:
            chosen = chosen[1:]
        length = next((n for n, word in enumerate(chosen) if word not in known), len(chosen))
        for wanted in LENGTHS:
            for begin in range(length - wanted + 1):
                phrase = chosen[begin : begin + wanted]
                if len(set(phrase)) >= _FEWEST_DISTINCT and is_valid(phrase):
                    return " ".join(phrase)
    return ""


def is_valid(phrase: list[str]) -> bool:
    """Whether the checksum is right."""
    known = wordlist()
    bits = "".join(f"{known[word]:011b}" for word in phrase)
    kept = len(bits) * 32 // 33
    digest = hashlib.sha256(int(bits[:kept], 2).to_bytes(kept // 8, "big")).digest()
    return f"{int.from_bytes(digest, 'big'):0256b}"[: len(bits) - kept] == bits[kept:]


def make_phrase(entropy: bytes) -> str:
    """The phrase of some random bytes (16 to 32 of them)."""
    digest = hashlib.sha256(entropy).digest()
    bits = f"{int.from_bytes(entropy, 'big'):0{len(entropy) * 8}b}" + f"{digest[0]:08b}"[: len(entropy) // 4]
    listed = list(wordlist())
    return " ".join(listed[int(bits[n : n + 11], 2)] for n in range(0, len(bits), 11))
