"""Any document a target serves is read, or refused in one clear sentence; its paths and guards come out right."""

import json
import time

import pytest
from loopback import always, answer, api_for, path_of, serving

from chimera_compliance.errors import ConfigurationError
from chimera_compliance.outcomes import Inconclusive
from chimera_compliance.probes.openapi.document import parse
from chimera_compliance.probes.openapi.operations import load_operations
from chimera_compliance.probes.principals.principal import load_principals

PEOPLE = "tokens: {mint: {key: '${SIGNING_KEY}'}}\nprincipals: {alice: {role: operator}}\n"


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("SIGNING_KEY", "k" * 40)


def load(url, tmp_path, text="", base="", **scope):
    api_text = text if "api:" in text else f"api: {{base_url: '{url}{base}'}}\n{text}"
    with api_for(url, tmp_path, api_text + PEOPLE, **scope) as api:
        return load_operations(api.target, api, load_principals(api.target, api.journal))


def loaded(document, tmp_path, text="", base=""):
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    with serving(always(answer(data))) as server:
        return load(server.url, tmp_path, text.replace("URL", server.url), base)


def openapi(paths, **more):
    return {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": paths, **more}


def ids(operations):
    return [operation.id for operation in operations]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html>docs</html>", "is HTML or XML, not JSON or YAML"),
        (b'{"openapi": "3.0.0", ', "neither JSON nor YAML"),
        (b"\xff\xfe\x00", "neither JSON nor YAML"),
        (b"just words", "no `paths`"),
        (b"[1, 2]", "no `paths`"),
        (b'{"paths": []}', "no `paths`"),
        (b'{"paths": {}}', "no operation is known"),
        (b'{"paths": {"/x": null, "x": {"get": {}}, "/y": {"get": 1, "summary": "s"}}}', "no operation is known"),
        (b'{"paths":' + b'{"a":' * 200_000 + b"1" + b"}" * 200_001, "nested too deeply"),
        (b"a: " + b"[" * 5000, "nested too deeply|neither JSON nor YAML"),
        (b"&a [*a, *a]", "no `paths`"),
        (b"x: " + b"y" * (5 << 20), "YAML of more than 4 MB"),
        (json.dumps(openapi({f"/p{n}": {"get": {}} for n in range(5001)})).encode(), "more than 5000"),
    ],
    ids=[
        *("empty", "html", "broken", "binary", "words", "list", "paths-list", "no-paths", "no-operations"),
        *("deep-json", "deep-yaml", "self-alias", "big-yaml", "too-many"),
    ],
)
def test_a_document_that_is_none_is_inconclusive(document, said, tmp_path):
    with pytest.raises(Inconclusive, match=said) as raised:
        loaded(document, tmp_path)
    assert "\n" not in str(raised.value)


def test_a_document_larger_than_30_mb_is_refused_and_one_below_is_read(tmp_path):
    filler = "x" * (29 << 20)
    assert ids(loaded(openapi({"/a": {"get": {"description": filler}}}), tmp_path)) == ["GET /a"]
    with pytest.raises(Inconclusive, match="larger than 30 MB"):
        loaded(openapi({"/a": {"get": {"description": filler + "x" * (2 << 20)}}}), tmp_path)


def test_a_document_that_never_ends_is_given_up(tmp_path):
    def endless(connection, request):
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.sendall(b"1\r\n{\r\n")
            time.sleep(0.02)

    with serving(endless) as server:
        began = time.monotonic()
        with pytest.raises(Inconclusive, match="no complete answer"):
            load(server.url, tmp_path, timeout_seconds=0.2)
        assert time.monotonic() - began < 4


def test_a_gzip_bomb_is_no_document(tmp_path):
    import gzip

    bomb = answer(gzip.compress(b" " * (200 << 20), 1), "200 OK", "Content-Encoding: gzip")
    with serving(always(bomb)) as server, pytest.raises(Inconclusive, match="larger than 30 MB"):
        load(server.url, tmp_path)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (answer(b"", "404 Not Found"), "GET /openapi.json answered 404"),
        (answer(b"", "500 Oops"), "GET /openapi.json answered 500"),
        (answer(b"", "302 Found", "Location: /openapi.json"), "redirects without end"),
        (b"NONSENSE\r\n\r\n", "GET /openapi.json: "),
    ],
    ids=["absent", "failing", "circle", "no-http"],
)
def test_no_document_is_inconclusive(reply, said, tmp_path):
    with serving(always(reply)) as server, pytest.raises(Inconclusive, match=said):
        load(server.url, tmp_path)


def test_a_redirect_is_followed_but_never_with_a_credential_to_another_host(tmp_path):
    document = json.dumps(openapi({"/a": {"get": {}}})).encode()
    with serving(always(answer(document))) as other:

        def behave(connection, request):
            moved = f"Location: http://localhost:{other.port}/doc"
            allowed = b"Bearer" in request
            connection.sendall(answer(b"", "302 Found", moved) if allowed else answer(b"", "401 Unauthorized"))

        with serving(behave) as server:
            assert ids(load(server.url, tmp_path, hosts="[127.0.0.1, localhost]")) == ["GET /a"]
    assert b"Bearer" not in other.heard[-1]


