"""Checks bundles in a row: that each follows the one before it, and that none is missing, changed or out of order."""

from pathlib import Path

from cryptography import x509

from chimera_compliance.errors import ConfigurationError
from chimera_compliance.evidence import chain, timestamps
from chimera_compliance.evidence.archive import BadArchive
from chimera_compliance.evidence.opened import NotABundle, Opened
from chimera_compliance.evidence.signing import PublicKey, read_file
from chimera_compliance.evidence.verification import Verification, lines, verify


def verify_all(
    bundle: Path, *, key: Path | None, previous: Path | None, chain: Path | None, tsa_ca: Path | None
) -> tuple[Verification, list[str]]:
    """Check a bundle and, if asked to, its place among others; the points, and the lines that tell them.

    Raises:
        ConfigurationError: a file cannot be read, is no bundle, no key or no certificate, or is dangerous to open.
    """
    public = PublicKey.parse(read_file(key), str(key)) if key else None
    roots = timestamps.load_roots(tsa_ca) if tsa_ca else None
    opened = _open(bundle)
    found = verify(opened, public, roots)
    if previous is not None:
        _follows(_open(previous), opened, public, found)
    elif chain is None:
        _place(opened, found)
    if chain is not None:
        _whole(chain, opened, public, roots, found)
    _schedule(opened, found)
    manifest = opened.manifest
    head = [f"bundle {manifest.sequence} of {manifest.target}: run {manifest.run}, created {manifest.created}"]
    return found, [*head, *lines(found), _conclusion(found)]


def _conclusion(found: Verification) -> str:
    return {
        0: "PROVEN, but for what is said to be open",
        1: "NOT AS IT WAS SIGNED",
        2: "INTACT, but nothing shows who signed it",
    }[found.exit_code]


def _open(path: Path) -> Opened:
    try:
        return Opened.read(path)
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from None
    except (BadArchive, NotABundle) as error:
        raise ConfigurationError(f"{path} is no evidence bundle that can be opened: {error}") from None


def _place(bundle: Opened, found: Verification) -> None:
    if bundle.manifest.previous is None:
        found.open("that nothing came before it: it says that it begins a chain")
    else:
        link = bundle.manifest.previous
        found.open(
            f"what came before: it follows bundle {link.sequence} (run {link.run}); give it with --previous or --chain"
        )


def _follows(before: Opened, bundle: Opened, key: PublicKey | None, found: Verification) -> None:
    """Whether the one was made right after the other."""
    own = verify(before, key)
    for point in own.points:
        if point.state == "wrong":
            found.wrong(f"{before.path.name}: {point.text}")
    link, name = bundle.manifest.previous, before.path.name
    if link is None:
        found.wrong(f"it says that it begins a chain, and does not follow {name}")
    elif link.sha256 != before.digest:
        found.wrong(
            f"it does not follow {name}: it follows bundle {link.sequence} (run {link.run}, {link.sha256[:16]}…)"
        )
    elif problems := _mismatch(before, bundle):
        for problem in problems:
            found.wrong(problem)
    else:
        found.prove(f"it follows {name} (bundle {before.manifest.sequence}, run {before.manifest.run})")


def _mismatch(before: Opened, bundle: Opened) -> list[str]:
    """What cannot be of two bundles in a row, although the digests say that they are."""
    earlier, later = before.manifest, bundle.manifest
    problems = []
    if earlier.target != later.target:
        problems.append(f"{before.path.name} is of another target: {earlier.target}")
    if later.sequence != earlier.sequence + 1:
        problems.append(f"{bundle.path.name} says that it is number {later.sequence} after number {earlier.sequence}")
    if later.started <= earlier.started or later.created < earlier.created:
        problems.append(f"{bundle.path.name} is older than {before.path.name}, which it follows")
    due = later.schedule
    if due != chain.schedule(due.every_hours, due.tolerance_hours, earlier.started, later.started):
        problems.append(f"{bundle.path.name} names other missed runs than there were")
    if later.previous != chain.link_to(before):
        problems.append(f"{bundle.path.name} says of {before.path.name} what is not so")
    return problems


def _whole(
    folder: Path, bundle: Opened, key: PublicKey | None, roots: list[x509.Certificate] | None, found: Verification
) -> None:
    """The chain from its first bundle to this one, and whether anything stands beside it."""
    files = chain.bundles(folder)
    if not files:
        raise ConfigurationError(f"{folder}: there are no bundles in it")
    opened: dict[str, Opened] = {}
    for file in files:
        try:
            one = Opened.read(file)
        except (OSError, BadArchive, NotABundle) as error:
            found.wrong(f"{file.relative_to(folder)} cannot be opened: {error}")
            continue
        if one.manifest.target == bundle.manifest.target:
            opened.setdefault(one.digest, one)
    _backwards(bundle, opened, key, roots, found)


def _backwards(
    bundle: Opened,
    opened: dict[str, Opened],
    key: PublicKey | None,
    roots: list[x509.Certificate] | None,
    found: Verification,
) -> None:
    wrong_before = len([point for point in found.points if point.state == "wrong"])
    later, line = bundle, [bundle]
    while (link := later.manifest.previous) is not None:
        before = opened.get(link.sha256)
        if before is None:
            number = later.manifest.sequence
            found.wrong(f"missing or changed: bundle {link.sequence} (run {link.run}), which bundle {number} follows")
            break
        for point in verify(before, key, roots).points:
            if point.state == "wrong":
                found.wrong(f"bundle {before.manifest.sequence} ({before.path.name}): {point.text}")
        for problem in _mismatch(before, later):
            found.wrong(problem)
        line.append(before)
        later = before
    if later.manifest.previous is None and later.manifest.sequence != 1:
        found.wrong(f"bundle {later.manifest.sequence} says that nothing came before it")
    _beside(line, opened, found)
    for one in line[1:]:
        _missed(one, found)
    if len([point for point in found.points if point.state == "wrong"]) == wrong_before:
        found.prove(f"a chain of {len(line)} bundles, each following the one before, from {line[-1].manifest.started}")


def _beside(line: list[Opened], opened: dict[str, Opened], found: Verification) -> None:
    """Bundles of the target that are no part of the chain: later ones are told, others contradict it."""
    inside, last = {one.digest for one in line}, line[0].manifest.sequence
    for one in opened.values():
        if one.digest in inside:
            continue
        if one.manifest.sequence > last:
            found.open(f"{one.path.name} is bundle {one.manifest.sequence}, later than the one that was checked")
        else:
            found.wrong(f"{one.path} is another bundle {one.manifest.sequence}, which the chain does not contain")


def _schedule(bundle: Opened, found: Verification) -> None:
    due = bundle.manifest.schedule
    if due.every_hours is None:
        found.open("that no run was left out: the target file declares no schedule")
    elif due.missed:
        _missed(bundle, found)
    elif bundle.manifest.previous:
        found.prove(f"no run was missed since the one before: one is due every {due.every_hours:g} hours")


def _missed(bundle: Opened, found: Verification) -> None:
    missed = bundle.manifest.schedule.missed
    if missed:
        shown = ", ".join(missed[:5]) + (f" and {len(missed) - 5} more" if len(missed) > 5 else "")
        found.open(f"runs before bundle {bundle.manifest.sequence} that were due and did not come: {shown}")
