"""Lists before and after refusals tell something only where they are steady."""

import json
from types import SimpleNamespace

import pytest

from chimera_compliance.probes.http.exchange import Exchange, Request
from chimera_compliance.probes.validation.residue import Bookkeeper, Residue


class Lists:
    """An examination whose one list shows, at each asking, what comes next."""

    principals = ()

    def __init__(self, *shown):
        self._shown = iter(shown)
        made = Request("POST", "/things", operation="POST /things")
        self.exchanges = [Exchange(made, status=201, body=b'{"id": "ours"}')]

    def whole(self, operation, principal):
        return SimpleNamespace(request=Request("GET", "/things"))

    def send(self, requests):
        ids = [{"id": name} for name in next(self._shown).split()]
        return [Exchange(request, status=200, body=json.dumps(ids).encode()) for request in requests]


def operation(name):
    return SimpleNamespace(id=name, parameters=(), query=(), path="/things")


def closed(monkeypatch, *shown):
    monkeypatch.setattr("chimera_compliance.probes.validation.residue.page_length", lambda reader: None)
    keeper = Bookkeeper(Lists(*shown), [Residue(operation("POST /things"), operation("GET /things"))])
    keeper.look()
    keeper.look()
    return keeper.close()[0]


@pytest.mark.parametrize(
    ("shown", "visible", "surplus"),
    [
        (("a ours", "a ours", "a ours", "a ours", "a ours", "a ours"), True, 0),
        (("a ours", "a ours", "a ours b", "a ours b", "a ours b", "a ours b"), True, 1),
        (("a ours", "a ours b", "a ours b", "a ours b", "a ours b", "a ours b"), False, 1),
        (("a ours", "a ours", "x y ours", "x y ours", "a ours", "a ours"), False, 2),
        (("a", "a", "a", "a", "a", "a"), False, 0),
    ],
    ids=["nothing new", "one more", "others use it meanwhile", "another's list", "what is made is not shown"],
)
def test_a_list_tells_only_where_it_is_steady(monkeypatch, shown, visible, surplus):
    residue = closed(monkeypatch, *shown)
    assert (residue.visible, residue.surplus) == (visible, surplus)
