"""The proof that the checks detect: the reference all green, each flaw red on its own control and no other,
each correct variant green, and every check turned red by some flaw.

Each variant is verified in a process forked from this one, which has imported everything already. A variant that
differs in one facet alone (its repository, its account) is verified on the controls that look at that facet: the rest
of it is the reference, byte for byte.
"""

import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import wait
from pathlib import Path

from chimera_compliance.checklist import Checklist
from chimera_compliance.errors import EXIT_CLEAN, EXIT_FINDINGS, ConfigurationError
from chimera_compliance.listing import listing
from chimera_compliance.outcomes import Outcome
from chimera_compliance.proof import Document, Proof
from chimera_compliance.recorder import control_ids
from chimera_compliance.results import Results
from chimera_compliance.stack import Stack, StackError
from chimera_compliance.stack.flaws import facets, registry
from chimera_compliance.verify import verify

REFERENCE = "reference"
_ONE_RUN_SECONDS = 300


def prove(
    *,
    controls: str | None = None,
    flaws: str | None = None,
    only: str | None = None,
    part: str | None = None,
    jobs: int = 2,
    out: Path | None = None,
    write_line: Callable[[str], None] = print,
) -> int:
    """Verify the reference and its variants; 0 if all is as required, else 1.

    `controls` are verified on each variant. `flaws` names the controls whose flaws are tried (all verified ones if
    not given); ``ok`` among them stands for the reference and the correct variants. `part` ("2/5": the second of five)
    shares the proof out; `join` then tells of all parts what none can tell alone.

    Raises:
        ConfigurationError: a control or variant does not exist, or the stack cannot be started.
    """
    checklist = Checklist.load()
    wanted = control_ids(controls, checklist) if controls else [c.id for c in checklist.controls if c.requirements]
    shared = [part.strip() for part in flaws.split(",")] if flaws else ["ok", *wanted]
    proofs = _shared_out(_part(_select(shared, only), part), wanted)
    started = time.monotonic()
    for proof in _run_all(proofs, jobs):
        write_line(_row(proof, wanted))
    document = Document(proofs, seconds=round(time.monotonic() - started, 1))
    judged = [] if only or part else shared  # of a few chosen flaws it would say nothing
    return _told(document, checklist, judged, out, write_line)


def join(parts: list[Path], *, out: Path | None = None, write_line: Callable[[str], None] = print) -> int:
    """Join the parts of a proof of all controls; 0 if all is as required, else 1.

    Raises:
        ConfigurationError: a part cannot be read, or they do not belong together.
    """
    checklist = Checklist.load()
    document = Document.joined([Document.read(part) for part in parts])
    for proof in document.proofs:
        if not proof.holds:
            write_line(_row(proof, [control.id for control in checklist.controls]))
    missing = {REFERENCE, *registry()} - {proof.name for proof in document.proofs}
    if missing:
        write_line(f"{len(missing)} variants are in no part: {', '.join(sorted(missing)[:5])}")
    code = _told(document, checklist, [control.id for control in checklist.controls], out, write_line)
    return EXIT_FINDINGS if missing else code


def _told(document: Document, checklist: Checklist, judged: list[str], out: Path | None, write_line: Callable) -> int:
    document.judge(checklist, judged)
    for line in _summary(document, checklist, judged):
        write_line(line)
    if out is not None:
        document.write(out)
    return EXIT_CLEAN if document.holds else EXIT_FINDINGS


def _part(proofs: list[Proof], part: str | None) -> list[Proof]:
    """Every so-many-th of them, so that each part has some of every control."""
    if part is None:
        return proofs
    number, _, count = part.partition("/")
    if not (number.isdigit() and count.isdigit() and 1 <= int(number) <= int(count)):
        raise ConfigurationError(f"--part: {part} is not a part such as 2/5, the second of five")
    return proofs[int(number) - 1 :: int(count)]


def _select(shared: list[str], only: str | None) -> list[Proof]:
    known = registry()
    flaws = [flaw for flaw in known.values() if only or (flaw.control or "ok") in shared]
    proofs = [Proof(REFERENCE, None, "the reference stack itself")] if only or "ok" in shared else []
    proofs += [Proof(flaw.name, flaw.control, flaw.why, blinds=flaw.blinds, also=flaw.also) for flaw in flaws]
    if not only:
        return proofs
    names = [name.strip() for name in only.split(",") if name.strip()]
    if unknown := set(names) - {REFERENCE, *known}:
        raise ConfigurationError(f"--only: no such flaw or variant: {', '.join(sorted(unknown))}")
    return [proof for proof in proofs if proof.name in names]


