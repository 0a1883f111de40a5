"""C03: tokens of the issuer's that are accepted in spite of what they say, or for less than they must say."""

import time

from chimera_compliance.stack.flaws import ALICE, flaw
from chimera_compliance.stack.flaws.impostors import refusing


@flaw("C03", breaks="C03.18", why="expired tokens are accepted")
def expiry_ignored(variant):
    del variant.token_checks["expiry"]


@flaw("C03", breaks="C03.18", why="a token is honoured for an hour after it has expired")
def generous_leeway(variant):
    proper = variant.token_checks["expiry"]

    def expiry(token, v):
        token.now -= 3600
        proper(token, v)
        token.now += 3600

    variant.token_checks["expiry"] = expiry


@flaw("C03", breaks="C03.18", why="five minutes of leeway, as long as the token itself lives")
def five_minutes_leeway(variant):
    variant.token_checks["expiry"] = lambda token, v: refusing(token.claims["exp"] <= token.now - 300)


@flaw("C03", breaks="C03.19", why="tokens are accepted before their time")
def not_before_ignored(variant):
    del variant.token_checks["not_before"]


@flaw("C03", breaks="C03.20", why="exp is checked only if it is there, as PyJWT does by default")
def expiry_optional(variant):
    expiry, lifetime = variant.token_checks["expiry"], variant.token_checks["lifetime"]
    variant.token_checks["expiry"] = lambda token, v: expiry(token, v) if token.claims.get("exp") is not None else None
    variant.token_checks["lifetime"] = lambda token, v: (
        lifetime(token, v) if token.claims.get("exp") is not None else None
    )


@flaw("C03", breaks="C03.21", why="times that cannot be compared are passed over")
def unreadable_times_pass(variant):
    for name in ("expiry", "not_before", "lifetime"):
        proper = variant.token_checks[name]
        claim = "nbf" if name == "not_before" else "exp"
        variant.token_checks[name] = _if_number(proper, claim)


def _if_number(proper, claim: str):
    return lambda token, v: proper(token, v) if type(token.claims.get(claim, 0)) in (int, float) else None


@flaw("C03", breaks="C03.22", why="a token without a tenant is given the first one")
def default_tenant(variant):
    proper = variant.token_checks["tenant"]

    def tenant(token, v):
        if not token.claims.get("tenant_id"):
            token.claims["tenant_id"] = str(ALICE.tenant_id)
        proper(token, v)

    variant.token_checks["tenant"] = tenant


@flaw("C03", breaks="C03.22", why="ADR-005 §2 as written: a token without tenant_id or role answers 500")
def missing_claims_break(variant):
    def tenant(token, v):
        refusing(not isinstance(token.claims["tenant_id"], str) or len(token.claims["tenant_id"]) != 36)

    variant.token_checks["tenant"] = tenant


@flaw("C03", breaks="C03.22", why="a list of subjects counts as its first")
def subject_list(variant):
    proper = variant.token_checks["subject"]

    def subject(token, v):
        if isinstance(token.claims.get("sub"), list):
            token.claims["sub"] = token.claims["sub"][0]
        proper(token, v)

    variant.token_checks["subject"] = subject


@flaw("C03", breaks="C03.23", why="nobody looks whether the user still exists")
def unknown_user(variant):
    variant.known_user = lambda session, caller: True


@flaw("C03", breaks="C03.24", why="the issuer is not compared")
def issuer_ignored(variant):
    del variant.token_checks["issuer"]


@flaw("C03", breaks="C03.24", why="the audience is not compared")
def audience_ignored(variant):
    del variant.token_checks["audience"]


@flaw("C03", breaks="C03.24", why="the audience is compared by its beginning")
def audience_prefix(variant):
    def audience(token, v):
        refusing(not str(token.claims.get("aud")).startswith(v.settings.audience))

    variant.token_checks["audience"] = audience


@flaw("C03", breaks="C03.25", why="tokens say what they are for, and nobody reads it")
def any_type(variant):
    def declare(document):
        document["tokens"]["mint"]["claims"] = {"token_use": "access"}

    variant.target.append(declare)


@flaw("C03", breaks="C03.28", why="the expiry is turned into a date outside the block that refuses (500)")
def huge_expiry_breaks(variant):
    proper = variant.token_checks["expiry"]

    def expiry(token, v):
        proper(token, v)
        time.gmtime(token.claims["exp"])

    variant.token_checks["expiry"] = expiry


@flaw("C03", breaks="C03.29", why="tokens are issued for a day where an hour is declared")
def day_long_tokens(variant):
    variant.settings.token_lifetime = 86_400

    def issue(document):
        document["tokens"]["mint"]["lifetime_seconds"] = 86_400

    variant.target.append(issue)


@flaw("C03", breaks="C03.30", why="whatever exp says is believed, however far away")
def lifetime_ignored(variant):
    del variant.token_checks["lifetime"]


def _role(variant, read) -> None:
    """Let `read(role)` tell the role that a claim stands for."""
    proper = variant.token_checks["role"]

    def role(token, v):
        token.claims["role"] = read(token.claims.get("role"))
        proper(token, v)

    variant.token_checks["role"] = role


@flaw("C03", breaks="C03.32", why="a role is found anywhere in the claim")
def role_by_substring(variant):
    from chimera_compliance.stack.variant import ALL_ROLES

    _role(variant, lambda claim: next((role for role in sorted(ALL_ROLES) if claim and role in claim), claim))


@flaw("C03", breaks="C03.32", why="a token without a role is an operator's")
def default_role(variant):
    _role(variant, lambda claim: claim or "operator")


@flaw("C03", breaks="C03.32", why="roles are compared without regard to capitals")
def role_in_capitals(variant):
    _role(variant, lambda claim: claim.lower() if isinstance(claim, str) else claim)


@flaw("C03", breaks="C03.32", why="the first of a list of roles counts, in a contract that has one")
def role_list(variant):
    _role(variant, lambda claim: claim[0] if isinstance(claim, list) and claim else claim)
