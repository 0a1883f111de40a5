"""Row-level security: what C04 sees in a database, beside pgrls, on every case of tests/rls_corpus.

    python -m benchmarks.rls_corpus --pgrls PATH [--siblings]

pgrls is a static analyzer of policies (MIT, https://pypi.org/project/pgrls/); install it into an environment of its own
(`python -m venv pgrls && pgrls/bin/pip install pgrls`) and name its executable. It looks at the same loaded schemas as
superuser, and all that it has counts: warnings and errors of `lint` by rules on security (SEC, VIEW; not those on speed
and style), leaks that `verify` proves in any of its modes, and tables that `matrix` says lie OPEN to the application's
role. It is told what serves it best: that role is what it calls low-trust; SEC003 is off, for it minds the policy of
ADR-005 as it stands there; SEC004 and SEC047 are not told of the role, for they would mind policies that ask a
function, and every foreign key to the tenants. `verify --probe` adds nothing here.

A flaw counts as caught by a tool only if it reports something there that it does not report on the twin, the same
schema with the flaw alone removed; where a sibling has no twin, on the schema that all siblings begin with. That holds
for both tools. A twin or a correct design is flagged if anything is reported on it.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import cache, partial

import psycopg

from chimera_compliance.checklist import Checklist
from chimera_compliance.home import CHECKS
from tests.rls_corpus.cases import BASE, Case, load, seen, shown, siblings
from tests.rls_corpus.cluster import Cluster, binaries

Tool = Callable[[Cluster, Case], set[str]]
MODES = ("anon", "cross-tenant", "write", "escalation", "reachability")
_LOW_TRUST = {"SEC042": "anon_roles"} | dict.fromkeys(
    ("SEC044", "SEC045", "SEC049", "SEC052", "SEC053", "SEC054"), "grantees"
)
SETTINGS = '[lint]\ndisable = ["SEC003"]\n' + "".join(
    f'[lint.rules.{rule}]\n{option} = ["PUBLIC", "app_user"]\n' for rule, option in _LOW_TRUST.items()
)
_BEGAN_WITH = Case("base", BASE)


def requirements() -> dict[str, str]:
    """Which requirement asks for which topic, as the checks say it."""
    checks = (CHECKS / "test_c04_row_level_security.py").read_text()
    ids = Checklist.load().by_test
    asked = re.findall(r'def (test_\w+)\((?:(?!\ndef ).)*?seen\("([\w ]+)"', checks, re.DOTALL)
    return {topic: ids["C04", test].id for test, topic in asked}


def c04(ids: dict[str, str], cluster: Cluster, case: Case) -> set[str]:
    """The requirements that would fail."""
    return {ids[topic] for topic in seen(cluster, case)}


def pgrls(program: str, settings: str, cluster: Cluster, case: Case) -> set[str]:
    """The rules that report something, and the modes that prove a leak."""
    with psycopg.connect(cluster.superuser) as connection:
        schemas = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema$)'")
        given = ["--schemas", ",".join(name for (name,) in schemas), "--config", settings, "--format", "json"]

    def asked(*command: str) -> dict:
        run = [program, *command, "--database-url", cluster.superuser, *given]
        done = subprocess.run(run, capture_output=True, text=True)
        if done.returncode not in (0, 1):
            sys.exit(f"pgrls {' '.join(command)} on {case.name}: {done.stderr.strip()}")
        return json.loads(done.stdout)

    with ThreadPoolExecutor(2) as pool:
        lint, matrix = pool.submit(asked, "lint"), pool.submit(asked, "matrix", "--roles", "app_user")
        proofs = dict(zip(MODES, pool.map(lambda mode: asked("verify", "--mode", mode), MODES), strict=True))
    told = [one["rule_id"] for one in lint.result()["violations"] if one["severity"] in ("warning", "error")]
    leaks = [mode for mode, proof in proofs.items() if any(one["verdict"] == "leak" for one in proof["tables"])]
    lies_open = any(one["access"]["app_user"]["verdict"] == "open" for one in matrix.result()["rows"])
    rules = {rule for rule in told if rule.startswith(("SEC", "VIEW"))}
    return rules | {f"verify {mode}" for mode in leaks} | ({"matrix"} if lies_open else set())


def row(*cells: object) -> None:
    """A line of the table."""
    print("|", " | ".join(f"{cell:38}" if n == 0 else str(cell) for n, cell in enumerate(cells)), "|", flush=True)


def words(found: set[str]) -> str:
    """Ids in their order."""
    return ", ".join(sorted(found, key=lambda one: [int(x) if x.isdigit() else x for x in re.split(r"(\d+)", one)]))


def compare(cluster: Cluster, tools: dict[str, Tool], flaws: list[Case], twins: list[Case], sound: list[Case]) -> None:
    """Print what is new on each flaw, what is reported on its twin and on each correct design, and the totals."""

    @cache
    def reports(case: Case) -> list[set[str]]:
        load(cluster, case)
        return [tool(cluster, case) for tool in tools.values()]

    caught, alarms, designs = [], [], []
    known = {case.name: case for case in twins}
    row("flaw", *tools, *(f"{name} on the twin" for name in tools))
    row(*["---"] * (1 + 2 * len(tools)))
    for case in flaws:
        twin = reports(known.get(case.name, _BEGAN_WITH))
        caught.append([found - before for found, before in zip(reports(case), twin, strict=True)])
        alarms += [twin] if case.name in known else []
        row(case.name, *map(words, caught[-1]), *map(words, twin))
    print()
    row("correct design", *tools)
    row(*["---"] * (1 + len(tools)))
    for case in sound:
        designs.append(reports(case))
        row(case.name, *map(words, designs[-1]))
    print()
    row("", "flaws caught", "twins flagged", "correct designs flagged")
    row(*["---"] * 4)
    for number, name in enumerate(tools):
        counted = (caught, alarms, designs)
        row(name, *(f"{sum(bool(each[number]) for each in group)} of {len(group)}" for group in counted))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pgrls", default=shutil.which("pgrls"), help="the program; by default that on PATH")
    parser.add_argument("--siblings", action="store_true", help="the siblings of the corpus instead")
    given = parser.parse_args()
    if not given.pgrls or not shutil.which(given.pgrls):
        parser.error("pgrls is not there: install it into an environment of its own, and name it with --pgrls")
    if binaries() is None:
        parser.error("there is no PostgreSQL server here")
    version = subprocess.check_output([given.pgrls, "--version"], text=True).split()[-1]
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as settings, closing(Cluster()) as cluster:
        settings.write(SETTINGS)
        settings.flush()
        theirs = partial(pgrls, given.pgrls, settings.name)
        tools = {"C04": partial(c04, requirements()), f"pgrls {version}": theirs}
        kinds = map(siblings, ("flaw", "twin", "sql")) if given.siblings else map(shown, ("flaws", "fixed", "correct"))
        compare(cluster, tools, *kinds)


if __name__ == "__main__":
    main()