def test_the_document_is_asked_for_anonymously_then_with_a_token(tmp_path):
    document = answer(json.dumps(openapi({"/a": {"get": {}}})).encode())

    def behave(connection, request):
        connection.sendall(document if b"Authorization: Bearer ey" in request else answer(b"", "401 Unauthorized"))

    with serving(behave) as server:
        assert ids(load(server.url, tmp_path)) == ["GET /a"]
        assert len(server.heard) == 2


def test_a_document_beside_the_base_path_is_found(tmp_path):
    document = answer(json.dumps(openapi({"/api/v1/a": {"get": {}}, "/health": {"get": {}}})).encode())

    def behave(connection, request):
        connection.sendall(document if path_of(request) == "/openapi.json" else answer(b"", "404 Not Found"))

    with serving(behave) as server:
        assert ids(load(server.url, tmp_path, base="/api/v1")) == ["GET /a", f"GET {server.url}/health"]


def test_a_file_may_be_json_or_yaml_and_a_missing_one_is_a_configuration_error(tmp_path):
    (tmp_path / "doc.yaml").write_text("openapi: 3.0.0\npaths: {/a: {get: {x-date: 2020-01-01}}}")
    text = "api: {base_url: 'http://127.0.0.1:1', openapi: %s}\n"
    assert ids(load("http://127.0.0.1:1", tmp_path, text % "doc.yaml")) == ["GET /a"]
    with pytest.raises(ConfigurationError, match=r"cannot read .*absent\.json"):
        load("http://127.0.0.1:1", tmp_path, text % "absent.json")


@pytest.mark.parametrize(
    ("base", "servers", "path", "expected"),
    [
        ("", [], "/a", "/a"),
        ("/api/v1", [], "/a", "/a"),
        ("/api/v1", [], "/api/v1/a", "/a"),
        ("/api/v1", [], "/api/v1", "/"),
        ("/api", [], "/apis/a", "/apis/a"),
        ("/api/v1", [{"url": "/api/v1"}], "/a", "/a"),
        ("/api/v1", [{"url": "https://prod.example/api/v1/"}], "/a", "/a"),
        ("/api", [{"url": "/api"}], "/v1/a", "/v1/a"),
        ("/api", [{"url": "/api/v1"}], "/a", "/v1/a"),
        ("", [{"url": "/api/v1"}], "/a", "/api/v1/a"),
        ("", [{"url": "api/v1"}], "/a", "/api/v1/a"),
        ("", [{"url": "./"}], "/a", "/a"),
        ("/v2", [{"url": "/{stage}", "variables": {"stage": {"default": "v2"}}}], "/a", "/a"),
        ("/gateway", [{"url": "http://localhost:8000"}], "/a", "/a"),
        ("/gateway", [{"url": "http://[bad"}], "/a", "/a"),
    ],
)
def test_documented_paths_are_placed_below_the_base_url(base, servers, path, expected, tmp_path):
    assert ids(loaded(openapi({path: {"get": {}}}, servers=servers), tmp_path, base=base)) == [f"GET {expected}"]


def test_servers_of_an_operation_come_before_those_of_the_document(tmp_path):
    paths = {"/a": {"get": {"servers": [{"url": "/two"}]}, "post": {}, "servers": [{"url": "/one"}]}}
    assert ids(loaded(openapi(paths, servers=[{"url": "/zero"}]), tmp_path)) == ["GET /two/a", "POST /one/a"]


def test_swagger_2_is_read(tmp_path):
    paths = {
        "/things/{id}": {
            "parameters": [{"name": "id", "in": "path", "required": True, "type": "integer"}],
            "put": {
                "consumes": ["application/json"],
                "parameters": [
                    {"name": "body", "in": "body", "required": True, "schema": {"$ref": "#/definitions/Thing"}},
                    {"name": "dry", "in": "query", "required": True, "type": "boolean"},
                ],
            },
            "post": {"parameters": [{"name": "title", "in": "formData", "required": True, "type": "string"}]},
        }
    }
    thing = {"type": "object", "required": ["size"], "properties": {"size": {"type": "integer", "minimum": 3}}}
    document = {"swagger": "2.0", "basePath": "/v1/", "paths": paths, "definitions": {"Thing": thing}}
    document["security"] = [{"key": []}]
    put, post = loaded(document, tmp_path, base="/v1")
    request = put.request()
    assert (put.id, put.secured, json.loads(request.body)) == ("PUT /things/{id}", True, {"size": 3})
    assert request.path.endswith("?dry=true")
    assert request.path[8:18].isdigit()
    assert not request.resolved
    assert dict(post.request().headers)["Content-Type"] == "application/x-www-form-urlencoded"
    assert post.request().body.startswith(b"title=")


