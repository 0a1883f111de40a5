"""Stacks that bind their values in other ways, or refuse quotes before they get there: none is injectable."""

import textwrap

from chimera_compliance.stack.flaws import variant
from chimera_compliance.stack.flaws.c06_seams import only, run, takes


@variant(why="values are quoted by the client and sent within the statement, as psycopg2 does")
def quoted_by_the_client(made):
    @takes(made, "GET /tasks", documented={"task_type": ""})
    def filtered(work, request, given, answer):
        from psycopg import sql

        wanted, page = given.get("task_type"), answer()
        if not wanted or "\0" in wanted:
            return page
        connection = work.db.connection().connection.driver_connection
        statement = sql.SQL("SELECT id FROM tasks WHERE task_type = {}").format(sql.Literal(wanted))
        return only(page, run(work, statement.as_string(connection).replace("%", "%%")))


@variant(why="the order is chosen from a list, and any other is refused")
def order_from_a_list(made):
    @takes(made, "GET /campaigns")
    def ordered(work, request, given, answer):
        from chimera_compliance.stack.api.errors import ApiError

        sort = request.query_params.get("sort", "created_at")
        if sort not in ("created_at", "budget_usdc"):
            raise ApiError(422, "That is no order")
        run(work, f"SELECT id FROM campaigns ORDER BY {sort}")
        return answer()


@variant(why="the order is quoted as a name by psycopg; one that does not exist is the default")
def order_as_an_identifier(made):
    @takes(made, "GET /campaigns")
    def ordered(work, request, given, answer):
        from psycopg import sql

        sort = request.query_params.get("sort")
        if sort and "\0" not in sort:
            connection = work.db.connection().connection.driver_connection
            statement = sql.SQL("SELECT id FROM campaigns ORDER BY {}").format(sql.Identifier(sort))
            run(work, statement.as_string(connection).replace("%", "%%"))
        return answer()


@variant(why="a text that looks like SQL is stored, searched for and shown word for word")
def text_is_searched_for(made):
    @takes(made, "GET /content", documented={"q": ""})
    def searched(work, request, given, answer):
        from sqlalchemy import text

        wanted, page = given.get("q"), answer()
        if not wanted or "\0" in wanted:
            return page
        pattern = "%" + wanted.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        rows = work.db.execute(text("SELECT id FROM content_assets WHERE body ILIKE :pattern"), {"pattern": pattern})
        return only(page, rows)


@variant(why="a firewall before the application refuses quotes in addresses and headers")
def firewall(made):
    from urllib.parse import unquote

    def wrap(app):
        async def guarded(scope, receive, send):
            from chimera_compliance.stack.api.errors import ApiError, response

            texts = [unquote(scope.get("query_string", b"").decode("latin-1")), scope.get("path", "")]
            texts += [value.decode("latin-1") for name, value in scope.get("headers", []) if name == b"user-agent"]
            if scope["type"] == "http" and any("'" in text for text in texts):
                scope.setdefault("state", {})
                return await response(scope, ApiError(403, "That looks like an attack"))(scope, receive, send)
            return await app(scope, receive, send)

        return guarded

    made.wraps.append(wrap)


@variant(why="quotes are taken out of what is searched for, and the rest is bound")
def quotes_taken_out(made):
    @takes(made, "GET /tasks", documented={"q": ""})
    def searched(work, request, given, answer):
        from sqlalchemy import text

        wanted, page = (given.get("q") or "").translate({ord(c): None for c in "'\"\\;\0"}), answer()
        statement = text("SELECT id FROM tasks WHERE :wanted = '' OR strpos(task_type, :wanted) > 0")
        return only(page, work.db.execute(statement, {"wanted": wanted})) if wanted else page


@variant(why="words are searched for by full-text search, whose own quotes may not match: that is refused")
def full_text_search(made):
    @takes(made, "GET /content", documented={"words": ""})
    def searched(work, request, given, answer):
        from sqlalchemy import text
        from sqlalchemy.exc import SQLAlchemyError

        from chimera_compliance.stack.api.errors import ApiError

        wanted, page = given.get("words"), answer()
        if not wanted:
            return page
        statement = text("SELECT id FROM content_assets WHERE to_tsvector('english', body) @@ to_tsquery(:words)")
        try:
            with work.db.begin_nested():
                return only(page, work.db.execute(statement, {"words": wanted}).all())
        except SQLAlchemyError:
            raise ApiError(422, "Those are no words to search for") from None


@variant(why="the source composes statements of names and constants, and binds every value")
def composed_statements(made):
    def write(path):
        (path / "src/chimera/listing.py").write_text(
            textwrap.dedent(
                '''
                """Lists."""

                from psycopg import sql

                ORDERS = {"newest": "created_at DESC", "cheapest": "budget_usdc"}
                TABLES = ("agents", "tasks")


                def listed(cursor, table, sort, limit, name):
                    if table not in TABLES:
                        raise ValueError(table)
                    cursor.execute(
                        f"SELECT id FROM {table} WHERE name = %s ORDER BY {ORDERS[sort]} LIMIT {int(limit)}", (name,)
                    )


                def column(cursor, name):
                    cursor.execute(sql.SQL("SELECT {} FROM agents").format(sql.Identifier(name)))


                def several(cursor, ids):
                    marks = ", ".join(["%s"] * len(ids))
                    cursor.execute(f"SELECT name FROM agents WHERE id IN ({marks})", ids)
                '''
            ).lstrip()
        )

    made.repo.append(write)


@variant(why="functions of the database quote names, take values with USING, and work on typed arguments")
def careful_functions(made):
    made.sql.append(
        "CREATE FUNCTION rows_of(kind regclass) RETURNS bigint LANGUAGE plpgsql STABLE AS $$ DECLARE found bigint; "
        "BEGIN EXECUTE format('SELECT count(*) FROM %s', kind) INTO found; RETURN found; END $$; "
        "CREATE FUNCTION tasks_like(kind text, wanted text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$ "
        "DECLARE statement text := 'SELECT count(*) FROM ' || quote_ident(kind); found bigint; BEGIN "
        "EXECUTE statement || ' WHERE status = $1' INTO found USING wanted; "
        "EXECUTE format('SELECT count(*) FROM %I WHERE status = %L', kind, wanted) INTO found; RETURN found; END $$"
    )
