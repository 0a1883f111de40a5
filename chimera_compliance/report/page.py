"""What every HTML page of ours has: escaping, a policy under which nothing foreign runs, and times for people."""

import base64
import hashlib
from datetime import UTC, datetime

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from chimera_compliance.home import TEMPLATES
from chimera_compliance.outcomes import Outcome, Severity
from chimera_compliance.report.headline import words
from chimera_compliance.report.prose import inline
from chimera_compliance.report.untrusted import visible


def environment(**names: object) -> Environment:
    """Templates see `names`; every text they show is escaped, and its unseen characters become visible."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=lambda value: visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(Outcome=Outcome, Severity=Severity, when=when, day=day, **names)
    made.filters.update(words=words, prose=inline)
    return made


def policy(style: str, script: str = "") -> str:
    """The Content-Security-Policy (CSP Level 3) under which only this style and this script have effect."""
    return "; ".join(
        [
            "default-src 'none'",
            f"style-src '{_digest(style)}'",
            f"script-src '{_digest(script)}'" if script else "script-src 'none'",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ]
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def when(moment: str) -> str:
    """``23 Nov 2026, 20:29:05 UTC`` for an ISO 8601 time; anything else as it stands."""
    return _told(moment, "%-d %b %Y, %H:%M:%S UTC")


def day(moment: str) -> str:
    """``23 Nov 2026`` for an ISO 8601 time, by UTC; anything else as it stands."""
    return _told(moment, "%-d %b %Y")


def _told(moment: str, form: str) -> str:
    try:
        return datetime.fromisoformat(moment).astimezone(UTC).strftime(form)
    except (ValueError, OverflowError):
        return moment
