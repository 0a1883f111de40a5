"""C12: ways in which an answer leaves a browser unprotected."""

from chimera_compliance.stack.flaws import flaw


@flaw("C12", why="errors are made outside of the layer that sets the headers")
def errors_without_headers(variant):
    def strip(scope, status, headers):
        if status >= 400:
            del headers["Content-Security-Policy"], headers["X-Frame-Options"]

    variant.edit_headers.append(strip)
