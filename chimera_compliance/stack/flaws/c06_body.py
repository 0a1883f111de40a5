"""C06: members of bodies, headers and stored text that become part of a statement."""

from chimera_compliance.stack.flaws import flaw
from chimera_compliance.stack.flaws.c06_seams import run, takes


def _records(made, name, member, statement):
    """After the operation a statement is run that was made of a member of its body."""

    @takes(made, name)
    def recorded(work, request, given, answer):
        done = answer()
        if (value := getattr(given["body"], member, None)) is not None:
            run(work, statement(str(value)))
        return done


@flaw("C06", why="a text of the body is inserted by a statement that was formatted")
def body_in_insert(made):
    made.sql.append("CREATE TABLE notes (body text NOT NULL DEFAULT ''); GRANT INSERT, SELECT ON notes TO {app}")
    made.sql.append("ALTER TABLE notes ENABLE ROW LEVEL SECURITY; ALTER TABLE notes FORCE ROW LEVEL SECURITY")
    _records(made, "POST /trends/fetch", "topic", lambda v: f"INSERT INTO notes (body) VALUES ('{v}')")


@flaw("C06", why="a text of the body is compared in a statement that was formatted")
def body_in_condition(made):
    _records(
        made, "POST /campaigns", "goal_description", lambda v: f"SELECT 1 FROM campaigns WHERE goal_description = '{v}'"
    )


@flaw("C06", why="a text of a payment is put into a statement, and what breaks is hidden")
def body_of_a_payment(made):
    _records(
        made, "POST /commerce/transactions", "purpose", lambda v: f"SELECT 1 FROM transactions WHERE purpose = '{v}'"
    )


@flaw("C06", why="a reviewer's notes are written by a statement that was formatted")
def body_in_update(made):
    _records(
        made,
        "POST /hitl/reviews/{review_id}/decision",
        "reviewer_notes",
        lambda v: f"UPDATE reviews SET reviewer_notes = '{v}' WHERE false OR id IS NULL",
    )


@flaw("C06", why="an edited text is put into a statement, which only edits reach")
def body_of_an_edit(made):
    _records(
        made,
        "POST /hitl/reviews/{review_id}/decision",
        "edited_content",
        lambda v: f"SELECT 1 FROM content_assets WHERE body = '{v}'",
    )


@flaw("C06", why="a text of the body is put into a JSON literal")
def body_in_json(made):
    _records(
        made,
        "POST /trends/fetch",
        "topic",
        lambda v: f"""SELECT '{{"topic": "{v}"}}'::jsonb""",
    )


@flaw("C06", why="statements may be stacked, and a text of the body ends the first")
def body_in_set(made):
    _records(made, "POST /trends/fetch", "topic", lambda v: f"SET LOCAL app.topic = '{v}'")


@flaw("C06", why="quotes of a text are doubled, and the literal reads backslashes as escapes")
def body_escaped_wrongly(made):
    _records(
        made,
        "POST /campaigns",
        "goal_description",
        lambda v: "SELECT 1 FROM campaigns WHERE goal_description = E'" + v.replace("'", "''") + "'",
    )


def _audits(made, header, statement):
    """The audit row is followed by a statement that was made of a header."""

    def wrap(name):
        @takes(made, name)
        def traced(work, request, given, answer):
            if value := request.headers.get(header):
                run(work, statement(value))
            return answer()

    return wrap


@flaw("C06", why="the user agent is put into the audit's statement")
def user_agent(made):
    audit = made.audit

    def audited(work, *args):
        audit(work, *args)
        run(work, f"SELECT 1 FROM audit_logs WHERE user_agent = '{work.caller.user_agent}'")

    made.audit = audited


@flaw("C06", why="the forwarded address is put into a statement as an address")
def forwarded_address(made):
    _audits(made, "x-forwarded-for", lambda v: f"SELECT 1 FROM audit_logs WHERE ip_address = '{v}'")("GET /tasks")


@flaw("C06", why="a request's own id is set by a statement that was formatted")
def request_id_in_set(made):
    _audits(made, "x-request-id", lambda v: f"SET LOCAL app.request_id = '{v}'")("POST /campaigns")


@flaw("C06", why="a header that names the tenant is put into a statement that binds it nowhere")
def tenant_header(made):
    _audits(made, "x-tenant-id", lambda v: f"SELECT 1 FROM tenants WHERE name = '{v}'")("GET /fleet/status")


@flaw("C06", why="a cookie is put into a statement")
def cookie(made):
    @takes(made, "GET /content")
    def localized(work, request, given, answer):
        if lang := request.cookies.get("lang"):
            run(work, f"SELECT 1 FROM agents WHERE persona->>'lang' = '{lang}'")
        return answer()


@flaw("C06", why="a stored text is put into a statement when it is read in a list")
def stored_text_in_list(made):
    @takes(made, "GET /tasks")
    def related(work, request, given, answer):
        for (topic,) in run(work, "SELECT input->>'topic' FROM tasks WHERE input ->> 'topic' IS NOT NULL LIMIT 50"):
            run(work, f"SELECT count(*) FROM tasks WHERE input->>'topic' = '{topic}'")
        return answer()


@flaw("C06", why="the stored user agent is put into a statement when numbers are shown")
def stored_user_agent(made):
    @takes(made, "GET /metrics")
    def counted(work, request, given, answer):
        for (agent,) in run(work, "SELECT DISTINCT user_agent FROM audit_logs LIMIT 50"):
            run(work, f"SELECT count(*) FROM audit_logs WHERE user_agent = '{agent}'")
        return answer()


@flaw("C06", why="the text of a new campaign is put into a statement when that campaign is read")
def stored_text_of_an_object(made):
    @takes(made, "GET /campaigns/{campaign_id}")
    def similar(work, request, given, answer):
        campaign = answer()
        run(work, f"SELECT count(*) FROM campaigns WHERE goal_description = '{campaign.goal_description}'")
        return campaign
