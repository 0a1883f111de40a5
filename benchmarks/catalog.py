"""How long C04 looks at a large schema: the database part alone, on databases of 20, 500 and 5,000 tables.

Every table is multi-tenant, forced, with one policy and a few rows of two tenants; a fifth hangs on another by a
foreign key. PostgreSQL's own binaries serve it, as they do the reference stack.

    python -m benchmarks.catalog [--tables 20,500,5000] [--repeat 3]
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
import yaml

from chimera_compliance.journal import Journal
from chimera_compliance.probes.postgres.database import BEHAVIOUR, CATALOG, Database
from chimera_compliance.stack import Stack
from chimera_compliance.target import Target

_TABLE = """
CREATE TABLE {schema}.t{n} (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), tenant_id uuid NOT NULL, name text NOT NULL, amount numeric,
  made timestamptz NOT NULL DEFAULT now(), parent uuid, UNIQUE (tenant_id, id){reference});
ALTER TABLE {schema}.t{n} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {schema}.t{n} FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON {schema}.t{n}
  USING (tenant_id = nullif(current_setting('app.current_tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON {schema}.t{n} TO {app};
INSERT INTO {schema}.t{n} (tenant_id, name) VALUES
  ('a0000000-0000-4000-8000-000000000001', 'a'), ('b0000000-0000-4000-8000-000000000001', 'b');
"""

_REFERENCE = ", FOREIGN KEY (tenant_id, parent) REFERENCES large.t{} (tenant_id, id)"


def fill(dsn: str, app: str, tables: int) -> None:
    """Add the tables, as their owner would."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA large; GRANT USAGE ON SCHEMA large TO {app}")
        for first in range(0, tables, 200):
            connection.execute(
                "".join(
                    _TABLE.format(
                        schema="large", n=n, app=app, reference=_REFERENCE.format(n - 1) if n % 5 == 4 else ""
                    )
                    for n in range(first, min(first + 200, tables))
                )
            )
        connection.execute("ANALYZE")


def target_file(described: Path, folder: Path) -> Path:
    """The same database, without the rest of the stack."""
    document = yaml.safe_load(described.read_text())
    kept = {name: document[name] for name in ("version", "name", "principals", "db")}
    file = folder / "database.yaml"
    file.write_text(yaml.safe_dump(kept))
    return file


def measure(target: Path) -> dict[str, float]:
    """Seconds for the catalog's requirements and for the behaviour's, and the peak memory in MiB of this process."""
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder) / "observations.jsonl", run_id="benchmark", prefix="O")
        with Database(Target.load(target), journal) as database:
            began = time.perf_counter()
            seen = [database.topic(name) for name in CATALOG]
            catalog = time.perf_counter() - began
            seen += [database.topic(name) for name in BEHAVIOUR]
            behaviour = time.perf_counter() - began - catalog
    findings = sum(len(facts.seen) for facts in seen)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"catalog": catalog, "behaviour": behaviour, "peak": peak, "findings": findings}


def main() -> None:
    """Print a table; each size has a database of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", default="20,500,5000")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        return print(json.dumps(measure(given.measure)))
    columns = ("tables", "catalog, s", "behaviour, s", "peak, MiB", "findings")
    print("".join(f"{name:>14}" for name in columns), f"   medians of {given.repeat}")
    for tables in map(int, given.tables.split(",")):
        with Stack.start() as stack:
            running = stack.boot()
            described = Target.load(running.target)
            app = psycopg.conninfo.conninfo_to_dict(described.dsn(described.db.dsn))["user"]
            fill(described.dsn(described.db.catalog_dsn), app, tables)
            # In the stack's own folder, for the file names its secrets relative to itself.
            target = target_file(running.target, running.target.parent)
            command = [sys.executable, "-m", "benchmarks.catalog", "--measure", target]
            runs = [json.loads(subprocess.check_output(command)) for _ in range(given.repeat)]
        catalog, behaviour, peak, findings = (statistics.median(run[name] for run in runs) for name in runs[0])
        print(f"{tables:>14}{catalog:>14.2f}{behaviour:>14.2f}{peak:>14.0f}{findings:>14.0f}", flush=True)


if __name__ == "__main__":
    main()
