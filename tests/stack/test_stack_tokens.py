"""The guard takes right tokens, and nothing that is a little less."""

import time

import jwt
import pytest
from chimera_client import segment, signed

BOB = {"sub": "b1000000-0000-4000-8000-000000000001", "tenant_id": "b0000000-0000-4000-8000-000000000001"}


def refused(chimera, token: str) -> bool:
    answer = chimera.call("GET /tasks", headers={"Authorization": f"Bearer {token}"})
    challenge = answer.headers.get("WWW-Authenticate")
    return answer.status_code == 401 and challenge == 'Bearer realm="chimera", error="invalid_token"'


def test_a_right_token_is_accepted(chimera):
    assert chimera.call("GET /tasks", chimera.token()).status_code == 200
    assert chimera.call("GET /tasks", chimera.token(aud=["other", "chimera-api"])).status_code == 200
    assert chimera.call("GET /tasks", headers={"Authorization": f"bearer {chimera.token()}"}).status_code == 200


NOW = int(time.time())
CLAIMS = {
    "expired": {"exp": NOW - 1},
    "no exp": {"exp": None},
    "exp as text": {"exp": str(NOW + 300)},
    "exp true": {"exp": True},
    "exp infinite": {"exp": float("inf")},
    "lives too long": {"exp": NOW + 9000},
    "no iat": {"iat": None},
    "issued tomorrow": {"iat": NOW + 86_400, "exp": NOW + 86_700},
    "not before tomorrow": {"nbf": NOW + 86_400},
    "nbf as text": {"nbf": "0"},
    "no iss": {"iss": None},
    "other iss": {"iss": "somebody"},
    "no aud": {"aud": None},
    "other aud": {"aud": "other"},
    "no sub": {"sub": None},
    "unknown sub": {"sub": "c1000000-0000-4000-8000-000000000001"},
    "sub of another tenant": {"sub": BOB["sub"]},
    "user who left": {"sub": "a1000000-0000-4000-8000-000000000002"},
    "no tenant": {"tenant_id": None},
    "other tenant": {"tenant_id": BOB["tenant_id"]},
    "tenant injected": {"tenant_id": "' OR true --"},
    "tenant list": {"tenant_id": [BOB["tenant_id"]]},
    "tenant in braces": {"tenant_id": "{a0000000-0000-4000-8000-000000000001}"},
    "no role": {"role": None},
    "unknown role": {"role": "root"},
    "role list": {"role": ["operator"]},
}


@pytest.mark.parametrize("changed", CLAIMS.values(), ids=CLAIMS)
def test_wrong_claims(chimera, changed):
    assert refused(chimera, chimera.token(**changed))


HEADERS = {
    "alg none": {"alg": "none"},
    "alg NoNe": {"alg": "NoNe"},
    "no alg": {},
    "alg HS512": {"alg": "HS512"},
    "alg list": {"alg": ["HS256"]},
    "crit": {"alg": "HS256", "crit": ["exp"], "exp": 1},
    "b64 false": {"alg": "HS256", "b64": False, "crit": ["b64"]},
    "refresh token": {"alg": "HS256", "typ": "refresh+jwt"},
    "nested": {"alg": "HS256", "typ": "JWT", "enc": "A256GCM"},
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_wrong_headers(chimera, header):
    assert refused(chimera, signed(header, chimera.claims(), chimera.key))


def malformed(chimera) -> dict[str, str]:
    good = chimera.token()
    head, body, mac = good.split(".")
    return {
        "no signature": f"{head}.{body}.",
        "two parts": f"{head}.{body}",
        "four parts": f"{good}.{mac}",
        "signature cut": good[:-2],
        "padding": f"{good}=",
        "same octets, other letters": good[:-1] + chr(ord(good[-1]) + 1),
        "claims edited": f"{head}.{segment(chimera.claims(role='admin'))}.{mac}",
        "own key": jwt.encode(chimera.claims(), "k" * 48, "HS256"),
        "empty key": signed({"alg": "HS256"}, chimera.claims(), ""),
        "claims are a list": signed({"alg": "HS256"}, [chimera.claims()], chimera.key),
        "claims are no JSON": signed({"alg": "HS256"}, b"{", chimera.key),
        "claim twice": signed({"alg": "HS256"}, b'{"sub": 1, "sub": 2}', chimera.key),
        "claims too deep": signed({"alg": "HS256"}, b"[" * 3000, chimera.key),
        "too long": chimera.token(padding="x" * 9000),
        "junk": "junk",
        "not ASCII": "\xe9\xe9\xe9",
    }


def test_malformed_tokens(chimera):
    accepted = [name for name, token in malformed(chimera).items() if not refused(chimera, token)]
    assert not accepted


@pytest.mark.parametrize("scheme", ["Basic", "Token", "JWT", "Bearer Bearer"])
def test_other_schemes(chimera, scheme):
    answer = chimera.call("GET /tasks", headers={"Authorization": f"{scheme} {chimera.token()}"})
    assert answer.status_code == 401


@pytest.mark.parametrize("place", ["params", "cookies"])
def test_other_places(chimera, place):
    names = ("access_token", "token", "Authorization", "jwt")
    assert chimera.call("GET /tasks", **{place: dict.fromkeys(names, chimera.token())}).status_code == 401


def test_a_token_ends_with_its_user(chimera, superuser):
    token, bob = chimera.token("bob"), BOB["sub"]
    assert chimera.call("GET /tasks", token).status_code == 200
    for column, off in (("active", "false"), ("roles", "'{reviewer}'")):
        before = superuser.execute(f"SELECT {column} FROM users WHERE id = %s", (bob,)).fetchone()
        superuser.execute(f"UPDATE users SET {column} = {off} WHERE id = %s", (bob,))
        assert refused(chimera, token)
        superuser.execute(f"UPDATE users SET {column} = %s WHERE id = %s", (*before, bob))
    superuser.execute("UPDATE tenants SET active = false WHERE id = %s", (BOB["tenant_id"],))
    assert refused(chimera, token)
    superuser.execute("UPDATE tenants SET active = true WHERE id = %s", (BOB["tenant_id"],))
    assert chimera.call("GET /tasks", token).status_code == 200
