"""Claims of a token as a way in: whoever can sign (or makes the issuer write) a claim reaches what is built of it.

ADR-005 §3 itself writes the tenant's claim into a SET. Where the suite can sign tokens, it puts the same forms into
the claims that carry identity, beside everything that the stack demands of a token.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import jwt

from chimera_compliance.probes.http.exchange import Request
from chimera_compliance.probes.injection.errors import leaving, stared
from chimera_compliance.probes.injection.means import Hit, Means, Watched
from chimera_compliance.probes.injection.payloads import COMPARED, CONCATENATED, STACKED, Form
from chimera_compliance.probes.injection.sightings import Findings, Sighting
from chimera_compliance.probes.injection.visits import Shot, Visit
from chimera_compliance.probes.principals.principal import Principal

if TYPE_CHECKING:
    from chimera_compliance.probes.http.api import Api
    from chimera_compliance.target import Mint, Target

_FORMS = (CONCATENATED, COMPARED, STACKED)
_QUOTES = 10
_OF_TOKENS = frozenset({"iss", "aud", "exp", "iat", "nbf", "typ"})


@dataclass(frozen=True)
class Minted:
    """A principal's token with other claims, signed as its issuer would."""

    target: "Target"
    mint: "Mint"
    principal: Principal

    def token(self, visit: Visit, **claims: str) -> str:
        """A genuine token but for these claims."""
        carried = visit.headers[0][1].rpartition(" ")[2] if visit.headers else self.principal.token
        own = jwt.decode(carried, options={"verify_signature": False})
        header = {k: v for k, v in jwt.get_unverified_header(carried).items() if k != "alg"}
        fresh = {"jti": str(uuid.uuid4())} if "jti" in own else {}
        key = self.target.secret(self.mint.key)
        return jwt.encode({**own, **fresh, **claims}, key, algorithm=self.mint.algorithm, headers=header)


def mint_of(target: "Target", principal: Principal) -> "Mint | None":
    """How the principal's tokens are signed, where the suite can do it."""
    settings = target.principals.get(principal.name)
    own = settings.token.mint if settings and settings.token else None
    return own or target.tokens.mint


class Forger:
    """Puts forms into the claims of identity, on operations that read and one that writes."""

    def __init__(self, api: "Api", visits: Sequence[Visit], means: Means, found: Findings) -> None:
        self._api, self._means, self._found = api, means, found
        self._visits = visits

    def run(self) -> str:
        """Why claims cannot be looked at; empty when they were."""
        visit = self._admitted()
        if visit is None:
            return "no operation admits a token that could be signed anew"
        principal = visit.principal
        mint = mint_of(self._api.target, principal) if principal else None
        if mint is None:
            return "the target file has no tokens.mint to sign claims with"
        minted = Minted(self._api.target, mint, principal)
        [plain] = self._api.send([_carrying(self._api, visit, minted.token(visit), "a token signed anew")])
        if not plain.ok:
            return f"a token signed anew, with the same claims, was answered {plain.actual}"
        for name, value in self._claims(principal).items():
            self._try(minted, visit, name, value)
        return ""

    def _admitted(self) -> Visit | None:
        reading = (v for v in self._visits if v.headers and not v.operation.unsafe and v.base is not None and v.base.ok)
        ordered = sorted(reading, key=lambda visit: visit.operation.path.count("{"))
        return ordered[0] if ordered else None

    def _writing(self) -> Visit | None:
        made = (v for v in self._visits if v.headers and v.operation.unsafe and v.base is not None and v.base.ok)
        return next((visit for visit in made if visit.operation.method == "POST"), None)

    def _claims(self, principal: Principal) -> dict[str, str]:
        names, held = self._api.target.tokens.claims, principal.claims
        wanted = [name for name in (names.tenant, names.subject, names.role) if name and name in held]
        others = [name for name, value in held.items() if isinstance(value, str) and name not in _OF_TOKENS]
        return {name: str(held[name]) for name in dict.fromkeys([*wanted, *others])}

    def _try(self, minted: Minted, visit: Visit, name: str, value: str) -> None:
        passed = False
        for hit, form in self._fire(minted, visit, name, value):
            passed = passed or hit.exchange.ok or (hit.exchange.status or 0) >= 500
            if hit.told:
                self._saw(hit, name, form)
        self._found.tested.setdefault("claim", {})[f"claim {name}"] = None
        self._stare(minted, visit, name, value)
        names = self._api.target.tokens.claims
        writing = self._writing() if name in (names.tenant, names.subject, names.role) else None
        if passed and writing and not self._found.knows(visit.operation.id, f"claim {name}"):
            for hit, form in self._fire(minted, writing, name, value):
                if hit.told:
                    self._saw(hit, name, form)

    def _stare(self, minted: Minted, visit: Visit, name: str, value: str) -> None:
        """A SET takes no expression and, prepared, no second statement: then a broken one has to be seen itself."""
        if name != self._api.target.tokens.claims.tenant or self._found.knows(visit.operation.id, f"claim {name}"):
            return
        if isinstance(self._means, Watched):
            token = minted.token(visit, **{name: leaving(value)})
            requests = [_carrying(self._api, visit, token, f"claim {name}: a quote") for _ in range(_QUOTES)]
            if statement := stared(self._api, self._means, requests):
                proof = "the database was sent a statement in which a value has left its literal"
                self._found.saw(Sighting(visit.operation.id, "claim", f"claim {name}", "", proof, "", statement))

    def _fire(self, minted: Minted, visit: Visit, name: str, value: str) -> list[tuple[Hit, Form]]:
        shots = [Shot(_Forged(visit, minted, name, value, form), ()) for form in _FORMS]
        return list(zip(self._means.fire(shots), _FORMS, strict=True))

    def _saw(self, hit: Hit, name: str, form: Form) -> None:
        operation, proof = hit.shot.visit.operation.id, self._means.proof
        seen = Sighting(operation, "claim", f"claim {name}", form.name, proof, hit.exchange.observation, hit.statement)
        self._found.saw(seen)


class _Forged:
    """Stands in for a visit: its one request carries a token with a form in a claim."""

    def __init__(self, visit: Visit, minted: Minted, name: str, value: str, form: Form) -> None:
        self.operation, self._visit, self._minted = visit.operation, visit, minted
        self._name, self._value, self._form = name, value, form

    def forged(self, call: str) -> Request:
        """The plain request with that token."""
        token = self._minted.token(self._visit, **{self._name: self._form.text(self._value, call)})
        return _carrying(self._visit.api, self._visit, token, f"claim {self._name}: {self._form}")


def _carrying(api: "Api", visit: Visit, token: str, note: str) -> Request:
    request = visit.request(note)
    name = api.target.tokens.header.lower()
    others = tuple(pair for pair in request.headers if pair[0].lower() != name)
    return replace(request, headers=(*others, *api.authorization(token)))
