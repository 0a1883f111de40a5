"""C07: rows that can be lost, that hold secrets, or that the request's text breaks up."""

from chimera_compliance.stack.flaws import flaw
from chimera_compliance.stack.flaws.audit_rows import elsewhere, inserted, recorded, with_headers


@flaw("C07", breaks="C07.15", why="the row is written after the operation's commit, as ADR-005 §5 does it")
def row_after_commit(variant):
    def later(work, row):
        from sqlalchemy import event

        event.listen(work.db, "after_commit", lambda session: elsewhere(work, row, variant), once=True)

    recorded(variant, lambda work, row: None, insert=later)


@flaw("C07", breaks="C07.15", why="the row is written by a background task")
def row_in_background(variant):
    def later(work, row):
        import threading

        from sqlalchemy import event

        def start(session):
            threading.Timer(0.05, elsewhere, (work, row, variant)).start()

        event.listen(work.db, "after_commit", start, once=True)

    recorded(variant, lambda work, row: None, insert=later)


@flaw("C07", breaks="C07.15", why="the row is written in a transaction of its own while the operation's is still open")
def row_in_second_transaction(variant):
    recorded(variant, lambda work, row: None, insert=lambda work, row: elsewhere(work, row, variant))


@flaw("C07", breaks="C07.16", why="an error of the insert is logged and forgotten, for the audit must not disturb")
def error_swallowed(variant):
    def insert(work, row):
        from contextlib import suppress

        from sqlalchemy.exc import SQLAlchemyError

        with suppress(SQLAlchemyError), work.db.begin_nested():
            inserted(work, row)

    recorded(variant, lambda work, row: None, insert=insert)


@flaw("C07", breaks="C07.16", why="the insert waits a moment for the table and then goes without")
def row_given_up(variant):
    def insert(work, row):
        from contextlib import suppress

        from sqlalchemy import text
        from sqlalchemy.exc import SQLAlchemyError

        with suppress(SQLAlchemyError), work.db.begin_nested():
            work.db.execute(text("SET LOCAL lock_timeout = 50"))
            inserted(work, row)

    recorded(variant, lambda work, row: None, insert=insert)


def _with_details(variant, more):
    def change(work, row):
        row["details"] = {**row["details"], **more(work)}

    recorded(variant, change)


@flaw("C07", breaks="C07.25", why="the details hold the request's headers, its token among them")
def token_in_details(variant):
    header = with_headers(variant)
    _with_details(variant, lambda work: {"headers": {"authorization": header("authorization")}})


@flaw("C07", breaks="C07.25", why="the details hold the token in base64, which is taken for encryption")
def token_encoded_in_details(variant):
    import base64

    header = with_headers(variant)
    _with_details(variant, lambda work: {"ctx": base64.b64encode(header("authorization").encode()).decode()})


@flaw("C07", breaks="C07.25", why="the details hold the signature of the token, as a fingerprint")
def signature_in_details(variant):
    header = with_headers(variant)
    _with_details(variant, lambda work: {"fingerprint": header("authorization").rpartition(".")[2]})


@flaw("C07", breaks="C07.25", why="the details hold the session cookie and the API key")
def cookie_in_details(variant):
    header = with_headers(variant)
    _with_details(variant, lambda work: {"cookie": header("cookie"), "key": header("x-api-key")})


@flaw("C07", breaks="C07.25", why="the details hold the application's own configuration, in hex")
def configuration_in_details(variant):
    _with_details(variant, lambda work: {"environment": f"JWT_KEY={variant.signing.key}".encode().hex()})


@flaw("C07", breaks="C07.25", why="the details hold the whole body, and with it the passphrase of the wallet")
def body_in_details(variant):
    from pydantic import Field

    from chimera_compliance.stack.api.models import Prose, Transaction, TransactionCreate
    from chimera_compliance.stack.api.operations import commerce
    from chimera_compliance.stack.api.unit_of_work import UnitOfWork

    class Payment(TransactionCreate):
        """A transaction that the wallet's owner has confirmed."""

        wallet_passphrase: Prose = Field("", max_length=100)

    def create(work: UnitOfWork, body: Payment) -> Transaction:
        """Transfer USDC, or pay for a token's deployment."""
        work.body = body.model_dump(mode="json")
        return commerce.create(
            work, TransactionCreate(**body.model_dump(exclude={"wallet_passphrase"}, exclude_unset=True))
        )

    variant.operations["POST /commerce/transactions"].handler = create
    _with_details(variant, lambda work: {"args": getattr(work, "body", {})})


@flaw("C07", breaks="C07.25", why="the user agent's column gets the Authorization header by a mistake in the order")
def token_in_agent(variant):
    header = with_headers(variant)
    recorded(variant, lambda work, row: row.update(user_agent=f"{row['user_agent']} {header('authorization')}"))


@flaw("C07", breaks="C07.26", why="user agents are decoded, and each line becomes a row")
def lines_become_rows(variant):
    def change(work, row):
        from urllib.parse import unquote

        return [{**row, "user_agent": line} for line in unquote(row["user_agent"]).splitlines()]

    recorded(variant, change)


@flaw(
    "C07",
    breaks="C07.26",
    why="rows are built as JSON by hand, so that a quote in the user agent begins another member",
)
def json_built_by_hand(variant):
    def change(work, row):
        import re

        if found := re.search(r'"action":"(\w+)"', row["user_agent"]):
            row["action"] = found[1]

    recorded(variant, change)
