"""The command line: verify, prove, list, init, doctor, evidence, stack and schema."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from chimera_compliance import __version__
from chimera_compliance.errors import EXIT_BAD_CONFIGURATION, EXIT_INTERRUPTED, ConfigurationError
from chimera_compliance.evidence.commands import app as evidence_app

app = typer.Typer(
    help="Verify a deployed stack against the twelve controls of ADR-005.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
stack_app = typer.Typer(help="The embedded reference stack, kept running to try things on.", no_args_is_help=True)
app.add_typer(stack_app, name="stack")
app.add_typer(evidence_app, name="evidence")

TargetFile = Annotated[
    Path | None,
    typer.Option("--target", metavar="FILE", help="Target file; the embedded reference stack if not given."),
]
Controls = Annotated[str | None, typer.Option(metavar="IDS", help="Controls, such as C03,C12; all if not given.")]


def main() -> None:
    """Entry point: every error becomes one line and a documented exit code."""
    try:
        code = app(standalone_mode=False)
    except ConfigurationError as error:
        code = _complain(str(error))
    except (KeyboardInterrupt, typer.Abort):
        code = EXIT_INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        code = EXIT_INTERRUPTED
    except Exception as error:
        if not hasattr(error, "format_message"):  # how Typer says that the command line is wrong
            raise
        code = _complain(error.format_message())
    raise SystemExit(code if isinstance(code, int) else 0)


def _complain(message: str) -> int:
    typer.echo(f"error: {message}", err=True)
    return EXIT_BAD_CONFIGURATION


def _version(show: bool) -> None:
    if show:
        typer.echo(f"chimera-compliance {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options before the command."""


@app.command()
def verify(
    target: TargetFile = None,
    controls: Controls = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder for the reports.")] = None,
    waivers: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Accepted risks; those of the target file if not given.")
    ] = None,
    previous: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="results.json to compare with; the latest run there is if not given."),
    ] = None,
    baseline: Annotated[
        Path | None, typer.Option(metavar="FILE", help="results.json whose findings do not block; new ones do.")
    ] = None,
    fail_on: Annotated[
        str | None, typer.Option(metavar="SEVERITY", help="Least severity of findings that block; low if not given.")
    ] = None,
    evidence: Annotated[bool, typer.Option("--evidence", help="Make evidence.zip, a bundle for auditors.")] = False,
    evidence_key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The private key to sign it with; makes the bundle as well.")
    ] = None,
    evidence_previous: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The bundle before, or a folder whose latest bundle it is.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, max=16, help="Processes (more than one needs pytest-xdist).")] = 1,
) -> None:
    """Verify a target and leave results.json, the reports made of it, and observations.jsonl.

    Exit codes: 0 clean, 1 findings, 2 error or incomplete, 3 expired waiver, 4 bad configuration or out of
    scope, 130 interrupted.
    """
    from chimera_compliance.progress import Progress
    from chimera_compliance.verify import verify as run

    progress = Progress(sys.stdout, live=sys.stdout.isatty())
    files = {"out": out, "waivers": waivers, "previous": previous, "baseline": baseline}
    files |= {"evidence_key": evidence_key, "evidence_previous": evidence_previous}
    raise typer.Exit(
        run(target, controls=controls, **files, fail_on=fail_on, evidence=evidence, jobs=jobs, plugins=[progress])
    )


