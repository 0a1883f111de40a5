"""What a browser makes of a Content-Security-Policy, so that a policy is judged by what it lets happen.

A search for words is wrong both ways: ``'unsafe-inline'`` beside a nonce is ignored, ``https:`` in one of two policies
is harmless, and a policy with a comma in the wrong place is two policies. So this follows the algorithms of Content
Security Policy Level 3 (https://www.w3.org/TR/CSP3/): every policy of every header field is enforced, and what is
allowed must be allowed by all of them.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from html.parser import HTMLParser

from chimera_compliance.probes.headers.csp_sources import Address, SourceList

# CSP3 §6.8.3: where a directive that is absent is looked up.
_FALLBACK = {
    "script-src-elem": ("script-src-elem", "script-src", "default-src"),
    "script-src-attr": ("script-src-attr", "script-src", "default-src"),
    "style-src-elem": ("style-src-elem", "style-src", "default-src"),
    "style-src-attr": ("style-src-attr", "style-src", "default-src"),
    "worker-src": ("worker-src", "child-src", "script-src", "default-src"),
    "frame-src": ("frame-src", "child-src", "default-src"),
}
_FETCH = {
    "child-src", "connect-src", "default-src", "font-src", "frame-src", "img-src", "manifest-src", "media-src",
    "object-src", "script-src", "script-src-attr", "script-src-elem", "style-src", "style-src-attr",
    "style-src-elem", "worker-src", "fenced-frame-src", "prefetch-src",
}  # fmt: skip
_OTHER = {
    "base-uri", "block-all-mixed-content", "form-action", "frame-ancestors", "navigate-to", "plugin-types",
    "report-to", "report-uri", "require-sri-for", "require-trusted-types-for", "sandbox", "trusted-types",
    "upgrade-insecure-requests", "webrtc",
}  # fmt: skip
_IGNORED_IN_META = {"frame-ancestors", "report-uri", "sandbox"}
_WITH_SOURCES = _FETCH | {"base-uri", "form-action", "frame-ancestors"}
_WHITESPACE = re.compile(r"[\t\n\f\r ]+")
_UNQUOTED = {"none", "self", "unsafe-inline", "unsafe-eval", "strict-dynamic", "unsafe-hashes", "report-sample"}


@dataclass(frozen=True)
class Policy:
    """One serialised policy: its directives, names in lower case, and what in it a browser passes over."""

    directives: Mapping[str, tuple[str, ...]]
    ignored: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str, *, meta: bool = False) -> "Policy":
        """CSP3 §2.2.1. Of a directive that is given twice only the first counts; one that is not ASCII is dropped."""
        directives: dict[str, tuple[str, ...]] = {}
        ignored: list[str] = []
        for token in (part.strip("\t\n\f\r ") for part in text.split(";")):
            name, *values = _WHITESPACE.split(token)
            name = name.lower()
            if fault := _passed_over(name, token, directives, meta):
                ignored.append(fault)
            elif name:
                directives[name] = tuple(values)
                ignored += _odd(name, values)
        return cls(directives, tuple(ignored))

    def sources(self, directive: str) -> SourceList | None:
        """The source list that governs a directive after its fall-back; None where nothing does."""
        chain = _FALLBACK.get(directive, (directive, "default-src") if directive in _FETCH else (directive,))
        for name in chain:
            if name in self.directives:
                return SourceList(self.directives[name])
        return None

    def sandboxed_without(self, permission: str) -> bool:
        """Whether a ``sandbox`` directive takes away what ``permission`` (``allow-scripts``) would give back."""
        return "sandbox" in self.directives and permission not in map(str.lower, self.directives["sandbox"])

    @property
    def runs_scripts(self) -> bool:
        """Whether any script at all can run: false for ``default-src 'none'`` and for a sandbox without scripts."""
        lists = [self.sources(name) for name in ("script-src-elem", "script-src-attr")]
        return not self.sandboxed_without("allow-scripts") and any(item is None or not item.empty for item in lists)


def _passed_over(name: str, token: str, seen: Mapping[str, object], meta: bool) -> str:
    """Why a browser drops this directive, or nothing."""
    if not token.isascii():
        return f"{name.encode('ascii', 'replace').decode()} (not ASCII)"
    if name in seen:
        return f"{name} (given twice)"
    if meta and name in _IGNORED_IN_META:
        return f"{name} (not in a meta element)"
    return ""


def _odd(name: str, values: list[str]) -> list[str]:
    """What a browser takes in another sense than was surely meant: unknown names, keywords without quotes."""
    if name not in _FETCH | _OTHER:
        return [f"{name} (unknown directive)"]
    if name not in _WITH_SOURCES:
        return []
    unquoted = [f"{name} {value} (a keyword needs quotes)" for value in values if value.lower() in _UNQUOTED]
    unknown = [f"{name} {value} (unknown source)" for value in SourceList(tuple(values)).unknown]
    beside = [f"{name} 'none' (beside other sources)"] if _none_beside(values) else []
    return unquoted + unknown + beside


def _none_beside(values: list[str]) -> bool:
    others = [value for value in values if value.lower() not in ("'none'", "'report-sample'")]
    return bool(others) and "'none'" in map(str.lower, values)


@dataclass(frozen=True)
class Policies:
    """All policies of one response. An action is allowed if every enforced policy allows it; of none at all, it is.

    ``in_header`` and ``in_meta`` are enforced; ``report_only`` is kept to say so, and forbids nothing.
    """

    in_header: tuple[Policy, ...] = ()
    in_meta: tuple[Policy, ...] = ()
    report_only: tuple[Policy, ...] = ()

    @classmethod
    def of(cls, enforced: Iterable[str], report_only: Iterable[str] = (), html: str = "") -> "Policies":
        """From the values of the two header fields, several fields kept apart, and the markup of an HTML answer."""
        meta = tuple(policy for text in _meta_policies(html) if (policy := Policy.parse(text, meta=True)).directives)
        return cls(_policies(enforced), meta, _policies(report_only))

    @property
    def enforced(self) -> tuple[Policy, ...]:
        """Every policy that a browser acts on."""
        return self.in_header + self.in_meta

    def directive(self, name: str) -> bool:
        """Whether any enforced policy governs `name`, by itself or through its fall-back."""
        return any(policy.sources(name) is not None for policy in self.enforced)

    @cached_property
    def ignored(self) -> list[str]:
        """What browsers pass over in the enforced policies."""
        return [item for policy in self.enforced for item in policy.ignored]

    @cached_property
    def nonces(self) -> set[str]:
        """The nonces that let a script or style through."""
        names = ("script-src-elem", "style-src-elem")
        lists = [policy.sources(name) for policy in self.enforced for name in names]
        return {nonce for item in lists if item is not None for nonce in item.nonces}

    @property
    def runs_scripts(self) -> bool:
        """Whether any script, however trusted, could run."""
        return all(policy.runs_scripts for policy in self.enforced)

    def allows_inline(self, kind: str) -> bool:
        """Whether a script without nonce or hash runs where it stands: kind ``elem`` or ``attr`` (CSP3 §6.7.3.2)."""
        lists = [policy.sources(f"script-src-{kind}") for policy in self.enforced]
        return self.runs_scripts and all(item is None or item.allows_all_inline for item in lists)

    def allows_eval(self) -> bool:
        """Whether text can be turned into code (CSP3 §4.4): asked of script-src, never of script-src-elem."""
        lists = [policy.sources("script-src") for policy in self.enforced]
        sandboxed = any(policy.sandboxed_without("allow-scripts") for policy in self.enforced)
        return not sandboxed and all(item is None or item.has("'unsafe-eval'") for item in lists)

    def allows_script(self, url: Address, origin: Address) -> bool:
        """Whether a script element put into the page's markup may load `url`."""
        lists = [policy.sources("script-src-elem") for policy in self.enforced]
        return self.runs_scripts and all(item is None or item.admits_markup_script(url, origin) for item in lists)

    def allows(self, directive: str, url: Address, origin: Address) -> bool:
        """Whether `url` may be loaded, or navigated to, under a directive."""
        lists = [policy.sources(directive) for policy in self.enforced]
        return all(item is None or item.admits(url, origin) for item in lists)

    def allows_framing(self, ancestor: Address, origin: Address) -> bool:
        """Whether a page of `ancestor` may frame the answer; only header fields can forbid it (CSP3 §6.4.2)."""
        lists = [policy.sources("frame-ancestors") for policy in self.in_header]
        return all(item is None or item.admits(ancestor, origin) for item in lists)

    def sandboxed_without(self, permission: str) -> bool:
        """Whether any enforced policy takes a permission away."""
        return any(policy.sandboxed_without(permission) for policy in self.enforced)


def _policies(values: Iterable[str]) -> tuple[Policy, ...]:
    """CSP3 §2.2.2: commas part policies, within one field as between two; one without a directive is none."""
    parsed = (Policy.parse(text) for value in values for text in value.split(","))
    return tuple(policy for policy in parsed if policy.directives)


def _meta_policies(html: str) -> list[str]:
    if "http-equiv" not in html.lower():
        return []
    reader = _MetaReader()
    reader.feed(html)
    return reader.found


class _MetaReader(HTMLParser):
    """Collects the policies of meta elements in the head; those after the body has begun are not enforced."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._in_body = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_body = self._in_body or tag == "body"
        attributes = {name: value or "" for name, value in attrs}
        pragma = attributes.get("http-equiv", "").strip().lower()
        if tag == "meta" and pragma == "content-security-policy" and not self._in_body:
            self.found.append(attributes.get("content", ""))

    def handle_endtag(self, tag: str) -> None:
        self._in_body = self._in_body or tag == "head"
