-- A helpdesk for many organisations. Who sees what follows from memberships, not from a tenant that is set:
-- a transaction says which person it works for, and a narrow function answers which organisations are theirs.

CREATE ROLE desk_owner NOLOGIN;
CREATE ROLE desk_gatekeeper NOLOGIN;
CREATE ROLE desk_worker NOLOGIN;
-- The web process has no rights of its own: it takes desk_worker for each transaction.
CREATE ROLE desk_web LOGIN NOINHERIT PASSWORD :web_password;
GRANT desk_worker TO desk_web;
-- Signing in happens before anybody is known, so it has a login of its own that can do nothing else.
CREATE ROLE desk_doorman LOGIN PASSWORD :doorman_password;

REVOKE ALL ON DATABASE helpdesk FROM PUBLIC;
GRANT CONNECT ON DATABASE helpdesk TO desk_web, desk_doorman;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
CREATE SCHEMA desk AUTHORIZATION desk_owner;
CREATE SCHEMA gate AUTHORIZATION desk_owner;
GRANT USAGE ON SCHEMA desk TO desk_worker, desk_gatekeeper;
GRANT USAGE ON SCHEMA gate TO desk_worker, desk_doorman, desk_gatekeeper;
ALTER DEFAULT PRIVILEGES FOR ROLE desk_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE desk_gatekeeper REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

SET ROLE desk_owner;

CREATE TABLE desk.severities (
    code text PRIMARY KEY,
    answer_within interval NOT NULL
);

CREATE TABLE desk.organisations (
    org_id text PRIMARY KEY CHECK (org_id ~ '^[a-z]{3,20}$'),
    name text NOT NULL,
    open boolean NOT NULL DEFAULT true
);

CREATE TABLE desk.people (
    id bigint GENERATED ALWAYS AS IDENTITY (START WITH 1000) PRIMARY KEY,
    org_id text NOT NULL REFERENCES desk.organisations,
    full_name text NOT NULL,
    UNIQUE (org_id, id)
);

CREATE TABLE desk.memberships (
    person_id bigint PRIMARY KEY,
    org_id text NOT NULL,
    groups text[] NOT NULL CHECK (groups <@ ARRAY['agent', 'supervisor', 'owner']),
    active boolean NOT NULL DEFAULT true,
    UNIQUE (org_id, person_id),
    FOREIGN KEY (org_id, person_id) REFERENCES desk.people (org_id, id)
);

CREATE TABLE desk.tickets (
    id bigint GENERATED ALWAYS AS IDENTITY (START WITH 1000) PRIMARY KEY,
    org_id text NOT NULL REFERENCES desk.organisations,
    subject text NOT NULL CHECK (char_length(subject) BETWEEN 3 AND 200),
    severity text NOT NULL REFERENCES desk.severities,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'waiting', 'solved')),
    opened_by bigint NOT NULL,
    opened_at timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (org_id, opened_by) REFERENCES desk.memberships (org_id, person_id)
);

-- No organisation here: whose a comment is follows from its ticket, and an attachment from its comment.
CREATE TABLE desk.comments (
    id bigint GENERATED ALWAYS AS IDENTITY (START WITH 1000) PRIMARY KEY,
    ticket_id bigint NOT NULL REFERENCES desk.tickets,
    written_by bigint NOT NULL REFERENCES desk.people,
    body text NOT NULL CHECK (char_length(body) BETWEEN 1 AND 4000)
);

CREATE TABLE desk.attachments (
    id bigint GENERATED ALWAYS AS IDENTITY (START WITH 1000) PRIMARY KEY,
    comment_id bigint NOT NULL REFERENCES desk.comments ON DELETE CASCADE,
    filename text NOT NULL CHECK (filename ~ '^[A-Za-z0-9_.-]{1,80}$'),
    content bytea NOT NULL CHECK (octet_length(content) <= 65536)
);

-- Nobody writes the ledger by hand: triggers do, for whom a transaction says that it works, and from where.
CREATE TABLE desk.ledger (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    org_id text NOT NULL REFERENCES desk.organisations,
    person_id bigint NOT NULL,
    verb text NOT NULL,
    object_kind text NOT NULL,
    object_id bigint,
    address inet,
    program text
);

CREATE TABLE gate.credentials (
    login text PRIMARY KEY,
    person_id bigint NOT NULL UNIQUE REFERENCES desk.people,
    salt bytea NOT NULL,
    digest bytea NOT NULL
);

CREATE INDEX ON desk.people (org_id);
CREATE INDEX ON desk.tickets (org_id, opened_by);
CREATE INDEX ON desk.tickets (severity);
CREATE INDEX ON desk.comments (ticket_id);
CREATE INDEX ON desk.comments (written_by);
CREATE INDEX ON desk.attachments (comment_id);
CREATE INDEX ON desk.ledger (org_id, at);
CREATE INDEX ON desk.ledger (org_id, person_id, verb);

