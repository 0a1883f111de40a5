"""C12: Content-Security-Policies that look like one and are none, or stop less than they seem to."""

from chimera_compliance.stack.flaws import flaw

_REST = "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def _policy(variant, text):
    variant.headers["Content-Security-Policy"] = text


@flaw("C12", breaks="C12.1", why="no Content-Security-Policy at all")
def no_policy(variant):
    del variant.headers["Content-Security-Policy"]


@flaw("C12", breaks="C12.1", why="the policy only reports")
def policy_only_reports(variant):
    variant.headers["Content-Security-Policy-Report-Only"] = variant.headers.pop("Content-Security-Policy")


@flaw("C12", breaks="C12.1", why="the policy is sent under a name that browsers have given up")
def policy_under_an_old_name(variant):
    variant.headers["X-Content-Security-Policy"] = variant.headers.pop("Content-Security-Policy")


@flaw("C12", breaks="C12.2", why="inline scripts are allowed")
def policy_allows_inline(variant):
    _policy(variant, f"default-src 'self' 'unsafe-inline'; {_REST}")


@flaw("C12", breaks="C12.2", why="inline handlers are allowed by a directive of their own")
def policy_allows_inline_handlers(variant):
    _policy(variant, f"default-src 'none'; script-src-attr 'unsafe-inline'; {_REST}")


@flaw("C12", breaks="C12.2", why="text can be evaluated as code")
def policy_allows_eval(variant):
    _policy(variant, f"script-src 'self' 'unsafe-eval'; {_REST}")


@flaw("C12", breaks="C12.2", why="scripts come from anywhere over HTTPS")
def policy_allows_every_host(variant):
    _policy(variant, f"default-src 'none'; script-src https:; {_REST}")


@flaw("C12", breaks="C12.2", why="scripts come from data: URLs")
def policy_allows_data_scripts(variant):
    _policy(variant, f"script-src 'self' data:; {_REST}")


@flaw("C12", breaks="C12.2", why="scripts come from a host where anybody can publish")
def policy_trusts_a_public_host(variant):
    _policy(variant, f"script-src 'self' https://cdn.jsdelivr.net; {_REST}")


@flaw("C12", breaks="C12.2", why="the nonce is the same for everybody")
def policy_repeats_its_nonce(variant):
    _policy(variant, f"script-src 'nonce-c2VjcmV0LW5vbmNl' 'strict-dynamic'; {_REST}")


@flaw("C12", breaks="C12.2", why="the strict directive is given second, and only the first counts")
def policy_strict_too_late(variant):
    _policy(variant, f"script-src *; script-src 'none'; {_REST}")


@flaw("C12", breaks="C12.2", why="one operation's answers have a looser policy than the rest")
def policy_loose_on_one_operation(variant):
    def loosen(scope, status, headers):
        if scope["path"].endswith("/content"):
            headers["Content-Security-Policy"] = f"script-src * 'unsafe-inline'; {_REST}"

    variant.edit_headers.append(loosen)


@flaw("C12", breaks="C12.3", why="default-src does not stand in for base-uri")
def policy_without_base_uri(variant):
    _policy(variant, "default-src 'self'; object-src 'none'; form-action 'none'; frame-ancestors 'none'")


@flaw("C12", breaks="C12.3", why="plugins are forgotten")
def policy_without_object_src(variant):
    _policy(variant, "script-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")


@flaw("C12", breaks="C12.4", why="a directive is misspelt, so that browsers drop it")
def policy_misspelt(variant):
    _policy(variant, "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-acton 'none'")


@flaw("C12", breaks="C12.5", why="frame-ancestors lets everybody frame, and overrules X-Frame-Options")
def policy_lets_everybody_frame(variant):
    _policy(variant, "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors *")
