"""Requests carry ids that exist and belong to the principal, and say so where they do not."""

import json
import re

import pytest
from loopback import answer, api_for, path_of, serving

from chimera_compliance.probes.openapi.operations import load_operations
from chimera_compliance.probes.principals.principal import load_principals

PEOPLE = """
tokens: {mint: {key: '${SIGNING_KEY}'}}
principals:
  alice: {tenant: t-a, role: operator, resources: {}}
  bob: {tenant: t-b, role: operator, resources: {thing_id: bobs-own}}
"""


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("SIGNING_KEY", "k" * 40)


class Service:
    """Lists what it is told to, to whoever shows a token."""

    def __init__(self, paths: dict, lists: dict) -> None:
        self.document = {"openapi": "3.1.0", "paths": paths}
        self.lists = lists

    def __call__(self, connection, request) -> None:
        path = path_of(request)
        if path == "/openapi.json":
            connection.sendall(answer(json.dumps(self.document).encode()))
        elif b"Authorization: Bearer ey" not in request:
            connection.sendall(answer(b"", "401 Unauthorized"))
        elif path in self.lists:
            connection.sendall(answer(json.dumps(self.lists[path]).encode()))
        else:
            connection.sendall(answer(b"", "404 Not Found"))


def requests(paths, lists, tmp_path, who=None, text="", people=PEOPLE, **options):
    """The request to the last operation of a service, as (path, resolved)."""
    with serving(Service(paths, lists)) as server, api_for(server.url, tmp_path, text + people) as api:
        principals = load_principals(api.target, api.journal)
        operations = load_operations(api.target, api, principals)
        made = [operations[-1].request(principals.get(who) if who else None, **options) for _ in range(2)]
        server.heard.clear()
    return made[0].path, made[0].resolved


GET = {"get": {}}
THINGS = {"/things": GET, "/things/{thing_id}": GET}


@pytest.mark.parametrize(
    "listed",
    [
        [{"id": "x-1"}],
        [{"thing_id": "x-1", "id": "no"}],
        [{"thingId": "x-1", "name": "no"}],
        {"items": [{"uuid": "x-1"}], "total": 1},
        {"total": 1, "data": {"rows": [], "things": [{"_id": "x-1"}]}},
        [{"slug": "x-1", "title": "no"}],
        [{"id": "others", "tenant_id": "t-b"}, {"id": "x-1", "tenant_id": "t-a"}],
    ],
    ids=json.dumps,
)
def test_an_id_is_taken_from_the_collection(listed, tmp_path):
    assert requests(THINGS, {"/things": listed}, tmp_path) == ("/things/x-1", True)


def test_the_target_files_id_comes_first_and_is_the_principals_own(tmp_path):
    lists = {"/things": [{"id": "listed"}]}
    assert requests(THINGS, lists, tmp_path, "bob") == ("/things/bobs-own", True)
    people = PEOPLE.replace("thing_id: bobs-own", "'/things/{thing_id}': of-the-path, thing_id: of-the-name")
    assert requests(THINGS, lists, tmp_path, "bob", people=people) == ("/things/of-the-path", True)


def test_a_setting_serves_everybody(tmp_path):
    text = "api: {base_url: URL, parameters: {day: '2030-01-01'}}\n"
    assert requests({"/days/{day}": GET}, {}, tmp_path, text=text) == ("/days/2030-01-01", True)


def test_an_id_mentioned_elsewhere_will_do(tmp_path):
    fleet = {"fleet": {"agents": [{"agent_id": "a-1", "balance": 3}]}}
    paths = {"/fleet/status": GET, "/agents/{agent_id}": GET}
    assert requests(paths, {"/fleet/status": fleet}, tmp_path) == ("/agents/a-1", True)
    fleet = {"agents": [{"id": 17}], "id": "no", "agent": {"id": "no"}}
    assert requests(paths, {"/fleet/status": fleet}, tmp_path) == ("/agents/17", True)


def test_nested_collections_are_walked(tmp_path):
    paths = {"/teams": GET, "/teams/{team_id}/users": GET, "/teams/{team_id}/users/{user_id}/name": GET}
    lists = {"/teams": [{"id": 7}], "/teams/7/users": {"users": [{"id": 9}]}}
    assert requests(paths, lists, tmp_path) == ("/teams/7/users/9/name", True)


