"""Flaws are found, named, and do what they say; correct variants are correct."""

import subprocess
import sys
from pathlib import Path

import jwt
import pytest
from chimera_client import Chimera, signed

from chimera_compliance.stack import StackError
from chimera_compliance.stack.flaws import registry

BENDS = registry()


@pytest.mark.parametrize("name", BENDS)
def test_a_registered_variant_is_described(name):
    bend = BENDS[name]
    assert name.split("-")[0] == (bend.control.lower() if bend.control else "ok")
    assert len(bend.why) > 20


def test_listing_needs_no_web_stack():
    told = (
        "import sys; from chimera_compliance.stack.flaws import registry; assert registry();"
        "assert not {'fastapi', 'sqlalchemy', 'boto3'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", told], cwd=Path(__file__).parents[2], check=True)


def test_an_unsigned_token_gets_in_where_nobody_looks(boot):
    chimera = Chimera.of(boot("c03-unsigned-token"))
    forged = jwt.encode(chimera.claims("bob", "admin"), None, "none")
    assert chimera.call("GET /metrics", forged).status_code == 200


def test_a_table_without_policy_shows_all(boot):
    chimera = Chimera.of(boot("c04-table-without-rls"))
    assert chimera.call("GET /agents/{agent_id}", chimera.token("alice"), who="bob").status_code == 200


def test_rs256_is_declared_and_works(boot):
    chimera = Chimera.of(boot("ok-rs256"))
    assert chimera.target.tokens.mint.algorithm == "RS256"
    assert chimera.call("GET /tasks", chimera.token()).status_code == 200
    public = Path(chimera.target.tokens.public_key).read_text()
    confused = signed({"alg": "HS256", "typ": "JWT"}, chimera.claims(), public)
    assert chimera.call("GET /tasks", confused).status_code == 401


def test_a_boot_that_fails_leaves_nothing(stack, superuser):
    last = stack.boot()
    stack.stop(last)
    taken = f"chimera_{last.id + 1}"
    superuser.execute(f"CREATE DATABASE {taken}")
    with pytest.raises(StackError, match=f'database "{taken}" already exists'):
        stack.boot()
    assert not superuser.execute("SELECT FROM pg_database WHERE datname = %s", (taken,)).fetchone()
    assert not superuser.execute("SELECT FROM pg_roles WHERE rolname LIKE %s", (f"%\\_{last.id + 1}",)).fetchone()
    after = stack.boot()
    assert Chimera.of(after).call("GET /health").status_code == 200
    stack.stop(after)
