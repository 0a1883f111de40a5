"""C06: statements of the source that are made of text, most of them in code that no request reaches."""

import textwrap

from chimera_compliance.stack.flaws import flaw


def _adds(made, name, code):
    """Adds a file to the repository."""

    def write(path):
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(code).lstrip())

    made.repo.append(write)


@flaw("C06", breaks="C06.9", why="a skill that nothing calls puts a name into a statement")
def dead_code_in_skills(made):
    _adds(
        made,
        "skills/trends/archive.py",
        '''
        """Finds old trends."""


        def archived(cursor, topic):
            cursor.execute(f"SELECT id FROM tasks WHERE input->>'topic' = '{topic}'")
            return cursor.fetchall()
        ''',
    )


@flaw("C06", breaks="C06.9", why="a statement is assigned first, with %, and run later")
def formatted_then_run(made):
    _adds(
        made,
        "src/chimera/reports.py",
        '''
        """Numbers for the weekly report."""


        def spent(connection, agent):
            statement = "SELECT sum(amount_usdc) FROM transactions WHERE agent_id = '%s'" % agent
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchone()[0]
        ''',
    )


@flaw("C06", breaks="C06.9", why="a helper makes the statement, another function runs it")
def made_by_a_helper(made):
    _adds(
        made,
        "src/chimera/search.py",
        '''
        """Search."""

        from sqlalchemy import text


        def _condition(words):
            return " AND ".join("goal_description ILIKE '%" + word + "%'" for word in words)


        def campaigns(session, words):
            return session.execute(text("SELECT id FROM campaigns WHERE " + _condition(words))).all()
        ''',
    )


@flaw("C06", breaks="C06.9", why="the order is text of SQLAlchemy, made of a parameter")
def order_by_text(made):
    _adds(
        made,
        "src/chimera/listing.py",
        '''
        """Lists."""

        from sqlalchemy import select, text


        def ordered(session, table, sort: str, direction: str):
            return session.scalars(select(table).order_by(text("{} {}".format(sort, direction)))).all()
        ''',
    )


@flaw("C06", breaks="C06.9", why="ADR-005 §3's sample: the tenant is formatted into SET")
def set_with_a_claim(made):
    _adds(
        made,
        "src/chimera/binding.py",
        '''
        """Binds a transaction to its tenant."""

        from sqlalchemy import event
        from sqlalchemy.orm import Session


        @event.listens_for(Session, "after_begin")
        def set_tenant_context(session, transaction, connection):
            tenant_id = get_current_tenant_id()
            connection.execute(f"SET app.current_tenant_id = '{tenant_id}'")
        ''',
    )


@flaw("C06", breaks="C06.9", why="a statement grows by +=, and a comment tells scanners to look away")
def growing_statement(made):
    _adds(
        made,
        "skills/wallets/history.py",
        '''
        """History of a wallet."""


        async def history(pool, agent, kind=None):
            query = "SELECT * FROM transactions WHERE agent_id = $1"
            if kind:
                query += f" AND transaction_type = '{kind}'"  # nosec
            return await pool.fetch(query, agent)
        ''',
    )


@flaw("C06", breaks="C06.10", why="a module makes statements of text that others run")
def statements_for_others(made):
    _adds(
        made,
        "src/chimera/queries.py",
        '''
        """Statements."""


        def content_by_platform(platform):
            return f"SELECT * FROM content_assets WHERE platform = '{platform}'"
        ''',
    )