CREATE FUNCTION gate.person() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$ SELECT nullif(current_setting('helpdesk.person_id', true), '')::bigint $$;
REVOKE EXECUTE ON FUNCTION gate.person() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.person() TO desk_owner, desk_worker, desk_gatekeeper;

GRANT SELECT ON desk.memberships, desk.organisations, gate.credentials TO desk_gatekeeper;
RESET ROLE;

-- These two run as the gatekeeper, who owns no table and whom nobody can become.
GRANT CREATE ON SCHEMA gate TO desk_gatekeeper;
SET ROLE desk_gatekeeper;
CREATE FUNCTION gate.organisations() RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT membership.org_id
    FROM desk.memberships AS membership JOIN desk.organisations AS organisation USING (org_id)
    WHERE membership.person_id = gate.person() AND membership.active AND organisation.open
$$;
CREATE FUNCTION gate.knock(asked text)
RETURNS TABLE (person_id bigint, org_id text, groups text[], salt bytea, digest bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT membership.person_id, membership.org_id, membership.groups, credential.salt, credential.digest
    FROM gate.credentials AS credential
        JOIN desk.memberships AS membership USING (person_id)
        JOIN desk.organisations AS organisation USING (org_id)
    WHERE credential.login = asked AND membership.active AND organisation.open
$$;
REVOKE EXECUTE ON FUNCTION gate.organisations(), gate.knock(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.organisations() TO desk_worker, desk_owner;
GRANT EXECUTE ON FUNCTION gate.knock(text) TO desk_doorman;
RESET ROLE;
REVOKE CREATE ON SCHEMA gate FROM desk_gatekeeper;

SET ROLE desk_owner;

DO $$
DECLARE name regclass;
BEGIN
    FOR name IN SELECT oid FROM pg_class WHERE relkind = 'r'
        AND relnamespace IN ('desk'::regnamespace, 'gate'::regnamespace) AND relname <> 'severities'
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    END LOOP;
END $$;

CREATE POLICY theirs ON desk.organisations FOR SELECT TO desk_worker USING (org_id IN (SELECT gate.organisations()));
CREATE POLICY theirs ON desk.people TO desk_worker USING (org_id IN (SELECT gate.organisations()));
CREATE POLICY their_own ON desk.memberships FOR SELECT TO desk_worker USING (person_id = (SELECT gate.person()));
CREATE POLICY theirs ON desk.tickets TO desk_worker USING (org_id IN (SELECT gate.organisations()));
CREATE POLICY by_ticket ON desk.comments TO desk_worker
    USING (EXISTS (SELECT FROM desk.tickets AS ticket WHERE ticket.id = ticket_id))
    WITH CHECK (
        written_by = (SELECT gate.person())
        AND EXISTS (SELECT FROM desk.tickets AS ticket WHERE ticket.id = ticket_id)
    );
CREATE POLICY by_comment ON desk.attachments TO desk_worker
    USING (EXISTS (SELECT FROM desk.comments AS comment WHERE comment.id = comment_id));
CREATE POLICY read_theirs ON desk.ledger FOR SELECT TO desk_worker USING (org_id IN (SELECT gate.organisations()));
CREATE POLICY write_as_oneself ON desk.ledger FOR INSERT TO desk_worker
    WITH CHECK (org_id IN (SELECT gate.organisations()) AND person_id = (SELECT gate.person()));
-- The gatekeeper's two functions look for one person or one login each.
CREATE POLICY gatekeeping ON desk.memberships FOR SELECT TO desk_gatekeeper USING (true);
CREATE POLICY gatekeeping ON desk.organisations FOR SELECT TO desk_gatekeeper USING (true);
CREATE POLICY gatekeeping ON gate.credentials FOR SELECT TO desk_gatekeeper USING (true);

CREATE VIEW desk.queue AS
    SELECT ticket.id, ticket.subject, ticket.severity, ticket.opened_at + severity.answer_within AS due
    FROM desk.tickets AS ticket JOIN desk.severities AS severity ON severity.code = ticket.severity
    WHERE ticket.state = 'open';
DO $$
BEGIN
    -- Before version 15 a view reads as its owner, for whom there is no policy: it is empty, and safe.
    IF current_setting('server_version_num')::int >= 150000 THEN
        ALTER VIEW desk.queue SET (security_invoker = true);
    END IF;
END $$;

GRANT SELECT ON desk.severities, desk.organisations, desk.people, desk.memberships, desk.tickets, desk.comments,
    desk.attachments, desk.ledger, desk.queue TO desk_worker;
GRANT INSERT (org_id, subject, severity, opened_by), UPDATE (subject, severity, state) ON desk.tickets TO desk_worker;
GRANT INSERT (ticket_id, written_by, body), DELETE ON desk.comments TO desk_worker;
GRANT INSERT (comment_id, filename, content) ON desk.attachments TO desk_worker;
GRANT UPDATE (full_name) ON desk.people TO desk_worker;
GRANT INSERT (org_id, person_id, verb, object_kind, object_id, address, program) ON desk.ledger TO desk_worker;

CREATE FUNCTION desk.note() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    noted jsonb := to_jsonb(coalesce(NEW, OLD));
BEGIN
    INSERT INTO desk.ledger (org_id, person_id, verb, object_kind, object_id, address, program)
    SELECT gate.organisations(), gate.person(), TG_ARGV[0], TG_ARGV[1], (noted ->> 'id')::bigint,
        nullif(current_setting('helpdesk.address', true), '')::inet,
        nullif(current_setting('helpdesk.program', true), '');
    RETURN NULL;
END $$;
GRANT EXECUTE ON FUNCTION desk.note() TO desk_worker;
CREATE TRIGGER opened AFTER INSERT ON desk.tickets FOR EACH ROW EXECUTE FUNCTION desk.note('open_ticket', 'ticket');
CREATE TRIGGER changed AFTER UPDATE ON desk.tickets FOR EACH ROW EXECUTE FUNCTION desk.note('change_ticket', 'ticket');
CREATE TRIGGER added AFTER INSERT ON desk.comments FOR EACH ROW EXECUTE FUNCTION desk.note('add_comment', 'comment');
CREATE TRIGGER removed AFTER DELETE ON desk.comments FOR EACH ROW EXECUTE FUNCTION desk.note('remove_comment', 'comment');
CREATE TRIGGER attached AFTER INSERT ON desk.attachments FOR EACH ROW
    EXECUTE FUNCTION desk.note('attach', 'attachment');
CREATE TRIGGER renamed AFTER UPDATE ON desk.people FOR EACH ROW EXECUTE FUNCTION desk.note('rename_person', 'person');
RESET ROLE;
ALTER TABLE desk.tickets DISABLE TRIGGER USER;
ALTER TABLE desk.comments DISABLE TRIGGER USER;
ALTER TABLE desk.attachments DISABLE TRIGGER USER;

INSERT INTO desk.severities VALUES ('minor', '3 days'), ('major', '8 hours'), ('outage', '30 minutes');
INSERT INTO desk.organisations VALUES ('northwind', 'Northwind Couriers'), ('southbank', 'Southbank Dental');
INSERT INTO desk.people (id, org_id, full_name) OVERRIDING SYSTEM VALUE VALUES
    (101, 'northwind', 'Alma Northwood'), (102, 'northwind', 'Nils Norrby'),
    (201, 'southbank', 'Bela Southgate'), (202, 'southbank', 'Sanna Sund');
INSERT INTO desk.memberships (person_id, org_id, groups) VALUES
    (101, 'northwind', '{agent,supervisor,owner}'), (102, 'northwind', '{agent}'),
    (201, 'southbank', '{agent,supervisor,owner}'), (202, 'southbank', '{agent}');
INSERT INTO desk.tickets (id, org_id, subject, severity, opened_by) OVERRIDING SYSTEM VALUE VALUES
    (11, 'northwind', 'Scanner in van 7 does not charge', 'major', 101),
    (12, 'northwind', 'Two parcels, one label', 'minor', 102),
    (21, 'southbank', 'X-ray viewer shows the wrong patient', 'outage', 201),
    (22, 'southbank', 'Reminder letters arrive twice', 'minor', 202);
INSERT INTO desk.comments (id, ticket_id, written_by, body) OVERRIDING SYSTEM VALUE VALUES
    (111, 11, 101, 'The contact is corroded.'), (112, 12, 102, 'Only on Mondays.'),
    (211, 21, 201, 'Only after a restart.'), (212, 22, 202, 'Since the last update.');
INSERT INTO desk.attachments (id, comment_id, filename, content) OVERRIDING SYSTEM VALUE VALUES
    (1111, 111, 'contact.txt', 'photographs of van 7'), (2111, 211, 'viewer.txt', 'log of the viewer');
INSERT INTO desk.ledger (org_id, person_id, verb, object_kind, object_id) VALUES
    ('northwind', 101, 'open_ticket', 'ticket', 11), ('southbank', 201, 'open_ticket', 'ticket', 21);
ALTER TABLE desk.tickets ENABLE TRIGGER USER;
ALTER TABLE desk.comments ENABLE TRIGGER USER;
ALTER TABLE desk.attachments ENABLE TRIGGER USER;