@app.command("list")
def list_controls(
    controls: Controls = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the controls, their requirements, and which facets of a target each needs."""
    from chimera_compliance.listing import listing

    found = listing(controls)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for control in found:
        typer.echo(f"{control['id']}  {control['title']}" + ("" if control["requirements"] else "  (no check yet)"))
        for item in control["requirements"]:
            typer.echo(
                f"  {item['id']:<7} {item['severity']:<9} {'+'.join(item['facets']) or '-':<8} {item['sentence']}"
            )


@app.command()
def prove(
    parts: Annotated[
        list[Path] | None, typer.Argument(metavar="[PARTS]...", help="Join these, made with --part and --out.")
    ] = None,
    controls: Controls = None,
    flaws: Annotated[
        str | None, typer.Option(metavar="IDS", help="Only the flaws of these controls; ok for the correct variants.")
    ] = None,
    only: Annotated[
        str | None, typer.Option(metavar="NAMES", help="Flaws or variants by name, comma-separated.")
    ] = None,
    part: Annotated[str | None, typer.Option(metavar="K/N", help="Only the K-th of N parts.")] = None,
    jobs: Annotated[int, typer.Option(min=1, max=16, help="How many variants are verified at the same time.")] = 3,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the proof as JSON.")] = None,
) -> None:
    """Prove that every check detects: each flaw turns its own control red, and no other."""
    from chimera_compliance import prove as proving

    if parts:
        raise typer.Exit(proving.join(parts, out=out, write_line=typer.echo))
    chosen = {"controls": controls, "flaws": flaws, "only": only, "part": part}
    raise typer.Exit(proving.prove(**chosen, jobs=jobs, out=out, write_line=typer.echo))


@app.command()
def doctor(
    target: TargetFile = None,
    iam_policy: Annotated[
        bool,
        typer.Option("--iam-policy", help="Print the IAM policy that the aws section's credentials need, and stop."),
    ] = False,
) -> None:
    """Reach every facet of a target and name what is missing; changes nothing."""
    from chimera_compliance.doctor import doctor as run
    from chimera_compliance.doctor import iam_policy as policy

    if iam_policy:
        typer.echo(json.dumps(policy(target), indent=2))
        return
    raise typer.Exit(run(target, typer.echo))


@app.command()
def relay(
    upstream: Annotated[
        str, typer.Option(help="Secrets Manager, such as https://secretsmanager.eu-central-1.amazonaws.com.")
    ],
    listen: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where only the stack reaches it.")
    ] = "127.0.0.1:8400",
) -> None:
    """Stand between an application and Secrets Manager in staging, so that its reads can be watched."""
    from chimera_compliance.probes.secrets.relay import serve

    serve(listen, upstream, typer.echo)


@app.command()
def init(
    file: Annotated[Path, typer.Argument(help="The target file to write.")] = Path("target.yaml"),
    base_url: Annotated[str | None, typer.Option(help="Where the API is, such as https://api.example.com/v1.")] = None,
    openapi: Annotated[str | None, typer.Option(help="Its OpenAPI document: path, URL or file.")] = None,
    ca_file: Annotated[
        str | None, typer.Option(help="CA certificates (PEM) that its TLS certificate rests on.")
    ] = None,
    dsn: Annotated[
        str | None, typer.Option(help="The database: ${NAME} or file:PATH of a DSN, or one without password.")
    ] = None,
    repo: Annotated[str | None, typer.Option(help="Path of the git repository.")] = None,
    force: Annotated[bool, typer.Option(help="Overwrite an existing file.")] = False,
) -> None:
    """Write a commented target file, filled with what can be discovered."""
    from chimera_compliance.init import init as run

    run(
        file,
        base_url=base_url,
        openapi=openapi,
        ca_file=ca_file,
        dsn=dsn,
        repo=repo,
        force=force,
        write_line=typer.echo,
    )


@stack_app.command("up")
def stack_up(
    variant: Annotated[
        str | None, typer.Option(help="A flawed or different variant; `prove` lists their names.")
    ] = None,
) -> None:
    """Start the reference stack, print its target file, and keep it running until Ctrl-C."""
    from chimera_compliance.stack import Stack, StackError

    try:
        with Stack.start() as stack:
            running = stack.boot(variant)
            typer.echo(f"target file: {running.target}")
            typer.echo(f"try:         chimera-compliance verify --target {running.target}")
            typer.echo("Ctrl-C ends it and removes everything.")
            stack.wait()
    except StackError as error:
        raise ConfigurationError(str(error)) from None


@app.command()
def index(
    folder: Annotated[Path | None, typer.Argument(help="A folder of runs; reports/runs if not given.")] = None,
) -> None:
    """Write index.html over a folder of runs: history, and the trend per control."""
    from chimera_compliance.recorder import default_out
    from chimera_compliance.report.index import write_index

    root = folder or default_out("any").parent
    if not root.is_dir():
        raise ConfigurationError(f"there is no folder {root}")
    try:
        typer.echo(f"wrote {write_index(root)}")
    except OSError as error:
        raise ConfigurationError(f"cannot write to {root}: {error.strerror}") from None


@app.command()
def lock() -> None:
    """Freeze the list of requirements in config/requirements.lock, for who adds or drops a check."""
    from chimera_compliance.checklist import Checklist
    from chimera_compliance.gate.frozen import LOCK, frozen_list

    LOCK.write_text(frozen_list(Checklist.load()), encoding="utf-8")
    typer.echo(f"wrote {LOCK}")


@app.command()
def schema(
    name: Annotated[str, typer.Argument(help="`target` or `results`.")],
) -> None:
    """Print the JSON Schema of the target file or of results.json."""
    from chimera_compliance.report.schema import results_schema
    from chimera_compliance.target import Target

    schemas = {"target": Target.model_json_schema, "results": results_schema}
    if name not in schemas:
        raise ConfigurationError(f"schema: there is `target` and `results`, not {name!r}")
    typer.echo(json.dumps(schemas[name](), indent=2))


if __name__ == "__main__":
    main()
