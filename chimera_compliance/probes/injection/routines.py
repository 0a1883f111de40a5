"""Functions of the database that put their arguments into the text of a statement (PL/pgSQL's EXECUTE).

An application that binds all its values is injectable all the same through a function that concatenates them
(https://www.postgresql.org/docs/current/plpgsql-statements.html#PLPGSQL-STATEMENTS-EXECUTING-DYN).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chimera_compliance.probes.injection.lexical import tokens
from chimera_compliance.probes.injection.sightings import Sighting

if TYPE_CHECKING:
    from chimera_compliance.journal import Journal
    from chimera_compliance.probes.postgres import Database

_TEXTS = {"text", "varchar", "bpchar", "name", "citext", "json", "jsonb", "xml", "_text", "_varchar"}
_QUOTING = {"quote_ident", "quote_literal", "quote_nullable", "cardinality", "length", "char_length"}
_CLOSED = {
    "regclass",
    "regtype",
    "regproc",
    "int",
    "integer",
    "bigint",
    "uuid",
    "numeric",
    "date",
    "timestamptz",
    "int4",
}
_QUERY = """
SELECT format('%%I.%%I(%%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)), p.prosrc,
       coalesce(p.proargnames, '{}'),
       ARRAY(SELECT t.typname::text
               FROM unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) WITH ORDINALITY AS a(o, i)
               JOIN pg_type t ON t.oid = a.o ORDER BY i),
       p.prosecdef
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
 WHERE l.lanname = 'plpgsql' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
   AND (p.prorettype = 'trigger'::regtype OR has_function_privilege(%s, p.oid, 'EXECUTE'))
 ORDER BY 1
"""


@dataclass(frozen=True)
class Routine:
    """A function, and the first text argument that becomes part of a statement in it; empty where none does."""

    name: str
    argument: str
    line: str


def routines(db: "Database", journal: "Journal") -> tuple[list[str], list[Sighting]]:
    """The functions that the application may call, and those of them that build statements of its values."""
    login = db.login.query("SELECT session_user::text")[0][0]
    with db.session.transaction():
        rows = db.session.connection.execute(_QUERY, (login,)).fetchall()
    names, seen = [row[0] for row in rows], []
    for name, source, arguments, types, definer in rows:
        texts = {argument for argument, kind in zip(arguments, types, strict=False) if argument and kind in _TEXTS}
        texts |= {f"${place}" for place, kind in enumerate(types, 1) if kind in _TEXTS}
        if (found := _built(source, texts)) is None:
            continue
        argument, line = found
        proof = f"{argument} becomes part of the text of EXECUTE" + (", with its owner's rights" if definer else "")
        observation = journal.record(
            "sql", f"function {name}", sent={"statements": ["pg_proc.prosrc"]}, received={"seen": line}
        )
        seen.append(Sighting(f"function {name}", "routine", f"argument {argument}", "", proof, observation, line))
    journal.record("sql", "functions in PL/pgSQL", sent={"statements": ["pg_proc"]}, received={"functions": len(names)})
    return names, seen


def _built(source: str, texts: set[str]) -> tuple[str, str] | None:
    """The first text argument that goes unquoted into an EXECUTE, and that statement."""
    for words in _executed(source):
        for place, (kind, word) in enumerate(words):
            if kind in ("word", "name") and word.strip('"') in texts and not _is_quoted(words, place):
                return word.strip('"'), "EXECUTE " + " ".join(text for _, text in words)[:200]
    return None


def _executed(source: str) -> Iterator[list[tuple[str, str]]]:
    """The tokens of each EXECUTE up to INTO, USING, LOOP or its end; those of a variable that is executed included."""
    every = [(kind, text) for kind, text in tokens(source) if text.strip() and kind not in ("line", "block")]
    every = _joined(every)
    for place, (kind, text) in enumerate(every):
        if kind == "word" and text.upper() == "EXECUTE":
            words = list(_until_end(every[place + 1 :]))
            yield words
            if len(words) == 1 and words[0][0] == "word":
                yield from _assigned(every, words[0][1])


def _assigned(every: list[tuple[str, str]], name: str) -> Iterator[list[tuple[str, str]]]:
    """`name := …`, also where it is declared with its type."""
    for place, (kind, text) in enumerate(every):
        if kind == "word" and text == name:
            ahead = [word for _, word in every[place + 1 : place + 4]]
            sign = next((at for at, word in enumerate(ahead) if word in (":=", "=", ";")), None)
            if sign is not None and ahead[sign] != ";":
                yield list(_until_end(every[place + 2 + sign :]))


def _until_end(words: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for kind, text in words:
        if text == ";" or (kind == "word" and text.upper() in ("INTO", "USING", "LOOP")):
            return
        yield kind, text


def _joined(every: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """`:=`, `||` and `$1` as one token each."""
    found: list[tuple[str, str]] = []
    for kind, text in every:
        if found and found[-1][1] + text in (":=", "||", "::"):
            found[-1] = ("other", found[-1][1] + text)
        elif found and found[-1][1] == "$" and text.isdigit():
            found[-1] = ("word", f"${text}")
        else:
            found.append((kind, text))
    return found


def _is_quoted(words: list[tuple[str, str]], place: int) -> bool:
    """Whether the word stands in a call that quotes it, is cast to what has no text, or fills %I or %L of format()."""
    after = [text.lower() for _, text in words[place + 1 : place + 3]]
    if after[:1] == ["::"] and after[1:2] and after[1] in _CLOSED:
        return True
    if after[:1] in (["="], ["<"], [">"], ["is"], ["in"]):
        return True
    depth, commas = 0, 0
    for at in range(place - 1, -1, -1):
        text = words[at][1]
        depth += 1 if text == ")" else -1 if text == "(" else 0
        commas += text == "," and depth == 0
        if depth < 0:
            caller = words[at - 1][1].lower() if at else ""
            if caller in _QUOTING:
                return True
            if caller in ("concat", "concat_ws"):
                return False
            if caller == "format":
                return commas == 0 or _specifier(words[at + 1][1], commas) in ("I", "L")
            depth, commas = 0, 0
    return not any(text == "||" for _, text in words) and len(words) > 1


def _specifier(form: str, number: int) -> str:
    """The kind of the n-th place of a format string."""
    found = re.findall(r"%(?:(\d+)\$)?-?\d*([sIL])", form.replace("%%", ""))
    placed = [kind for position, kind in found if position == str(number)]
    plain = [kind for position, kind in found if not position]
    return placed[0] if placed else plain[number - 1] if number <= len(plain) else ""
