"""Who may read answers from another origin: exact members of the allow-list, without cookies."""

_READABLE = "X-Request-Id, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After"


def answer(origin: str | None, preflight: bool, settings) -> dict[str, str]:
    """The headers that share an answer with `origin`; none for a stranger."""
    if origin not in settings.origins:
        return {}
    if not preflight:
        return {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": _READABLE}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": "GET, POST, PATCH",
        "Access-Control-Allow-Headers": "Authorization, Content-Type",
        "Access-Control-Max-Age": "600",
    }
