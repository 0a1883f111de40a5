"""The command group `evidence`: keys, bundles, their verification, and where they are kept."""

from pathlib import Path
from typing import Annotated

import typer

from chimera_compliance.errors import EXIT_CLEAN, ConfigurationError

app = typer.Typer(help="Bundles for auditors: make, sign, check and keep them.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="The folder of a run.")]
Bundle = Annotated[Path, typer.Argument(help="A bundle, such as evidence.zip.")]
TargetFile = Annotated[
    Path | None, typer.Option("--target", metavar="FILE", help="The run's target file, with its evidence section.")
]


@app.command()
def keygen(
    path: Annotated[Path, typer.Argument(help="The private key to write; the public one gets .pub after its name.")],
    force: Annotated[bool, typer.Option(help="Replace an existing key.")] = False,
) -> None:
    """Make an Ed25519 key; CHIMERA_EVIDENCE_PASSPHRASE encrypts it."""
    from chimera_compliance.evidence.signing import make_key

    key = make_key(path, force=force)
    typer.echo(f"wrote {path} and {path}.pub")
    typer.echo(f"key id {key.id}")


@app.command()
def create(
    folder: Folder,
    key: Annotated[Path | None, typer.Option(metavar="FILE", help="The private key to sign with.")] = None,
    target: TargetFile = None,
    waivers: Annotated[Path | None, typer.Option(metavar="FILE", help="The waivers that the run was given.")] = None,
    proof: Annotated[Path | None, typer.Option(metavar="FILE", help="proof.json of `prove --out`.")] = None,
    previous: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The bundle before, or a folder whose latest bundle it is.")
    ] = None,
    tsa: Annotated[str | None, typer.Option(metavar="URL", help="An RFC 3161 time-stamping authority.")] = None,
    tsa_ca: Annotated[Path | None, typer.Option(metavar="FILE", help="Certificates that its stamps rest on.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="The bundle; evidence.zip in the folder.")] = None,
) -> None:
    """Put everything that a run's verdict rests on into one signed file.

    Exit codes: 0 made, 4 the run, key, proof, bundle before or time stamp cannot be used, or nothing could be written.
    """
    from chimera_compliance.evidence.creation import Options
    from chimera_compliance.evidence.creation import create as make
    from chimera_compliance.run_folder import RunFolder
    from chimera_compliance.target import Target

    given = {"waivers": waivers, "proof": proof, "previous": previous, "timestamp_url": tsa, "timestamp_ca": tsa_ca}
    options = Options.of(Target.load(target) if target else None, key=key, **given)
    if not folder.is_dir():
        raise ConfigurationError(f"{folder}: there is no such folder")
    held = RunFolder(folder)
    try:
        made = make(folder, options, out)
    except OSError as error:
        raise ConfigurationError(f"cannot write {out or folder}: {error.strerror}") from None
    finally:
        held.close()
    for warning in options.warnings:
        typer.echo(f"warning: {warning}", err=True)
    if options.key is None:
        typer.echo("warning: not signed: nobody answers for this bundle; give a key with --key", err=True)
    typer.echo(f"wrote {made} ({made.stat().st_size:,} bytes)")


@app.command()
def verify(
    bundle: Bundle,
    key: Annotated[Path | None, typer.Option(metavar="PUB", help="The public key, from elsewhere.")] = None,
    previous: Annotated[Path | None, typer.Option(metavar="FILE", help="The bundle that must be before it.")] = None,
    chain: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The folder that holds all bundles of the target.")
    ] = None,
    tsa_ca: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Certificates that its time stamp must rest on.")
    ] = None,
) -> None:
    """Check a bundle off line and say what that proves.

    Exit codes: 0 proven, 1 not as it was signed, 2 intact but nothing shows who signed it (no --key), 4 bad input.
    """
    from chimera_compliance.evidence.chain_verification import verify_all

    found, lines = verify_all(bundle, key=key, previous=previous, chain=chain, tsa_ca=tsa_ca)
    for line in lines:
        typer.echo(line)
    raise typer.Exit(found.exit_code)


@app.command()
def store(
    bundle: Bundle,
    bucket: Annotated[str, typer.Option(help="An S3 bucket with Object Lock.")],
    until: Annotated[
        str, typer.Option(help="Until when nobody may delete it: ISO 8601 with an offset, or days as 365d.")
    ],
    prefix: Annotated[str, typer.Option(help="Before the name of the object.")] = "",
    mode: Annotated[str, typer.Option(help="COMPLIANCE: nobody can shorten it; GOVERNANCE: some can.")] = "COMPLIANCE",
    endpoint_url: Annotated[str | None, typer.Option(metavar="URL", help="Of an S3-compatible store.")] = None,
    region: Annotated[str | None, typer.Option(help="The bucket's region.")] = None,
) -> None:
    """Put a bundle into S3 where it cannot be changed, and look that it lies there so."""
    from chimera_compliance.evidence.store import Store, retention_end

    kept = Store(bucket, prefix, endpoint_url=endpoint_url, region=region).put(bundle, mode, retention_end(until))
    for line in kept.lines():
        typer.echo(line)
    raise typer.Exit(EXIT_CLEAN if kept.holds else 1)


@app.command()
def stored(
    bundle: Bundle,
    bucket: Annotated[str, typer.Option(help="The S3 bucket.")],
    prefix: Annotated[str, typer.Option(help="Before the name of the object.")] = "",
    endpoint_url: Annotated[str | None, typer.Option(metavar="URL", help="Of an S3-compatible store.")] = None,
    region: Annotated[str | None, typer.Option(help="The bucket's region.")] = None,
) -> None:
    """Look whether a bundle lies in S3 as it is here, and until when it is locked."""
    from chimera_compliance.evidence.store import Store

    kept = Store(bucket, prefix, endpoint_url=endpoint_url, region=region).look(bundle)
    for line in kept.lines():
        typer.echo(line)
    raise typer.Exit(EXIT_CLEAN if kept.holds else 1)
