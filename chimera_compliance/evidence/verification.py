"""Checks a bundle, off line, and says what that has proved and what it has not."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from cryptography import x509

from chimera_compliance.errors import EXIT_CLEAN, EXIT_FINDINGS, EXIT_INCOMPLETE
from chimera_compliance.evidence import timestamps
from chimera_compliance.evidence.manifest import ENVELOPE, FILE, SEALS, STAMP, sha256
from chimera_compliance.evidence.opened import Opened
from chimera_compliance.evidence.signing import NotSigned, PublicKey, is_signed_by, open_envelope, signer_of
from chimera_compliance.evidence.statement import statement
from chimera_compliance.evidence.substance import about_substance
from chimera_compliance.results import Results


class State(StrEnum):
    """What a check came to."""

    PROVEN = "proven"
    WRONG = "wrong"
    OPEN = "not proven"


@dataclass(frozen=True)
class Point:
    """One thing that was checked. `decides` if the bundle is not proven without it."""

    state: State
    text: str
    decides: bool = False


@dataclass
class Verification:
    """All points of one bundle or of a chain."""

    points: list[Point] = field(default_factory=list)

    def prove(self, text: str) -> None:
        """This holds."""
        self.points.append(Point(State.PROVEN, text))

    def wrong(self, text: str) -> None:
        """This is not as it was signed."""
        self.points.append(Point(State.WRONG, text))

    def open(self, text: str, *, decides: bool = False) -> None:
        """This was not, or could not be, proved."""
        self.points.append(Point(State.OPEN, text, decides))

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong."""
        return all(point.state is not State.WRONG for point in self.points)

    @property
    def exit_code(self) -> int:
        """0 proven, 1 not as it was signed, 2 intact, but nothing shows by whom it was signed."""
        if not self.holds:
            return EXIT_FINDINGS
        return EXIT_INCOMPLETE if any(point.decides for point in self.points) else EXIT_CLEAN


def verify(bundle: Opened, key: PublicKey | None, roots: list[x509.Certificate] | None = None) -> Verification:
    """Check one bundle by itself; where it stands in a chain is another matter."""
    found = Verification()
    _archive(bundle, found)
    _files(bundle, found)
    results = _results(bundle, found)
    _signature(bundle, key, results, found)
    _stamp(bundle, roots, found)
    if results is not None and found.holds:  # parts that were changed need not fit
        about_substance(bundle, results, found)
    for lack in bundle.manifest.missing:
        found.open(f"{lack.what}: {lack.reason}")
    return found


def _archive(bundle: Opened, found: Verification) -> None:
    if bundle.data == bundle.canonical:
        found.prove("the archive holds these files and no other byte")
        return
    place = next((i for i, (a, b) in enumerate(zip(bundle.data, bundle.canonical, strict=False)) if a != b), 0)
    found.wrong(f"the archive has bytes that do not belong to its files, the first at offset {place:,}")


def _files(bundle: Opened, found: Verification) -> None:
    listed = {entry.name: entry for entry in bundle.manifest.files}
    present = {name: member for name, member in bundle.members.items() if name not in (FILE, *SEALS)}
    changed = [name for name in sorted(listed.keys() & present.keys()) if _changed(listed[name], present[name])]
    changed += [name for name in (FILE, *SEALS) if name in bundle.members and not bundle.members[name].stored]
    for word, names in (
        ("changed", changed),
        ("missing", sorted(listed.keys() - present.keys())),
        ("added", sorted(present.keys() - listed.keys())),
    ):
        for name in names:
            found.wrong(f"{word}: {name}")
    twice = len(listed) != len(bundle.manifest.files)
    if twice:
        found.wrong("the manifest lists a file twice")
    if not changed and listed.keys() == present.keys() and not twice:
        found.prove(f"all {len(listed)} files are as the manifest says")


def _changed(entry, member) -> bool:
    actual = (len(member.content), sha256(member.content), sha256(member.packed))
    return actual != (entry.size, entry.sha256, entry.packed_sha256)


