"""How fast a sweep is: the engine, which keeps every exchange, beside a plain loop of `requests`, which keeps nothing.

Both send the same requests to the same server: every guarded operation without a token, as C03 does, over and over.

    python -m benchmarks.sweep [--target FILE] [--requests N]
"""

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from chimera_compliance.journal import Journal
from chimera_compliance.probes.http.api import Api
from chimera_compliance.probes.http.exchange import Request
from chimera_compliance.probes.http.trust import absolute, session
from chimera_compliance.probes.openapi.operations import load_operations
from chimera_compliance.probes.principals.principal import load_principals
from chimera_compliance.target import Target

_UNLIMITED = 1_000_000


@dataclass(frozen=True)
class Measurement:
    """One way of sending, in seconds of wall clock and of client CPU."""

    name: str
    statuses: Counter
    seconds: float
    cpu: float

    def __str__(self) -> str:
        sent = self.statuses.total()
        answers = ", ".join(f"{count} x {status}" for status, count in sorted(self.statuses.items(), key=str))
        rate, cpu = sent / self.seconds, 1e6 * self.cpu / sent
        return f"{self.name:<28}{sent:>8}{self.seconds:>9.2f}{rate:>12.0f}{cpu:>14.0f}   {answers}"


def measured(name: str, send: Callable[[], list[int | None]]) -> Measurement:
    """Send and take the time."""
    wall, cpu = time.perf_counter(), time.process_time()
    statuses = send()
    return Measurement(name, Counter(statuses), time.perf_counter() - wall, time.process_time() - cpu)


def loop(target: Target, batch: list[Request]) -> list[int]:
    """One `requests` session, one request after the other."""
    with session(target, "benchmark") as client:
        return [
            client.request(
                request.method,
                absolute(target, request.path),
                headers=dict(request.headers),
                data=request.body,
                allow_redirects=False,
            ).status_code
            for request in batch
        ]


def compare(target: Target, count: int, folder: Path) -> list[Measurement]:
    """Both ways, each after a warm-up, on a target whose own pace is not asked for."""
    target.scope = target.scope.model_copy(update={"requests": _UNLIMITED, "requests_per_second": _UNLIMITED})
    with Api(target, Journal(folder / "observations.jsonl")) as api:
        guarded = [
            item for item in load_operations(target, api, load_principals(target, api.journal)) if not item.public
        ]
        requests = [operation.request(note="no token") for operation in guarded]
        batch = list(islice(cycle(requests), count))
        api.send(requests, retry_limited=False)
        engine = measured("engine", lambda: [x.status for x in api.send(batch, retry_limited=False)])
    return [engine, measured("loop of requests", lambda: loop(target, batch))]


@contextmanager
def described(path: Path | None) -> Iterator[Path]:
    """The target file given, or that of a reference stack started for it."""
    if path is not None:
        yield path
        return
    from chimera_compliance.stack import Stack

    with Stack.start() as stack:
        yield stack.boot(None).target


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", type=Path, help="target file; the reference stack if none is given")
    parser.add_argument("--requests", type=int, default=1000, help="how many requests each way sends")
    options = parser.parse_args()
    with described(options.target) as path, tempfile.TemporaryDirectory() as folder:
        print(f"{'':<28}{'requests':>8}{'seconds':>9}{'requests/s':>12}{'CPU us each':>14}")
        for measurement in compare(Target.load(path), options.requests, Path(folder)):
            print(measurement)


if __name__ == "__main__":
    main()