def test_security_of_an_operation_replaces_that_of_the_document(tmp_path):
    paths = {
        "/default": {"get": {}},
        "/none": {"get": {"security": []}},
        "/optional": {"get": {"security": [{"bearer": []}, {}]}},
        "/own": {"get": {"security": [{"other": []}]}},
        "/odd": {"get": {"security": "bearer"}},
    }
    found = loaded(openapi(paths, security=[{"bearer": []}]), tmp_path)
    assert [operation.secured for operation in found] == [True, False, False, True, False]
    assert not any(operation.secured for operation in loaded(openapi(paths), tmp_path)[:3])


def test_the_target_file_says_what_is_public_who_is_admitted_and_what_else_there_is(tmp_path):
    text = """
api:
  base_url: URL
  public: [GET /health/, 'GET /open/{x}']
  roles: {'get /things/{whatever}': [admin]}
  operations:
    - {operation: GET /metrics}
    - {operation: 'GET /things/{id}'}
    - {operation: 'POST /odd/{n}', body: {n: '{tenant}'}}
"""
    paths = {"/health": {"get": {}}, "/open/{id}": {"get": {}}, "/things/{thing_id}": {"get": {}}}
    found = {operation.id: operation for operation in loaded(openapi(paths), tmp_path, text)}
    assert list(found)[3:] == ["GET /metrics", "POST /odd/{n}"]
    assert [operation.public for operation in found.values()] == [True, True, False, False, False]
    assert found["GET /things/{thing_id}"].roles == {"admin"}
    assert found["GET /metrics"].roles is None
    assert found["POST /odd/{n}"].source == "target"


def test_a_target_may_have_no_document(tmp_path):
    text = "api: {base_url: 'http://127.0.0.1:1', openapi: null, operations: [{operation: GET /a}]}\n"
    assert ids(load("http://127.0.0.1:1", tmp_path, text)) == ["GET /a"]


def test_references_are_followed_inside_the_document_only(tmp_path):
    components = {
        "parameters": {
            "P": {"name": "p", "in": "query", "required": True, "schema": {"$ref": "#/components/schemas/S"}}
        },
        "schemas": {"S": {"enum": ["first", "second"]}, "Loop": {"$ref": "#/components/schemas/Loop"}},
        "pathItems": {"Item": {"get": {"parameters": [{"$ref": "#/components/parameters/P"}]}}},
    }
    strange = [
        {"$ref": "#/components/schemas/Loop"},
        {"$ref": "file:///etc/passwd"},
        {"$ref": "http://x/y#/z"},
        7,
        None,
    ]
    paths = {"/a": {"$ref": "#/components/pathItems/Item"}, "/b": {"post": {"parameters": strange}}}
    first, second = loaded(openapi(paths, components=components), tmp_path)
    assert first.request().path == "/a?p=first"
    assert second.parameters == ()


def test_parameters_of_the_operation_come_before_those_of_the_path(tmp_path):
    here = [
        {"name": "n", "in": "query", "required": True, "schema": {"const": "op"}},
        {"name": "X-Trace", "in": "header", "required": True, "example": "abc", "schema": {"type": "string"}},
        {"name": "Authorization", "in": "header", "required": True, "schema": {"type": "string"}},
        {"name": "c", "in": "cookie", "required": True, "schema": {"const": "1"}},
        {"name": "tags", "in": "query", "required": True, "schema": {"type": "array", "default": ["a b", "c"]}},
        {"name": "optional", "in": "query", "schema": {"type": "string"}},
        {"name": "given", "in": "query", "schema": {"type": "string"}},
    ]
    paths = {
        "/a": {"get": {"parameters": here}, "parameters": [{"name": "n", "in": "query", "schema": {"const": "path"}}]}
    }
    text = "api: {base_url: URL, parameters: {given: mine}}\n"
    request = loaded(openapi(paths), tmp_path, text)[0].request()
    assert request.path == "/a?n=op&tags=a+b&tags=c&given=mine"
    assert dict(request.headers) == {"X-Trace": "abc", "Cookie": "c=1"}


def test_hostile_references_and_schemas_take_no_time():
    chain = {f"S{n}": {"allOf": [{"$ref": f"#/components/schemas/S{n + 1}"}] * 10} for n in range(100)}
    wide = {
        "required": [f"p{n}" for n in range(50)],
        "properties": {f"p{n}": {"$ref": "#/components/schemas/W"} for n in range(50)},
    }
    loop = {"anyOf": [{"$ref": "#/components/schemas/L"}], "allOf": [{"$ref": "#/components/schemas/L"}]}
    list_of = {"type": "array", "minItems": 10**9, "items": {"$ref": "#/components/schemas/A"}}
    document = parse(
        json.dumps(openapi({}, components={"schemas": {**chain, "W": wide, "L": loop, "A": list_of}})).encode()
    )
    from chimera_compliance.probes.openapi.body import Generator

    began = time.monotonic()
    for name in ("S0", "W", "L", "A"):
        Generator(document).instance({"$ref": f"#/components/schemas/{name}"})
    assert time.monotonic() - began < 2
