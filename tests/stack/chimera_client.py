"""A client that knows the contract (CHIMERA.md) and nothing of the stack's inside."""

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
import requests

from chimera_compliance.stack import Running
from chimera_compliance.target import Target


def segment(value) -> str:
    octets = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def signed(header, claims, key: str) -> str:
    """A token with whatever header and claims, signed with the right key."""
    signing_input = f"{segment(header)}.{segment(claims)}"
    return f"{signing_input}.{segment(hmac.digest(key.encode(), signing_input.encode(), hashlib.sha256))}"


@dataclass
class Chimera:
    """A running variant through its target file."""

    target: Target
    session: requests.Session = field(default_factory=requests.Session)

    @classmethod
    def of(cls, running: Running) -> "Chimera":
        client = cls(Target.load(running.target))
        client.session.trust_env = False  # The machine's own CA bundle would win over ours.
        client.session.verify = client.target.api.ca_file
        return client

    @property
    def openapi(self) -> dict[str, Any]:
        return json.loads(Path(self.target.api.openapi).read_text())

    @property
    def key(self) -> str:
        return self.target.secret(self.target.tokens.mint.key)

    def claims(self, who: str = "alice", role: str = "operator", **changed: Any) -> dict[str, Any]:
        """The claims of a right token; a change to None leaves one out."""
        principal, now = self.target.principals[who], int(time.time())
        made = {
            "sub": principal.subject,
            "tenant_id": principal.tenant,
            "role": role,
            "iat": now,
            "exp": now + 300,
            "iss": self.target.tokens.issuer,
            "aud": self.target.tokens.audience,
        }
        return {name: value for name, value in {**made, **changed}.items() if value is not None}

    def token(self, who: str = "alice", role: str = "operator", **changed: Any) -> str:
        return jwt.encode(self.claims(who, role, **changed), self.key, self.target.tokens.mint.algorithm)

    def call(
        self, operation: str, token: str | None = None, who: str = "alice", patient: bool = True, **request: Any
    ) -> requests.Response:
        """An operation on `who`'s own objects, with the target file's body unless another is given.

        Waits as long as a 429 says, unless `patient` is false.
        """
        method, path = operation.split(" ")
        if "json" not in request and "data" not in request and operation in self.target.api.bodies:
            request["json"] = self.body(operation, who)
        headers = {**({"Authorization": f"Bearer {token}"} if token else {}), **request.pop("headers", {})}
        url = self.target.api.base_url + self._filled(path, who)
        answer = self.session.request(method, url, headers=headers, timeout=10, **request)
        if answer.status_code == 429 and patient:
            time.sleep(int(answer.headers["Retry-After"]))
            answer = self.session.request(method, url, headers=headers, timeout=10, **request)
        return answer

    def body(self, operation: str, who: str = "alice", **changed: Any) -> dict[str, Any]:
        return json.loads(self._filled(json.dumps(self.target.api.bodies[operation]), who)) | changed

    def _filled(self, text: str, who: str) -> str:
        principal = self.target.principals[who]
        for name, value in {"tenant": principal.tenant, **principal.resources}.items():
            text = text.replace(f"{{{name}}}", value)
        return text
