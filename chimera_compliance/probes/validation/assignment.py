"""Members that nobody asked for: ids, tenants, roles and states that a client has no business to set (CWE-915).

They are sent beside a right body, all at once, and looked for in what was then created or changed. A stack may refuse
them or pass them over; what it must not do is keep them. A comparison with an object that was made without them tells
what is merely the default.
"""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from chimera_compliance.probes.http.exchange import Exchange
from chimera_compliance.probes.openapi.body import Generator
from chimera_compliance.probes.openapi.operations import PATH_PARAMETER, Operation
from chimera_compliance.probes.openapi.scalars import is_number
from chimera_compliance.probes.ownership.throwaway import identifier_of
from chimera_compliance.probes.validation.forging import Whole
from chimera_compliance.probes.validation.naming import named, names
from chimera_compliance.probes.validation.trials import ACCEPTED, CRASHED, REFUSED, outcome

if TYPE_CHECKING:
    from chimera_compliance.probes.validation.examination import Examination

UNKNOWN = "chimera_compliance_unknown"
_MOST = 24
_MOST_ALONE = 8
_MOST_LISTS = 4
_PAST = "2001-02-03T04:05:06Z"


@dataclass(frozen=True)
class Powers:
    """The values that a stranger would like to set, by the stack's own names."""

    tenant: str | None = "tenant_id"
    role: str | None = "role"
    roles: tuple[str, ...] = ()
    neighbour: str | None = None

    def wishes(self) -> dict[str, Any]:
        """Members that stacks are known to keep, with values that nobody sets by chance."""
        found: dict[str, Any] = {"id": str(uuid.uuid4()), "admin": True, "is_admin": True, "created_at": _PAST}
        found |= {"status": "completed", "owner_id": str(uuid.uuid4()), "verified": True}
        if self.tenant:
            found[self.tenant] = self.neighbour or str(uuid.uuid4())
        found[self.role or "role"] = self.roles[-1] if self.roles else "admin"
        return found


@dataclass
class Assigned:
    """One operation's answer to extra members; ``kept`` are those that the object was found to have afterwards."""

    operation: Operation
    kept: dict[str, Exchange] = field(default_factory=dict)
    decided: set[str] = field(default_factory=set)
    last: Exchange | None = None
    undecided: str = ""

    @property
    def subject(self) -> str:
        """The operation."""
        return self.operation.id


