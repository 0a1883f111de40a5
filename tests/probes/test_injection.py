"""Injection on small services of another kind: over SQLite, where only answers tell, and over PostgreSQL."""

import json
import sqlite3
import threading
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from flask import Flask, abort, jsonify, request
from werkzeug.serving import make_server

from chimera_compliance.journal import Journal
from chimera_compliance.probes.http.api import Api
from chimera_compliance.probes.injection.lexical import stands_outside
from chimera_compliance.probes.injection.means import Timed, Watched
from chimera_compliance.probes.injection.routines import _built
from chimera_compliance.probes.injection.survey import survey
from chimera_compliance.probes.injection.witness import Witness, prove
from chimera_compliance.probes.openapi.operations import load_operations
from chimera_compliance.probes.principals.principal import load_principals
from chimera_compliance.target import Target

DOCUMENT = {
    "openapi": "3.1.0",
    "paths": {
        "/pets": {
            "get": {
                "parameters": [
                    {"name": "kind", "in": "query", "schema": {"type": "string"}, "example": "cat"},
                    {"name": "sort", "in": "query", "schema": {"type": "string"}, "example": "name"},
                    {"name": "age", "in": "query", "schema": {"type": "integer"}, "example": 3},
                ]
            },
            "post": {
                "requestBody": {
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "required": ["name"],
                                "properties": {
                                    "name": {"type": "string"},
                                    "kind": {"type": "string", "example": "cat"},
                                },
                            }
                        }
                    }
                }
            },
        },
        "/pets/{name}": {"get": {"parameters": [{"name": "name", "in": "path", "schema": {"type": "string"}}]}},
    },
}
ROWS = [("tom", "cat", 3), ("kit", "cat", 5), ("rex", "dog", 3)]


def quoted(value) -> str:
    """As a careful client quotes."""
    return "'" + str(value).replace("'", "''") + "'"


def raw(value) -> str:
    return f"'{value}'"


class Store:
    """The same three statements, for SQLite and PostgreSQL; `flaws` are the places that put values in by hand."""

    def __init__(self, connect, flaws: frozenset[str], *, hides: bool = False) -> None:
        self._connect, self._flaws, self._hides = connect, flaws, hides

    def value(self, place: str, value) -> str:
        return (raw if place in self._flaws else quoted)(value)

    def ask(self, statement: str) -> list:
        with self._connect() as connection:
            try:
                cursor = connection.execute(statement)
                return cursor.fetchall() if cursor.description else []
            except (sqlite3.Error, psycopg.Error):
                if self._hides:
                    return []
                raise

    def index(self, kind, sort, age) -> list:
        where = f"WHERE kind = {self.value('kind', kind)}" if kind else "WHERE true"
        if age:
            where += f" AND age = {age if 'age' in self._flaws else int(age)}"
        order = sort if "sort" in self._flaws else {"name": "name", "age": "age"}.get(sort, "name")
        return self.ask(f"SELECT name, kind, age FROM pets {where} ORDER BY {order}")

    def add(self, name, kind) -> None:
        self.ask(f"INSERT INTO pets VALUES ({self.value('name', name)}, {quoted(kind)}, 1)")

    def show(self, name) -> list:
        return self.ask(f"SELECT name, kind, age FROM pets WHERE name = {self.value('path', name)}")


def application(store: Store) -> Flask:
    app = Flask(__name__)
    row = lambda item: dict(zip(("name", "kind", "age"), item, strict=True))  # noqa: E731

    @app.get("/pets")
    def index():
        if request.args.get("age") and not request.args["age"].isdigit() and "age" not in store._flaws:
            abort(400)
        found = store.index(*(request.args.get(key) for key in ("kind", "sort", "age")))
        return jsonify(items=list(map(row, found)))

    @app.post("/pets")
    def add():
        body = request.get_json()
        store.add(body["name"], body.get("kind", "cat"))
        return jsonify(name=body["name"]), 201

    @app.get("/pets/<name>")
    def show(name):
        return jsonify(row((store.show(name) or abort(404))[0]))

    return app


