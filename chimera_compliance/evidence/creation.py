"""Makes a bundle of a run's folder."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from chimera_compliance.errors import ConfigurationError
from chimera_compliance.evidence import archive, chain, timestamps
from chimera_compliance.evidence.contents import Contents, gather
from chimera_compliance.evidence.manifest import ENVELOPE, FILE, STAMP, Manifest, entry, sha256
from chimera_compliance.evidence.opened import NotABundle, Opened
from chimera_compliance.evidence.reading_guide import GUIDE
from chimera_compliance.evidence.signing import SigningKey, exposed, read_file
from chimera_compliance.evidence.statement import statement
from chimera_compliance.report.files import write_atomically
from chimera_compliance.target import Target

BUNDLE = "evidence.zip"


@dataclass(frozen=True)
class Options:
    """What a bundle is made with besides the run's folder."""

    key: SigningKey | None = None
    target: Path | None = None
    waivers: Path | None = None
    proof: Path | None = None
    previous: Path | None = None
    timestamp_url: str | None = None
    timestamp_ca: Path | None = None
    every_hours: float | None = None
    tolerance_hours: float = 2
    warnings: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, target: Target | None, *, key: Path | None = None, **given: Path | str | None) -> "Options":
        """What the command line says, and for the rest the target file.

        Raises:
            ConfigurationError: a key or file that was named cannot be used.
        """
        settings = target.evidence if target else None
        named = {"target": target.path if target else None}
        if settings:
            files = ("proof", "previous", "timestamp_ca")
            named |= {name: target.file(getattr(settings, name)) for name in files if getattr(settings, name)}
            named |= {"timestamp_url": settings.timestamp_url}
            named |= {"every_hours": settings.every_hours, "tolerance_hours": settings.tolerance_hours}
            named |= {"waivers": target.file(target.gate.waivers)} if target.gate.waivers else {}
        named |= {name: value for name, value in given.items() if value is not None}
        for name in ("proof", "timestamp_ca", "waivers"):
            if (file := named.get(name)) and not file.is_file():
                raise ConfigurationError(f"cannot read {file}: there is no such file")
        warnings: list[str] = []
        return cls(key=_key(target, key, warnings), warnings=warnings, **named)


def _key(target: Target | None, file: Path | None, warnings: list[str]) -> SigningKey | None:
    reference = target.evidence.signing_key if target else None
    if file is None and reference and reference.startswith("file:") and "${" not in reference:
        file = target.file(reference.removeprefix("file:"))
    if file is not None:
        content = read_file(file)
        warnings += [warning] if (warning := exposed(file)) else []
        return SigningKey.parse(content, str(file))
    return SigningKey.parse(target.secret(reference).encode(), "evidence.signing_key") if reference else None


def create(folder: Path, options: Options, out: Path | None = None) -> Path:
    """Write the bundle of a run's folder; its path.

    Raises:
        ConfigurationError: the folder, the bundle before or the time stamp cannot be used.
        OSError: the bundle cannot be written; an earlier one is left as it was.
    """
    contents = gather(folder, target=options.target, waivers=options.waivers, proof=options.proof)
    out = out or folder / BUNDLE
    manifest, members = _manifest(contents, options, out)
    members.append(archive.Member.of(FILE, manifest.as_bytes(), stored=True))
    if options.key:
        members += _seals(contents, members, options)
    _keep_another(out, contents.results.run.id)
    return write_atomically(out, archive.write(members))


def _keep_another(out: Path, run: str) -> None:
    """A bundle of another run that stands where this one goes is part of a chain: it is moved aside, never replaced."""
    try:
        earlier = Opened.read(out).manifest.run
    except (OSError, archive.BadArchive, NotABundle):
        return
    if earlier != run:
        out.rename(out.with_name(f"{out.stem}-{earlier}{out.suffix}"))


def _manifest(contents: Contents, options: Options, out: Path) -> tuple[Manifest, list[archive.Member]]:
    run = contents.results.run
    before = _before(options, run.target, run.id)
    due = chain.schedule(options.every_hours, options.tolerance_hours, before and before.manifest.started, run.started)
    contents.add("README.txt", GUIDE.encode(), "how to check this bundle, also without the suite")
    if options.key:
        contents.add(
            "key.pub", options.key.public.pem, "the key that it says it was signed with; compare it with yours"
        )
    else:
        contents.lack(ENVELOPE, "no signing key was given: nobody answers for this bundle")
    if not (options.key and options.timestamp_url):
        contents.lack(STAMP, "no time-stamping authority was asked")
    members = [archive.Member.of(name, content) for name, content in contents.files.items()]
    manifest = Manifest(
        run=run.id,
        started=run.started,
        target=run.target,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        sequence=before.manifest.sequence + 1 if before else 1,
        previous=chain.link_to(before) if before else None,
        schedule=due,
        files=sorted((entry(each, contents.purposes[each.name]) for each in members), key=lambda each: each.name),
        missing=contents.missing,
    )
    return manifest, members


def _before(options: Options, target: str, run: str) -> Opened | None:
    before = chain.previous_bundle(options.previous, target) if options.previous else None
    if before and before.manifest.run == run:
        raise ConfigurationError(f"{before.path} is of this very run: a bundle follows that of an earlier run")
    return before


def _seals(contents: Contents, members: list[archive.Member], options: Options) -> list[archive.Member]:
    digests = {member.name: sha256(member.content) for member in members}
    envelope = options.key.sign(statement(contents.results, digests))
    seals = [archive.Member.of(ENVELOPE, envelope, stored=True)]
    if options.timestamp_url:
        roots = timestamps.load_roots(options.timestamp_ca) if options.timestamp_ca else []
        try:
            stamp = timestamps.fetch(options.timestamp_url, envelope, roots)
        except timestamps.NoTimeStamp as error:
            raise ConfigurationError(f"no time stamp: {error}") from None
        seals.append(archive.Member.of(STAMP, stamp, stored=True))
    return seals