def test_a_circle_of_collections_ends(tmp_path):
    path, resolved = requests({"/{a}/x": GET, "/{a}": GET, "/{a}/{b}": GET}, {}, tmp_path)
    assert not resolved
    assert path.count("/") == 2


def test_an_id_that_cannot_be_found_is_made_up_and_says_so(tmp_path):
    path, resolved = requests(THINGS, {"/things": []}, tmp_path)
    assert not resolved
    assert re.fullmatch(r"/things/[0-9a-f-]{36}", path)


def test_ids_are_quoted(tmp_path):
    assert requests(THINGS, {"/things": [{"id": "a/b ?#%"}]}, tmp_path) == ("/things/a%2Fb%20%3F%23%25", True)


def test_what_the_document_states_will_do(tmp_path):
    parameters = [{"name": "kind", "in": "path", "required": True, "schema": {"enum": ["red", "blue"]}}]
    assert requests({"/kinds/{kind}": {"get": {"parameters": parameters}}}, {}, tmp_path) == ("/kinds/red", True)


def test_an_example_is_used_but_is_not_taken_for_real(tmp_path):
    parameters = [{"name": "user", "in": "path", "required": True, "schema": {"example": "John.Doe"}}]
    paths = {"/people/{user}": {"get": {"parameters": parameters}}}
    assert requests(paths, {}, tmp_path) == ("/people/John.Doe", False)
    assert "John" not in requests(paths, {}, tmp_path, harmless=True)[0]


def test_made_up_ids_keep_to_the_pattern(tmp_path):
    parameters = [{"name": "code", "in": "path", "required": True, "schema": {"pattern": "^[A-Z]{3}-[0-9]{4}$"}}]
    path, resolved = requests({"/codes/{code}": {"get": {"parameters": parameters}}}, {}, tmp_path)
    assert re.fullmatch(r"/codes/[A-Z]{3}-[0-9]{4}", path)
    assert not resolved


def test_harmless_requests_go_to_nothing_that_exists(tmp_path):
    paths = {"/things": GET, "/things/{thing_id}": {"delete": {}}}
    path, resolved = requests(paths, {"/things": [{"id": "x-1"}]}, tmp_path, harmless=True)
    assert "x-1" not in path
    assert not resolved


def test_the_tenant_is_known_by_its_claims_name(tmp_path):
    assert requests({"/tenants/{tenant_id}": GET}, {}, tmp_path, "bob") == ("/tenants/t-b", True)


@pytest.mark.parametrize("people", ["", "principals: {alice: {}}\n"])
def test_nobody_to_ask_with_means_made_up(people, tmp_path):
    assert not requests(THINGS, {"/things": [{"id": "x"}]}, tmp_path, people=people)[1]


SWEPT = {
    "/things": {"get": {}, "post": {"requestBody": {"content": {"application/json": {"schema": {"required": ["n"]}}}}}},
    "/things/{thing_id}": {"delete": {}},
    "/reset": {"post": {}},
}


@pytest.mark.parametrize("writes", ["true", "false"])
def test_a_sweep_without_leave_to_write_changes_nothing(writes, tmp_path):
    with (
        serving(Service(SWEPT, {"/things": [{"id": "x-1"}]})) as server,
        api_for(server.url, tmp_path, PEOPLE, writes=writes) as api,
    ):
        principals = load_principals(api.target, api.journal)
        operations = load_operations(api.target, api, principals)
        found = api.sweep(operations, token=principals["alice"].token, note="swept")
        sent = [request.split(b"\r\n")[0].decode() for request in server.heard[1:] if b"looking" not in request]
        bodies = [request.partition(b"\r\n\r\n")[2] for request in server.heard if request.startswith(b"POST /things")]
    assert [item.subject for item in found] == [operation.id for operation in operations]
    if writes == "true":
        assert "DELETE /things/x-1 HTTP/1.1" in sent
        assert b'"n"' in bodies[0]
    else:
        assert "DELETE /things/x-1 HTTP/1.1" not in sent
        assert bodies == [b"{}"]
        assert found[-1].actual == "not sent: scope.writes is false"
        assert not any(line.startswith("POST /reset") for line in sent)
