"""A small GitHub of the variant's own: the rules of its repository's branches, as the REST API tells them.

`state` is what a variant may bend: the classic protection of each branch, and rulesets. Only what
`Authorization: Bearer TOKEN` asks for is answered, as GitHub answers a private repository.
"""

import json
import re
import socket
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from chimera_compliance.stack.reaper import Reaper

SLUG = "chimera/chimera"
TOKEN = "emulated-github-token"
CHECKS = ("secret-scan", "static-analysis")


def reference() -> dict[str, Any]:
    """The main branch as it should be: both scans required of everybody, and nothing rewritten or deleted."""
    return {
        "branches": ["main"],
        "protection": {
            "main": {
                "required_status_checks": {
                    "strict": True,
                    "contexts": list(CHECKS),
                    "checks": [{"context": name, "app_id": 15368} for name in CHECKS],
                },
                "enforce_admins": {"enabled": True},
                "required_pull_request_reviews": {"required_approving_review_count": 1},
                "allow_force_pushes": {"enabled": False},
                "allow_deletions": {"enabled": False},
            }
        },
        "rulesets": [],
    }


def answer(path: str, state: dict[str, Any]) -> tuple[int, Any]:
    """Status and body for a path below the API's root."""
    if path == f"/repos/{SLUG}":
        return 200, {"full_name": SLUG, "default_branch": "main", "private": True}
    found = re.fullmatch(rf"/repos/{SLUG}/(branches|rules/branches|rulesets)/([^/]+)(/protection)?", path)
    if not found:
        return 404, {"message": "Not Found"}
    what, name, protection = found.groups()
    if what == "rulesets":
        one = next((ruleset for ruleset in state["rulesets"] if str(ruleset["id"]) == name), None)
        return (200, one) if one else (404, {"message": "Not Found"})
    if name not in state["branches"]:
        return 404, {"message": "Branch not found"}
    if what == "rules/branches":
        return 200, [{**rule, "ruleset_id": one["id"]} for one in state["rulesets"] for rule in one["rules"]]
    kept = state["protection"].get(name)
    if protection:
        return (200, kept) if kept else (404, {"message": "Branch not protected"})
    return 200, {"name": name, "protected": bool(kept or state["rulesets"])}


def start(reaper: Reaper, listener: socket.socket, state: dict[str, Any]) -> int:
    """Serve on a socket that already listens; the process id."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.headers.get("Authorization") == f"Bearer {TOKEN}"
            status, body = answer(self.path.split("?")[0], state) if known else (401, {"message": "Bad credentials"})
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: object) -> None:
            pass

    def serve() -> None:
        server = HTTPServer(listener.getsockname(), Handler, bind_and_activate=False)
        server.socket.close()
        server.socket = listener
        server.serve_forever()

    pid = reaper.fork(serve)
    listener.close()
    return pid
