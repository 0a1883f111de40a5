"""What the operations of openapi.yaml do, by operationId. Who may see a row is the database's business."""

from dataclasses import dataclass
from typing import Any

import psycopg
from flask import Response, abort, jsonify

from second_stack.badges import Badge

_TICKET = "SELECT id, subject, severity, state, opened_by, opened_at FROM desk.tickets"
_COMMENT = "SELECT id, ticket_id, written_by, body FROM desk.comments"


@dataclass(frozen=True)
class Case:
    """One request under work: who asks, what for, and the transaction it happens in."""

    badge: Badge
    asked: dict[str, Any]
    sql: psycopg.Connection

    def one(self, query: str, *values: Any) -> dict:
        """The one row there must be; another organisation's is as good as none."""
        return self.sql.execute(query, values).fetchone() or abort(404)

    def all(self, query: str, *values: Any) -> list[dict]:
        """All rows."""
        return self.sql.execute(query, values).fetchall()


def show_me(case: Case) -> Response:
    person = case.one("SELECT id, full_name FROM desk.people WHERE id = %s", case.badge.person_id)
    return jsonify(data=person | {"group": case.badge.group})


def show_organisation(case: Case) -> Response:
    return jsonify(data=case.one("SELECT org_id, name FROM desk.organisations"))


def list_people(case: Case) -> Response:
    return jsonify(data=case.all("SELECT id, full_name FROM desk.people ORDER BY id"))


def show_person(case: Case) -> Response:
    return jsonify(data=case.one("SELECT id, full_name FROM desk.people WHERE id = %s", case.asked["person"]))


def rename_person(case: Case) -> Response:
    changed = case.one(
        "UPDATE desk.people SET full_name = %s WHERE id = %s RETURNING id, full_name",
        case.asked["body"]["full_name"],
        case.asked["person"],
    )
    return jsonify(data=changed)


def list_tickets(case: Case) -> Response:
    asked = case.asked
    of_state = "FROM desk.tickets WHERE (%s::text IS NULL OR state = %s)"
    total = case.one(f"SELECT count(*) AS total {of_state}", asked["state"], asked["state"])
    page = f"{_TICKET.partition('FROM')[0]} {of_state} AND id > %s ORDER BY id LIMIT %s"
    found = case.all(page, asked["state"], asked["state"], asked["after"], asked["size"])
    return jsonify(total | {"data": found})


def open_ticket(case: Case) -> Response:
    made = case.one(
        "INSERT INTO desk.tickets (org_id, subject, severity, opened_by) VALUES (%s, %s, %s, %s) RETURNING id, state",
        case.badge.org_id,
        case.asked["body"]["subject"],
        case.asked["body"]["severity"],
        case.badge.person_id,
    )
    return jsonify(data=made)


def show_ticket(case: Case) -> Response:
    return jsonify(data=case.one(_TICKET + " WHERE id = %s", case.asked["ticket"]))


def change_ticket(case: Case) -> Response:
    body = case.asked["body"]
    changed = case.one(
        "UPDATE desk.tickets SET subject = %s, severity = %s, state = %s WHERE id = %s RETURNING id, state",
        body["subject"],
        body["severity"],
        body["state"],
        case.asked["ticket"],
    )
    return jsonify(data=changed)


def list_comments(case: Case) -> Response:
    case.one(_TICKET + " WHERE id = %s", case.asked["ticket"])
    return jsonify(data=case.all(_COMMENT + " WHERE ticket_id = %s ORDER BY id LIMIT 200", case.asked["ticket"]))


def add_comment(case: Case) -> Response:
    case.one(_TICKET + " WHERE id = %s", case.asked["ticket"])
    made = case.one(
        "INSERT INTO desk.comments (ticket_id, written_by, body) VALUES (%s, %s, %s) RETURNING id",
        case.asked["ticket"],
        case.badge.person_id,
        case.asked["body"]["body"],
    )
    return jsonify(data=made)


def show_comment(case: Case) -> Response:
    return jsonify(data=case.one(_COMMENT + " WHERE id = %s", case.asked["comment"]))


def remove_comment(case: Case) -> tuple[str, int]:
    case.one("DELETE FROM desk.comments WHERE id = %s RETURNING id", case.asked["comment"])
    return "", 204


def attach(case: Case) -> Response:
    case.one(_COMMENT + " WHERE id = %s", case.asked["comment"])
    made = case.one(
        "INSERT INTO desk.attachments (comment_id, filename, content) VALUES (%s, %s, %s) RETURNING id",
        case.asked["comment"],
        case.asked["filename"],
        case.asked["body"],
    )
    return jsonify(data=made)


def download(case: Case) -> Response:
    file = case.one("SELECT filename, content FROM desk.attachments WHERE id = %s", case.asked["attachment"])
    response = Response(file["content"], mimetype="application/octet-stream")
    response.headers["Content-Disposition"] = f'attachment; filename="{file["filename"]}"'
    return response


def show_queue(case: Case) -> Response:
    return jsonify(data=case.all("SELECT id, subject, severity, due FROM desk.queue ORDER BY due LIMIT 50"))


def read_ledger(case: Case) -> Response:
    entries = "SELECT at, person_id, verb, object_id, address FROM desk.ledger ORDER BY id DESC LIMIT 50"
    return jsonify(data=[entry | {"address": str(entry["address"] or "")} for entry in case.all(entries)])
