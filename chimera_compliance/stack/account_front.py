"""What stands before the emulator: denies and throttles as a real account does, and simulates its IAM policies.

moto answers 500 to iam:SimulatePrincipalPolicy. The emulated account's own roles are judged here as IAM would: an
action and a resource are allowed by some statement and denied by none. Conditions are not read: the account has none.
"""

import fnmatch
import json
import re
from threading import Event
from urllib.parse import parse_qs, unquote
from xml.sax.saxutils import escape

from chimera_compliance.stack.account import NUMBER, Account

_SCOPE = re.compile(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/aws4_request")
_LAMBDA = {"configuration": "GetFunctionConfiguration", "concurrency": "GetFunctionConcurrency", "policy": "GetPolicy"}
_SLOW = ("ec2", "ecs", "ssm")


class Front:
    """A WSGI application around moto's; what is slow to fill is waited for by whoever asks for it."""

    def __init__(self, app, account: Account, filled: Event):
        self._app, self._account, self._filled = app, account, filled

    def __call__(self, environ, start_response):
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = _Again(body)
        service, operation, form = _asked(environ, body)
        if service in _SLOW:
            self._filled.wait()
        action = f"{service}:{operation}"
        if action in self._account.denied:
            return _refuse(service, "AccessDenied", start_response)
        if self._account.throttled.get(action, 0) > 0:
            self._account.throttled[action] -= 1
            return _refuse(service, "Throttling", start_response)
        if action == "iam:SimulatePrincipalPolicy" and action not in self._account.unsupported:
            return _answer(start_response, "200 OK", "text/xml", _simulated(form))
        return self._app(environ, start_response)


class _Again:
    """A body that was read once already."""

    def __init__(self, body: bytes):
        self._left = body

    def read(self, size: int = -1) -> bytes:
        """The next octets."""
        size = len(self._left) if size is None or size < 0 else size
        taken, self._left = self._left[:size], self._left[size:]
        return taken

    def readline(self, size: int = -1) -> bytes:
        """The rest: a body of AWS is one line."""
        return self.read(size)


def _asked(environ, body: bytes) -> tuple[str, str, dict[str, list[str]]]:
    scope = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
    service = scope[1] if scope else ""
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return service, target.rpartition(".")[2], {}
    if service == "lambda":
        last = environ.get("PATH_INFO", "").rstrip("/").rpartition("/")[2]
        return service, _LAMBDA.get(last, "ListFunctions"), {}
    form = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    return service, form.get("Action", [""])[0], form


def _refuse(service: str, code: str, start_response):
    if service == "ec2":
        code = {"AccessDenied": "UnauthorizedOperation", "Throttling": "RequestLimitExceeded"}[code]
        xml = f"<Response><Errors><Error><Code>{code}</Code><Message>no</Message></Error></Errors></Response>"
        return _answer(start_response, "403 Forbidden", "text/xml", xml)
    if service in ("iam", "sts"):
        xml = f"<ErrorResponse><Error><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"
        return _answer(start_response, "403 Forbidden", "text/xml", xml)
    text = json.dumps({"__type": f"{code}Exception", "message": "no"})
    return _answer(start_response, "400 Bad Request", "application/x-amz-json-1.1", text, f"{code}Exception")


def _answer(start_response, status: str, kind: str, text: str, error: str = ""):
    octets = text.encode()
    headers = [("Content-Type", kind), ("Content-Length", str(len(octets)))]
    start_response(status, [*headers, ("x-amzn-ErrorType", error)] if error else headers)
    return [octets]


def _simulated(form: dict[str, list[str]]) -> str:
    source = form["PolicySourceArn"][0]
    actions = [value[0] for name, value in form.items() if name.startswith("ActionNames.member.")]
    resources = [value[0] for name, value in form.items() if name.startswith("ResourceArns.member.")] or ["*"]
    statements = _statements(source)
    results = "".join(
        f"<member><EvalActionName>{escape(action)}</EvalActionName><EvalResourceName>{escape(resource)}"
        f"</EvalResourceName><EvalDecision>{_decision(statements, action, resource)}</EvalDecision></member>"
        for action in actions
        for resource in resources
    )
    return (
        '<SimulatePrincipalPolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><SimulatePrincipalPolicyResult>'
        f"<IsTruncated>false</IsTruncated><EvaluationResults>{results}</EvaluationResults>"
        "</SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"
    )


def _statements(arn: str) -> list[dict]:
    """Every statement of a role's or user's policies, as moto keeps them."""
    from moto.iam.models import iam_backends

    backend, name = iam_backends[NUMBER]["global"], arn.rpartition("/")[2]
    holder = backend.get_role(name) if ":role/" in arn else backend.get_user(name)
    inline = holder.policies.values() if isinstance(holder.policies, dict) else []
    documents = [*inline, *(policy.document for policy in holder.managed_policies.values())]
    found = []
    for document in documents:
        parsed = json.loads(unquote(document)) if isinstance(document, str) else document
        statements = parsed["Statement"]
        found += statements if isinstance(statements, list) else [statements]
    return found


def _decision(statements: list[dict], action: str, resource: str) -> str:
    effects = {
        statement["Effect"]
        for statement in statements
        if _matches(statement.get("Action"), action.lower(), lower=True)
        and _matches(statement.get("Resource"), resource)
    }
    return "explicitDeny" if "Deny" in effects else "allowed" if "Allow" in effects else "implicitDeny"


def _matches(patterns: object, text: str, *, lower: bool = False) -> bool:
    listed = patterns if isinstance(patterns, list) else [patterns] if patterns else []
    return any(fnmatch.fnmatchcase(text, one.lower() if lower else one) for one in listed)