@contextmanager
def looked_at(app: Flask, folder: Path, means):
    """What the survey finds on an application that is served for real."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (folder / "openapi.json").write_text(json.dumps(DOCUMENT))
    (folder / "target.yaml").write_text(
        "name: pets\nscope: {writes: true, requests_per_second: 10000}\n"
        f"api: {{base_url: 'http://127.0.0.1:{server.port}', openapi: openapi.json, public: [GET /pets, POST /pets, "
        "'GET /pets/{name}'], parameters: {}}\nprincipals: {alice: {resources: {name: tom}}}\n"
    )
    target, journal = Target.load(folder / "target.yaml"), Journal()
    try:
        with Api(target, journal) as api:
            principals = load_principals(target, journal)
            operations = load_operations(target, api, principals)
            yield survey(api, operations, list(principals.values()), means(api))
    finally:
        server.shutdown()


def sqlite(folder: Path):
    def connect():
        return sqlite3.connect(folder / "pets.db", timeout=5, isolation_level=None)

    with connect() as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS pets (name text, kind text, age integer)")
        connection.executemany("INSERT INTO pets VALUES (?, ?, ?)", ROWS)
    return connect


PLACES = {"kind": "query kind", "sort": "query sort", "age": "query age", "path": "path name"}


@pytest.mark.parametrize("hides", [False, True], ids=["shows errors", "hides errors"])
@pytest.mark.parametrize("flaw", PLACES)
def test_answers_tell_on_sqlite(flaw, hides, tmp_path):
    if (flaw, hides) == ("sort", True):
        pytest.skip("an order that is hidden when it breaks shows nothing but an empty list")
    with looked_at(application(Store(sqlite(tmp_path), frozenset({flaw}), hides=hides)), tmp_path, Timed) as found:
        assert {item.place for item in found.seen} == {PLACES[flaw]}


def test_a_body_that_breaks_tells_on_sqlite(tmp_path):
    with looked_at(application(Store(sqlite(tmp_path), frozenset({"name"}))), tmp_path, Timed) as found:
        assert {item.place for item in found.seen} == {"body name"}


def test_right_answers_are_let_be_on_sqlite(tmp_path):
    with looked_at(application(Store(sqlite(tmp_path), frozenset())), tmp_path, Timed) as found:
        assert found.seen == []
        assert not any(found.untested.values())


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A PostgreSQL of our own."""
    from chimera_compliance.stack import Stack

    with Stack.start() as stack:
        folder = stack.boot(None).target.parent
        yield (folder / "catalog.dsn").read_text()


@pytest.fixture
def postgres(server):
    def connect():
        return psycopg.connect(server, autocommit=True)

    with connect() as connection:
        connection.execute("DROP TABLE IF EXISTS pets; CREATE TABLE pets (name text, kind text, age integer)")
        for row in ROWS:
            connection.execute("INSERT INTO pets VALUES (%s, %s, %s)", row)
    return connect


@pytest.mark.parametrize("hides", [False, True], ids=["shows errors", "hides errors"])
@pytest.mark.parametrize("flaw", [*PLACES, "name"])
def test_the_database_tells(flaw, hides, tmp_path, postgres, server):
    store = Store(postgres, frozenset({flaw}), hides=hides)
    with looked_at(application(store), tmp_path, lambda api: Watched(api, Witness(server, Journal()))) as found:
        assert {item.place for item in found.seen} == {{**PLACES, "name": "body name"}[flaw]}


def test_values_that_the_client_quotes_are_let_be(tmp_path, postgres, server):
    with looked_at(
        application(Store(postgres, frozenset())), tmp_path, lambda api: Watched(api, Witness(server, Journal()))
    ) as found:
        assert found.seen == []


def test_the_witness_sees_what_the_application_runs_and_leaves_nothing(server):
    witness = Witness(server, Journal())
    assert prove(witness, server) == ""
    with psycopg.connect(server, autocommit=True) as connection:
        held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
        assert connection.execute(held).fetchone() == (0,)


def test_without_a_database_there_is_no_witness(server):
    wrong = server.replace(":" + server.rpartition("@")[2].partition("/")[0].rpartition(":")[2], ":1")
    assert prove(Witness(wrong, Journal()), wrong)


@pytest.mark.parametrize(
    ("statement", "outside"),
    [
        ("select 'a''mk1'", False),
        ("select 'a'mk1", True),
        (r"select E'a\'mk1'", False),
        (r"select E'a\''mk1", True),
        ('select "x""mk1"', False),
        ("select $$mk1$$", False),
        ("select $a$ $$ mk1 $a$", False),
        ("select 1 -- mk1", False),
        ("select /* /* */ mk1 */ 1", False),
        ("select /* */ mk1", True),
        ("select 'mk1", False),
        (r"select 'a\'mk1", True),
        ("select 1 limit 1mk1", True),
    ],
)
def test_a_statement_is_read_as_the_server_reads_it(statement, outside):
    assert stands_outside(statement, "mk1") is outside


@pytest.mark.parametrize(
    ("body", "unsafe"),
    [
        ("EXECUTE 'select '''||wanted||''''", True),
        ("EXECUTE 'select '||quote_literal(wanted)", False),
        ("s := 'a'||wanted; EXECUTE s INTO x USING 1", True),
        ("EXECUTE format('select %L from %I', wanted, wanted) INTO x USING wanted", False),
        ("EXECUTE format('select %s', wanted)", True),
        ("EXECUTE format('select %2$L %1$I', wanted, wanted)", False),
        ("EXECUTE 'select $1' USING wanted", False),
        ("EXECUTE wanted", True),
        ("EXECUTE 'a'||wanted::regclass", False),
        ("RETURN QUERY EXECUTE concat('select ', wanted)", True),
        ("EXECUTE 'a'||lower($1)", True),
        ("EXECUTE 'a'||CASE WHEN wanted = 'x' THEN 'b' ELSE 'c' END", False),
        ("RAISE NOTICE '%', wanted; EXECUTE 'select 1'", False),
    ],
)
def test_a_function_that_executes_its_argument_is_found(body, unsafe):
    assert bool(_built(f"BEGIN {body}; END", {"wanted", "$1"})) is unsafe
