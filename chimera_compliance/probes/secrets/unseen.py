"""Why a call has shown nothing: denied, unsupported, not there, or not answered. Never a pass."""

from chimera_compliance.errors import ConfigurationError


class Unseen(Exception):
    """One call that has shown nothing; `code` is AWS's own, `reason` is for people."""

    def __init__(self, action: str, code: str, reason: str):
        super().__init__(f"{action}: {reason}")
        self.action, self.code, self.reason = action, code, reason

    @property
    def absent(self) -> bool:
        """Whether what was asked for does not exist."""
        return "NotFound" in self.code or self.code in ("NoSuchEntity", "ParameterNotFound", "ClientException")

    @property
    def throttled(self) -> bool:
        """Whether the account asks for patience."""
        return self.code in _THROTTLED

    @property
    def unsupported(self) -> bool:
        """Whether the endpoint does not know the call: an emulator's gap, and no fault of the account's."""
        return self.code == "unsupported"


_DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized", "AuthorizationError")
_THROTTLED = ("Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded", "SlowDown")
_CREDENTIALS = (
    *("InvalidClientTokenId", "UnrecognizedClientException", "ExpiredToken", "ExpiredTokenException", "AuthFailure"),
    *("SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature", "MissingAuthenticationToken"),
)
_AWAY = ("EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ConnectionClosedError", "SSLError")


def why(error: Exception, action: str) -> Unseen:
    """What an exception of botocore means for a call."""
    response = getattr(error, "response", None)
    if not isinstance(response, dict):
        return _without_answer(error, action)
    code = str(response.get("Error", {}).get("Code", "")) or type(error).__name__
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    message = str(response.get("Error", {}).get("Message", ""))
    if status == 501 or (status in (404, 500) and ("not been implemented" in message or _is_number(code))):
        return Unseen(action, "unsupported", f"unsupported by the target: it answers {status} to {action}")
    if code in _DENIED:
        return Unseen(action, code, f"{action} is denied to these credentials")
    if code in _THROTTLED:
        return Unseen(action, code, f"{action} is throttled by the account: run again later, or with fewer at a time")
    if code in _CREDENTIALS:
        return Unseen(action, code, f"the credentials are not accepted ({code}): renew them")
    return Unseen(action, code, f"{action} answers {code}")


def nobody_answers(unseen: Unseen) -> bool:
    """Whether it was the endpoint that failed."""
    return unseen.code in _AWAY


def _without_answer(error: Exception, action: str) -> Unseen:
    name = type(error).__name__
    if isinstance(error, ConfigurationError):
        return Unseen(action, name, str(error))
    if name in ("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "TokenRetrievalError"):
        return Unseen(action, name, "there are no usable AWS credentials: set aws.profile, or the environment")
    if name in _AWAY:
        return Unseen(action, name, f"nobody answers ({name})")
    if name == "ResponseParserError":  # a page in place of an answer: an emulator that does not know the call
        return Unseen(action, "unsupported", f"unsupported by the target: it has no answer to {action}")
    return Unseen(action, name, f"{action} fails with {name}")


def _is_number(code: str) -> bool:
    """An emulator that knows nothing of a service has no error code of its own: the status stands in its place."""
    return code.isdigit()