def _results(bundle: Opened, found: Verification) -> Results | None:
    try:
        return Results.model_validate_json(bundle.members["results.json"].content)
    except KeyError:
        return None  # which has been named as missing, or the manifest never had it
    except ValueError:
        found.wrong("results.json cannot be read")
        return None


# Who signed what


def _signature(bundle: Opened, key: PublicKey | None, results: Results | None, found: Verification) -> None:
    if ENVELOPE not in bundle.members:
        say = found.wrong if key else lambda text: found.open(text, decides=True)
        say("the bundle is not signed: anybody may have made or changed it")
        return
    try:
        envelope = open_envelope(bundle.members[ENVELOPE].content)
    except NotSigned as error:
        found.wrong(f"{ENVELOPE}: {error}")
        return
    _subjects(bundle, envelope.payload, results, found)
    _signer(bundle, envelope, key, found)


def _subjects(bundle: Opened, payload: bytes, results: Results | None, found: Verification) -> None:
    """The statement is made again from what lies there, so that nothing in it can differ."""
    digests = {name: sha256(member.content) for name, member in bundle.members.items() if name not in SEALS}
    if results is not None and payload == statement(results, digests):
        found.prove(f"the statement is about these {len(digests)} files and what results.json came to")
        return
    try:
        said = {each["name"]: each["digest"]["sha256"] for each in json.loads(payload)["subject"]}
    except (ValueError, KeyError, TypeError, RecursionError):
        found.wrong("the statement cannot be read")
        return
    for name in sorted(said.keys() | digests.keys()):
        if said.get(name) != digests.get(name):
            found.wrong(f"not as it was signed: {name}")
    if said == digests:
        found.wrong("the statement says something else than results.json does")


def _signer(bundle: Opened, envelope, key: PublicKey | None, found: Verification) -> None:
    named = signer_of(envelope)
    if key is not None:
        if is_signed_by(envelope, key):
            found.prove(f"signed with the key {_short(key.id)}")
        elif named == key.id:
            found.wrong(f"the signature is not of the key {_short(key.id)}: statement or signature was changed")
        else:
            found.wrong(f"signed with another key: {_short(named)}, not {_short(key.id)}")
        return
    own = bundle.members.get("key.pub")
    try:
        own_key = PublicKey.parse(own.content, "key.pub") if own else None
    except Exception:
        own_key = None
    if own_key is None or not is_signed_by(envelope, own_key):
        found.wrong("the signature does not fit the key that lies in the bundle")
    else:
        found.open(
            f"who signed it: the signature fits the bundle's own key {_short(named)}, which anybody can replace;"
            " give the key that you have from elsewhere with --key",
            decides=True,
        )


def _short(keyid: str) -> str:
    return f"{keyid[:16]}…"


# When


def _stamp(bundle: Opened, roots: list[x509.Certificate] | None, found: Verification) -> None:
    if STAMP not in bundle.members:
        if roots is not None:
            found.wrong("there is no time stamp")
        return
    if ENVELOPE not in bundle.members:
        found.wrong("there is a time stamp and nothing that it is of")
        return
    if roots is None:
        found.open("when it was signed: there is a time stamp; give its authority's root certificate with --tsa-ca")
        return
    try:
        stamp = timestamps.check(bundle.members[STAMP].content, bundle.members[ENVELOPE].content, roots)
    except timestamps.NoTimeStamp as error:
        found.wrong(f"the time stamp does not hold: {error}")
        return
    note = f" ({stamp.note})" if stamp.note else ""
    found.prove(f"signed before {stamp.time.isoformat()}, says {stamp.authority}{note}")


def lines(found: Verification) -> Iterator[str]:
    """What to print, what is wrong first."""
    order = (State.WRONG, State.PROVEN, State.OPEN)
    for state in order:
        for point in found.points:
            if point.state is state:
                yield f"{state:<11} {point.text}"
