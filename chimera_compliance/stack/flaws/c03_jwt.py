"""C03: ways in which a stack lets somebody in who proved nothing."""

from chimera_compliance.stack.flaws import flaw


@flaw("C03", why="tokens are read but their signature is not checked, so that alg=none and any forgery is accepted")
def unsigned_token(variant):
    del variant.token_checks["algorithm"], variant.token_checks["signature"]
