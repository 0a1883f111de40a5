"""Headers of one response that are given twice or contradict each other: two layers set them, and neither knows."""

from collections.abc import Iterator

from chimera_compliance.probes.headers.responses import Response
from chimera_compliance.probes.headers.values import cache_directives, frame_options

_SINGLE = (
    "Strict-Transport-Security",
    "Content-Type",
    "Cross-Origin-Opener-Policy",
    "Cross-Origin-Resource-Policy",
    "Location",
)
_AGREEING = ("X-Frame-Options", "X-Content-Type-Options", "Referrer-Policy")


def conflicts(response: Response) -> Iterator[str]:
    """What is repeated or contradictory, as the end of a sentence.

    Values that agree may be repeated where the specification combines them: two equal X-Frame-Options are one.
    """
    for name in _SINGLE:
        if len(response.all(name)) > 1:
            yield f"has {name} more than once"
    for name in _AGREEING:
        if len({value.strip().lower() for value in response.all(name)}) > 1:
            yield f"has contradictory values of {name}"
    if "DENY" in frame_options(response.all("X-Frame-Options")) and _lets_somebody_frame(response):
        yield "denies framing in X-Frame-Options and allows it in frame-ancestors, which overrules"
    caching = cache_directives(response.all("Cache-Control"))
    if {"no-store", "private"} & caching.keys() and {"public", "s-maxage"} & caching.keys():
        yield "has a Cache-Control that contradicts itself"


def _lets_somebody_frame(response: Response) -> bool:
    lists = [policy.sources("frame-ancestors") for policy in response.policies.in_header]
    given = [sources for sources in lists if sources is not None]
    return bool(given) and not any(sources.empty for sources in given)