def _shared_out(proofs: list[Proof], wanted: list[str]) -> list[Proof]:
    """Each variant with the controls it is verified on: all, or those that look at what differs in it, and its own."""
    looks_at = {
        control["id"]: {facet for item in control["requirements"] for facet in item["facets"]} for control in listing()
    }
    for proof in proofs:
        differs = None if proof.name == REFERENCE else facets(proof.name)
        looking = [c for c in wanted if differs is None or c in proof.red or looks_at[c] & differs]
        proof.controls = tuple(looking)
    return [proof for proof in proofs if proof.controls]


def _run_all(proofs: list[Proof], jobs: int) -> Iterator[Proof]:
    """Run the proofs, `jobs` at a time, and yield each as it is done."""
    fork = multiprocessing.get_context("fork")
    waiting, running = list(proofs), {}
    try:
        with tempfile.TemporaryDirectory(prefix="chimera-prove-") as folder, Stack.start() as stack:
            while waiting or running:
                while waiting and len(running) < jobs:
                    proof = waiting.pop(0)
                    begun = time.monotonic()
                    variant = stack.boot(None if proof.name == REFERENCE else proof.name)
                    out = Path(folder) / proof.name
                    process = fork.Process(
                        target=_verify_quietly, args=(variant.target, ",".join(proof.controls), out), daemon=True
                    )
                    process.start()
                    running[process.sentinel] = (process, proof, variant, out, begun)
                for sentinel in wait(list(running), timeout=_ONE_RUN_SECONDS) or list(running):
                    process, proof, variant, out, begun = running.pop(sentinel)
                    _finish(process, proof, out)
                    stack.stop(variant)
                    proof.seconds = round(time.monotonic() - begun, 2)
                    yield proof
    except StackError as error:
        raise ConfigurationError(str(error)) from None
    finally:
        for process, *_ in running.values():
            process.kill()


def _verify_quietly(target: Path, controls: str, out: Path) -> None:
    out.mkdir(parents=True)
    with (out / "output.txt").open("w") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
        sys.stdout = sys.stderr = output
        code = verify(target, controls=controls, out=out)
    os._exit(code)


def _finish(process, proof: Proof, out: Path) -> None:
    if process.is_alive():
        process.kill()
        proof.problem = f"no result within {_ONE_RUN_SECONDS} s"
    process.join()
    try:
        proof.take(Results.model_validate_json((out / "results.json").read_text()))
    except (OSError, ValueError):
        output = (out / "output.txt").read_text().strip().splitlines() if (out / "output.txt").exists() else []
        proof.problem = f"no results, exit code {process.exitcode}: {output[-1] if output else 'no output'}"


_CELLS = {Outcome.FAILED: "RED", Outcome.PASSED: "ok", Outcome.NOT_REVIEWED: "-"}


def _cell(proof: Proof, control: str) -> str:
    """What came out; a dot where the variant is the reference."""
    return _CELLS.get(proof.outcomes.get(control, ""), "?") if control in proof.controls else "."


def _row(proof: Proof, wanted: list[str]) -> str:
    cells = " ".join(f"{_cell(proof, name):<4}" for name in wanted)
    mark = "  " if proof.holds else "!!"
    detail = f"  {proof.problem}" if proof.problem else ""
    return f"{mark} {proof.control or 'ok ':<4} {proof.name:<44} {cells} {proof.seconds:5.1f} s{detail}"


def _summary(document: Document, checklist: Checklist, judged: list[str]) -> Iterator[str]:
    flaws = [proof for proof in document.proofs if proof.control]
    correct = [proof for proof in document.proofs if not proof.control]
    yield ""
    yield f"{sum(proof.holds for proof in flaws)} of {len(flaws)} flaws red on their own control and no other"
    yield f"{sum(proof.holds for proof in correct)} of {len(correct)} correct stacks green (the reference among them)"
    if checks := sum(len(control.requirements) for control in checklist.controls if control.id in judged):
        yield f"{checks - len(document.unproven)} of {checks} checks turned red by some flaw"
        yield from (f"   no flaw turns {name} red" for name in document.unproven)
    yield f"{document.seconds:.0f} s"