@dataclass
class Assigner:
    """Sends extra members; `right` are the right requests of each operation with their answers."""

    examination: "Examination"
    operations: Sequence[Operation]
    powers: Powers
    made: list[tuple[Whole, Exchange]] = field(default_factory=list)

    def run(self, tried: Sequence[tuple[Whole, Exchange]]) -> list[Assigned]:
        """Each operation whose right request got through, with its extra members."""
        found, asked = [], []
        for whole, answer in tried:
            extras = self._extras(whole, answer)
            again = self._again(whole, tried)
            asked.append((again, extras, answer))
            found.append(Assigned(whole.operation))
        answers = self._send([(whole, {**extras, UNKNOWN: "x"}) for whole, extras, _ in asked])
        for item, (whole, extras, before), answer in zip(found, asked, answers, strict=True):
            self._judge(item, whole, extras, before, answer)
        return found

    def _again(self, whole: Whole, tried: Sequence[tuple[Whole, Exchange]]) -> Whole:
        """A second right request, on an object of our own making where there is one: what is lost was ours."""
        fresh = self.examination.whole(
            whole.operation, self.examination.principals[0] if self.examination.principals else None
        )
        if whole.operation.method not in ("PUT", "PATCH"):
            return fresh
        for maker, answer in [*tried, *self.made]:
            last = whole.operation.path.removeprefix(maker.operation.path.rstrip("/") + "/")
            if maker.operation.method == "POST" and PATH_PARAMETER.fullmatch(last) and answer.ok:
                identifier = identifier_of(answer, "id")
                path = f"{answer.request.path.partition('?')[0]}/{identifier}"
                owner = next((v for k, v in answer.request.headers if k.lower() not in ("content-type",)), None)
                headers = tuple(h for h in answer.request.headers)
                return replace(fresh, request=replace(fresh.request, path=path, headers=headers)) if owner else fresh
        return fresh

    def _extras(self, whole: Whole, answer: Exchange) -> dict[str, Any]:
        """What the object has beside what may be said of it, and what stacks are known to keep."""
        body = whole.body if isinstance(whole.body, dict) else {}
        schema = Generator(whole.operation.document).merged(dict(whole.operation.body_schema or {}))
        properties = schema.get("properties") or {}
        said = {
            name
            for name, part in properties.items()
            if whole.operation.document.resolve(part).get("readOnly") is not True
        }
        shown = _object(answer.json(), body) or {}
        wishes = self.powers.wishes()
        found = {name: _other(name, value, wishes) for name, value in shown.items() if name not in said}
        found |= {name: value for name, value in wishes.items() if name not in said and name not in found}
        useful = {name: value for name, value in found.items() if value is not None and name not in body}
        if whole.operation.method in ("PUT", "PATCH"):
            useful = {name: value for name, value in useful.items() if shown.get(name) != value}
        return dict(list(useful.items())[:_MOST])

    def _send(self, asked: list[tuple[Whole, dict[str, Any]]]) -> list[Exchange]:
        requests = []
        for whole, extras in asked:
            note = f"with {', '.join(name for name in extras if name != UNKNOWN)}"
            requests.append(replace(whole.with_body({**whole.body, **extras}), note=note[:200]))
        return self.examination.send(requests)

    def _judge(self, item: Assigned, whole: Whole, extras: dict[str, Any], before: Exchange, answer: Exchange) -> None:
        left = self._taken(item, whole, extras, before, answer)
        if left and outcome(answer) in (REFUSED, CRASHED):
            again = self._send([(whole, left)])[0]
            left = self._taken(item, whole, left, before, again)
        for name in list(left)[:_MOST_ALONE] if outcome(answer) in (REFUSED, CRASHED) else ():
            one = {name: left[name]}
            self._taken(item, whole, one, before, self._send([(whole, one)])[0], alone=True)
        if not item.decided:
            item.undecided = f"the request with extra members was answered {answer.actual}"

    def _taken(
        self, item: Assigned, whole: Whole, extras: dict, before: Exchange, answer: Exchange, alone: bool = False
    ) -> dict[str, Any]:
        """Note which members were kept or refused; those of which nothing is known yet."""
        item.last, came = answer, outcome(answer)
        if came == ACCEPTED:
            self.made.append((whole, answer))
            item.decided |= extras.keys()
            shown, witness = self._afterwards(whole, answer, extras)
            plain = self._afterwards(whole, before, extras)[0] if shown else []
            for name, value in extras.items():
                if any(_same(found.get(name), value) for found in shown) and not any(
                    _same(found.get(name), value) for found in plain
                ):
                    item.kept[name] = witness
            return {}
        if came in (REFUSED, CRASHED) and alone:
            item.decided |= extras.keys()
        told = named(answer) if came == REFUSED else set()
        refused = {name for name in extras if names(told, (name,))}
        item.decided |= refused
        return {name: value for name, value in extras.items() if name not in refused}

    def _afterwards(self, whole: Whole, answer: Exchange, extras: dict) -> tuple[list[dict], Exchange]:
        """The object as it is then shown, by whatever shows it; the answer itself where nothing else does."""
        body = whole.body if isinstance(whole.body, dict) else {}
        for exchange in self._readings(whole, answer):
            found = [
                item for item in _objects(exchange.json()) if extras.keys() & item.keys() and _is_it(item, body, answer)
            ]
            if exchange.ok and found:
                return found, exchange
        return [item for item in _objects(answer.json()) if extras.keys() & item.keys()], answer

    def _readings(self, whole: Whole, answer: Exchange) -> Iterator[Exchange]:
        """What may show the object: where it lies, the lists of its kind, and the lists beside it."""
        path, identifier = answer.request.path.partition("?")[0], identifier_of(answer, "id")
        headers = tuple(pair for pair in answer.request.headers if pair[0].lower() != "content-type")
        reads = [item for item in self.operations if item.method == "GET" and not item.unsafe]
        item_path = (
            whole.operation.path if whole.operation.method != "POST" else whole.operation.path.rstrip("/") + "/{}"
        )
        for reader in reads:
            if PATH_PARAMETER.sub("{}", reader.path) == PATH_PARAMETER.sub("{}", item_path):
                own = path if whole.operation.method != "POST" else f"{path}/{identifier}"
                yield self._read(whole, reader, own, headers)
        stem = whole.operation.path.strip("/").partition("/")[0]
        lists = [
            reader for reader in reads if "{" not in reader.path and reader.path.strip("/").partition("/")[0] == stem
        ]
        for reader in lists[:_MOST_LISTS]:
            yield self._read(whole, reader, reader.request().path, headers)

    def _read(self, whole: Whole, reader: Operation, path: str, headers: tuple) -> Exchange:
        request = replace(self.examination.whole(reader, None).request, path=path, note="what was kept of it")
        if not whole.operation.public:
            request = replace(request, headers=headers)
        return self.examination.send([request])[0]


def _other(name: str, value: Any, wishes: dict[str, Any]) -> Any:
    """A value that the member does not have of itself, of the same type."""
    if name in wishes and type(wishes[name]) is type(value):
        return wishes[name]
    match value:
        case bool():
            return not value
        case int() | float() if is_number(value):
            return value + 777
        case str():
            return _text_like(value)
    return None


def _text_like(value: str) -> str:
    try:
        uuid.UUID(value)
        return str(uuid.uuid4())
    except ValueError:
        return _PAST if value[:4].isdecimal() and value[4:5] == "-" else f"{value}x"


def _same(found: Any, value: Any) -> bool:
    """Whether a member is what was sent; times may be written otherwise."""
    if value == _PAST and isinstance(found, str):
        return found.startswith("2001-02-03")
    return type(found) is type(value) and found == value


def _object(document: Any, body: dict[str, Any]) -> dict[str, Any] | None:
    """The object of an answer that is about what was sent: the one that has most of its members."""
    found = [(len(item.keys() & body.keys()), item) for item in _objects(document)]
    return max(found, key=lambda pair: pair[0], default=(0, None))[1]


def _is_it(item: dict[str, Any], body: dict[str, Any], answer: Exchange) -> bool:
    """Whether an object is the one that was made: by its id, or by a text that only it has."""
    identifier = identifier_of(answer, "id")
    texts = [value for value in body.values() if isinstance(value, str) and len(value) >= 8]
    return identifier in map(str, item.values()) or any(text in item.values() for text in texts)


def _objects(document: Any) -> list[dict[str, Any]]:
    queue, found = [document], []
    while queue and len(found) < 1000:
        node = queue.pop(0)
        if isinstance(node, dict):
            found.append(node)
            queue += node.values()
        elif isinstance(node, list):
            queue += node
    return found
