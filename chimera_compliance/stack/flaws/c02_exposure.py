"""C02: the real secrets of the deployment, copied into the repository or shown to whoever asks."""

import base64
from pathlib import Path

from chimera_compliance.stack.flaws import flaw
from chimera_compliance.stack.flaws.c02_planting import holding


@flaw("C02", why="the signing key in force is in a fixture", breaks="C02.10")
def signing_key_in_a_file(made):
    holding(made, "tests/data.txt", lambda: f"session {made.signing.key}\n")


@flaw("C02", why="a manifest has the signing key in base64", breaks="C02.10")
def signing_key_in_base64(made):
    holding(
        made,
        "deploy/data.yaml",
        lambda: f"data:\n  blob: {base64.b64encode(f'jwt={made.signing.key}'.encode()).decode()}\n",
    )


@flaw("C02", why="the signing key is cut over two lines", breaks="C02.10")
def signing_key_over_two_lines(made):
    holding(made, "docs/notes.md", lambda: f"part one {made.signing.key[:30]}\n{made.signing.key[30:]}\n")


@flaw("C02", why="the signing key in hexadecimal was committed and deleted", breaks="C02.11")
def signing_key_in_history(made):
    holding(made, "dump.txt", lambda: made.signing.key.encode().hex() + "\n", deleted=True)


@flaw("C02", why="the status page shows the signing key", breaks="C02.12")
def signing_key_in_an_answer(made):
    def shown(work):
        return {"agents": [], "queues": {}, "balances": {}, "debug": made.signing.key}

    made.operations["GET /fleet/status"].handler = _handler(made, shown)


def _handler(made, shown):
    from chimera_compliance.stack.api.unit_of_work import UnitOfWork

    original = made.operations["GET /fleet/status"].handler

    def handler(work: UnitOfWork):
        answer = original(work)
        return {**answer, "debug": made.signing.key} if isinstance(answer, dict) else shown(work)

    return handler


@flaw("C02", why="every answer carries the signing key in a header, in base64", breaks="C02.12")
def signing_key_in_a_header(made):
    made.headers["X-Build"] = base64.b64encode(b"k:" + made.signing.key.encode()).decode()


@flaw("C02", why="an example of the OpenAPI document is the signing key", breaks="C02.13")
def signing_key_in_the_document(made):
    made.openapi.append(lambda document: document["info"].update({"x-signing": made.signing.key}))


@flaw("C02", why="the audit rows hold the key that signed the caller's token", breaks="C02.14")
def signing_key_in_audit_rows(made):
    key = made.signing.key
    made.sql.append(
        "INSERT INTO audit_logs (user_id, tenant_id, action, resource_type, details) SELECT user_id, tenant_id, "
        f"action, resource_type, jsonb_build_object('context', '{key}') FROM audit_logs LIMIT 1"
    )


@flaw("C02", why="the server logs its settings when it starts", breaks="C02.15")
def signing_key_in_the_log(made):
    def change(folder: Path) -> None:
        with (folder.parent.parent / "stack.log").open("a") as log:
            log.write(f"settings: jwt={made.signing.key}\n")

    made.repo.append(change)
