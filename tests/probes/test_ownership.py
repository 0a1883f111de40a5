"""Ownership is judged by what is shown and what is changed, on a small service with one habit at a time."""

import itertools
import json
import re
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

import pytest
from loopback import answer, api_for, path_of, serving

from chimera_compliance.journal import Journal
from chimera_compliance.probes.openapi.operations import load_operations
from chimera_compliance.probes.ownership.borrowed_ids import Neighbours
from chimera_compliance.probes.ownership.claimed_identity import Identity
from chimera_compliance.probes.ownership.claimed_tenant import creating, reading
from chimera_compliance.probes.ownership.encroachment import Trespasser
from chimera_compliance.probes.ownership.interleaving import Hammer
from chimera_compliance.probes.ownership.listings import listings
from chimera_compliance.probes.ownership.throwaway import Workshop
from chimera_compliance.probes.principals.principal import load_principals
from chimera_compliance.target import Target

NOTE = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
BODY = {"required": True, "content": {"application/json": {"schema": NOTE}}}
QUERY = [
    {"name": "note_id", "in": "query", "schema": {"type": "string"}},
    {"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 50}},
]
PATHS = {
    "/notes": {"get": {"parameters": QUERY}, "post": {"requestBody": BODY}},
    "/notes/{note_id}": {"get": {}, "patch": {"requestBody": BODY}, "delete": {}},
}
PEOPLE = """
api: {base_url: 'URL'}
tokens: {claims: {tenant: team}}
principals:
  alice: {tenant: red-team, subject: alice-1, token: {given: '${ALICE}'}, resources: {note_id: note-a-11}}
  bob: {tenant: blue-team, subject: bob-22, token: {given: '${BOB}'}, resources: {note_id: note-b-22}}
"""


@dataclass
class Notes:
    """Notes by team. Each habit is a flaw, or a peculiarity that is none."""

    habits: frozenset[str] = frozenset()
    notes: dict[str, dict] = field(default_factory=dict)
    last: str = ""

    def __post_init__(self) -> None:
        self._numbers = itertools.count(100)
        self._add("red-team", "the red text of the first", "note-a-11")
        self._add("blue-team", "the blue text of the first", "note-b-22")

    def _add(self, team: str, text: str, name: str = "") -> dict:
        name = name or f"note-new-{next(self._numbers)}"
        self.notes[name] = {"id": name, "team": team, "text": text}
        return self.notes[name]

    def __call__(self, connection, request: bytes) -> None:
        status, body = self._answer(request)
        connection.sendall(answer(json.dumps(body).encode() if body is not None else b"", status))

    def _answer(self, request: bytes):
        head, _, content = request.partition(b"\r\n\r\n")
        method, (path, _, query) = head.split(b" ")[0].decode(), path_of(request).partition("?")
        if path == "/openapi.json":
            paths = PATHS | ({"/notes/{note_id}/pin": {"post": {"requestBody": BODY}}} if "pins" in self.habits else {})
            return "200 OK", {"openapi": "3.1.0", "security": [{"bearer": []}], "paths": paths}
        team = self._team(head)
        if team is None and not ("public_to_all" in self.habits and method == "GET"):
            return "401 Unauthorized", {"error": "who are you?"}
        body = json.loads(content) if content else {}
        if "knows_its_query" in self.habits and method == "POST" and query:
            return "400 Bad Request", {"error": "no such parameter"}
        if path == "/notes":
            return self._create(team, body) if method == "POST" else self._list(team, query)
        name = path.removeprefix("/notes/")
        return self._pin(team, name.removesuffix("/pin")) if "/pin" in name else self._one(method, team, name, body)

    def _team(self, head: bytes) -> str | None:
        who = re.search(rb"Bearer (\w+)-token", head)
        if who is None:
            return None
        if re.search(rb"(?m)^[\w-]*[^\w:\r-][^:]*:", head.partition(b"\r\n")[2]):
            return None  # no header has such a name
        if "header_names_tenant" in self.habits and (named := re.search(rb"(?i)\r\nx-team: (\S+)", head)):
            return named[1].decode()
        team = "red-team" if who[1] == b"alice" else "blue-team"
        if "remembers_caller" in self.habits:
            team, self.last = self.last or team, team
        return team

    def _list(self, team: str | None, query: str):
        open_to_all = {"lists_all", "public_to_all"} & self.habits
        rows = [note for note in self.notes.values() if open_to_all or note["team"] == team]
        if wanted := re.search(r"note_id=([\w-]+)", query):
            source = self.notes.values() if "filters_any" in self.habits else rows
            rows = [note for note in source if note["id"] == wanted[1]]
        total = len(self.notes) if "counts_all" in self.habits else len(rows)
        if "total_in_header" in self.habits:
            return f"200 OK\r\nX-Total-Count: {total}", rows
        return "200 OK", {"items": rows} if "tells_no_total" in self.habits else {"items": rows, "total": total}

    def _create(self, team: str | None, body: dict):
        trusted = "body_names_tenant" in self.habits
        return "201 Created", self._add(body.get("team", team) if trusted else team, body["text"])

    def _one(self, method: str, team: str | None, name: str, body: dict):
        note, habits = self.notes.get(name), self.habits
        mine = note is not None and note["team"] == team
        if method == "GET":
            return self._read(team, name, note, mine)
        may = mine or (note is not None and {"PATCH": "changes_any", "DELETE": "deletes_any"}[method] in habits)
        if note is not None and "refuses_late" in habits and method == "PATCH":
            note["text"] = body["text"]
        if not may:
            polite = method == "DELETE" and "deletes_politely" in habits
            return ("204 No Content", None) if polite else ("404 Not Found", {"error": "no such note"})
        if method == "DELETE":
            del self.notes[name]
            return "204 No Content", None
        note |= body if "assigns_all" in habits else {"text": body["text"]}
        return "200 OK", note

    def _pin(self, team: str | None, name: str):
        """Once a note, so that whoever comes later is told of a conflict."""
        note = self.notes.get(name, {"team": ""})
        if note["team"] != team and not (note["team"] and "pins_any" in self.habits):
            return "404 Not Found", {"error": "no such note"}
        if "pinned" in self.habits:
            return "409 Conflict", {"error": "pinned already"}
        return "200 OK", note

    def _read(self, team: str | None, name: str, note: dict | None, mine: bool):
        habits = self.habits
        if mine or (note is not None and {"reads_any", "public_to_all"} & habits):
            return "200 OK", note
        if note is not None and "quotes_in_refusal" in habits:
            return "403 Forbidden", {"error": f"'{note['text']}' is not yours"}
        if "own_for_any" in habits:
            return "200 OK", next(item for item in self.notes.values() if item["team"] == team)
        return ("200 OK", {"id": name, "found": False}) if "echoes_unknown" in habits else ("404 Not Found", {})


@pytest.fixture
def near(monkeypatch, tmp_path):
    """alice and bob at a service with the habits named; `api` adds to the target file."""
    monkeypatch.setenv("ALICE", "alice-token")
    monkeypatch.setenv("BOB", "bob-token")
    with ExitStack() as opened:

        def near(*habits: str, shared: frozenset[str] = frozenset()) -> Neighbours:
            server = opened.enter_context(serving(Notes(frozenset(habits))))
            api = opened.enter_context(api_for(server.url, tmp_path, PEOPLE))
            target = Target.load(tmp_path / "target.yaml")
            people = load_principals(target, Journal())
            return Neighbours(api, load_operations(target, api, people), people["alice"], people["bob"], shared)

        yield near


def shown(neighbours) -> set[str]:
    return {attempt.subject for attempt in neighbours.read() if attempt.shown}


def harmed(neighbours) -> set[str]:
    attempts = list(Trespasser(neighbours).write())
    assert not [attempt.undecided for attempt in attempts if attempt.undecided]
    return {attempt.subject for attempt in attempts if attempt.changed or attempt.accepted or attempt.shown}


def identity(neighbours) -> Identity:
    return Identity.of(neighbours, ("team",), ("sub",))


@pytest.mark.parametrize(
    ("habit", "operation"),
    [
        ("reads_any", "GET /notes/{note_id}"),
        ("quotes_in_refusal", "GET /notes/{note_id}"),
        ("filters_any", "GET /notes"),
    ],
)
def test_what_is_bobs_is_recognised_in_alices_answer(near, habit, operation):
    assert shown(near(habit)) == {operation}


@pytest.mark.parametrize("habit", ["", "own_for_any", "echoes_unknown", "public_to_all"])
def test_an_answer_without_anything_of_bobs_is_no_leak(near, habit):
    neighbours = near(*habit.split())
    attempts = neighbours.read()
    assert [attempt.claim.where for attempt in attempts] == ["query", "path"]
    assert not [attempt.actual for attempt in attempts if attempt.shown or attempt.undecided]


def test_what_is_shared_on_purpose_is_not_asked_for(near):
    assert shown(near("reads_any", shared=frozenset({"GET /notes/{id}"}))) == set()


@pytest.mark.parametrize(
    ("habit", "operation"),
    [
        ("changes_any", "PATCH /notes/{note_id}"),
        ("refuses_late", "PATCH /notes/{note_id}"),
        ("deletes_any", "DELETE /notes/{note_id}"),
    ],
)
def test_a_change_is_seen_by_reading_again_as_bob(near, habit, operation):
    assert harmed(near(habit)) == {operation}


@pytest.mark.parametrize("habit", ["", "deletes_politely", "public_to_all"])
def test_a_success_that_changes_nothing_is_no_trespass(near, habit):
    assert harmed(near(*habit.split())) == set()


@pytest.mark.parametrize(
    ("habits", "reached"), [("pins pinned", set()), ("pins pinned pins_any", {"POST /notes/{note_id}/pin"})]
)
def test_the_state_of_bobs_object_is_met_by_who_gets_to_it(near, habits, reached):
    assert harmed(near(*habits.split())) == reached


def test_an_attack_leaves_nothing_behind(near):
    neighbours = near("changes_any", "deletes_any")
    before = neighbours.api.send(neighbours.requests(neighbours.safe, neighbours.bob, neighbours.bob, "before"))
    trespasser = Trespasser(neighbours)
    assert [attempt for attempt in trespasser.write() if attempt.changed]
    after = neighbours.api.send(neighbours.requests(neighbours.safe, neighbours.bob, neighbours.bob, "after"))
    assert [answer.body for answer in before] == [answer.body for answer in after]
    assert trespasser.left == []


@pytest.mark.parametrize(
    ("habit", "named", "counted"),
    [
        ("", False, False),
        ("lists_all", True, False),
        ("counts_all", False, True),
        ("total_in_header", False, False),
        ("total_in_header counts_all", False, True),
    ],
)
def test_lists_and_their_counts(near, habit, named, counted):
    found = [item for item in listings(near(*habit.split())) if item.subject == "GET /notes"]
    assert all(item.expected for item in found)
    assert any(item.strangers for item in found) is named
    assert any(item.surplus for item in found) is counted


@pytest.mark.parametrize(("habit", "told"), [("", True), ("total_in_header", True), ("tells_no_total", False)])
def test_whether_a_list_tells_a_total(near, habit, told):
    found = [item for item in listings(near(*habit.split())) if item.subject == "GET /notes"]
    assert {item.totals for item in found} == {item.counts for item in found[:1]} == {told}


@pytest.mark.parametrize(("habit", "believed"), [("", False), ("header_names_tenant", True)])
def test_a_tenant_named_in_a_header(near, habit, believed):
    neighbours = near(*habit.split())
    assert any(item.shown for item in reading(neighbours, identity(neighbours))) is believed


@pytest.mark.parametrize("claim", ["team", "https://notes.example/team", "custom:team"])
def test_a_namespaced_claim_is_sent_under_its_last_word(near, claim):
    neighbours = near("header_names_tenant")
    assert any(item.shown for item in reading(neighbours, Identity.of(neighbours, (claim,), ("sub",))))


def made(neighbours, named: Identity) -> tuple[set[str], list[str]]:
    """What became bob's, and what was left behind."""
    workshop = Workshop(neighbours.api, neighbours.guarded)
    created = list(creating(neighbours, named, workshop))
    assert [item.undecided for item in created if item.undecided] == []
    believed = {item.subject for item in created if item.became_bobs}
    assert "PATCH /notes/{note_id}" in {item.subject for item in created} or believed == {"POST /notes"}
    return believed, workshop.left


@pytest.mark.parametrize(
    ("habit", "believed"),
    [
        ("", set()),
        ("public_to_all", set()),
        ("body_names_tenant", {"POST /notes"}),
        ("body_names_tenant knows_its_query", {"POST /notes"}),
        ("header_names_tenant knows_its_query", {"POST /notes"}),
        ("assigns_all", {"PATCH /notes/{note_id}"}),
    ],
)
def test_a_tenant_named_in_a_body(near, habit, believed):
    neighbours = near(*habit.split())
    assert made(neighbours, identity(neighbours))[0] == believed


def test_the_answers_tell_what_a_body_calls_the_tenant(near):
    neighbours = near("assigns_all")
    assert made(neighbours, Identity.of(neighbours, ("clinic",), ("sub",)))[0] == {"PATCH /notes/{note_id}"}


@pytest.mark.parametrize("habits", ["pins", "pins pinned"])
def test_what_acts_on_an_object_makes_none(near, habits):
    neighbours = near(*habits.split())
    assert made(neighbours, identity(neighbours)) == (set(), [])


@pytest.mark.parametrize(("habit", "mixed"), [("", False), ("remembers_caller", True)])
def test_both_at_once(near, habit, mixed):
    seen = Hammer(near(*habit.split())).run()
    assert bool(seen.mixed) is mixed
    assert mixed or (set(seen.judged) == {"GET /notes", "GET /notes/{note_id}"} and not seen.undecided)


def test_what_bob_himself_does_not_get_is_not_decided(near):
    neighbours = near()
    ghost = replace(neighbours.bob, resources={"note_id": "note-b-99"})
    attempts = Neighbours(neighbours.api, neighbours.guarded, neighbours.alice, ghost).read()
    assert any("bob himself was answered 404" in attempt.undecided for attempt in attempts)
