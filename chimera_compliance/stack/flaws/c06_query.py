"""C06: filters, orders and pages that become part of a statement."""

from chimera_compliance.stack.flaws import flaw
from chimera_compliance.stack.flaws.c06_seams import only, run, takes


def _filter(made, name, key, statement, *, documented=True, otherwise=()):
    """A list that is filtered by `statement(value)`, which selects ids, when `key` is given."""

    @takes(made, name, documented={key: ""} if documented else None)
    def filtered(work, request, given, answer):
        value = given.get(key) if documented else request.query_params.get(key)
        page = answer()
        return only(page, run(work, statement(value), otherwise=otherwise)) if value else page


@flaw("C06", why="a filter is put into the statement between quotes")
def filter_between_quotes(made):
    _filter(made, "GET /tasks", "task_type", lambda v: f"SELECT id FROM tasks WHERE task_type = '{v}'")


@flaw("C06", why="a search is put between the wildcards of LIKE")
def search_between_wildcards(made):
    _filter(made, "GET /campaigns", "q", lambda v: f"SELECT id FROM campaigns WHERE goal_description ILIKE '%%{v}%%'")


@flaw("C06", why="a search is an argument of a function, in parentheses")
def search_in_parentheses(made):
    _filter(made, "GET /content", "search", lambda v: f"SELECT id FROM content_assets WHERE body = lower(trim('{v}'))")


@flaw("C06", why="a list of ids is put between the parentheses of IN")
def ids_in_parentheses(made):
    _filter(made, "GET /tasks", "agents", lambda v: f"SELECT id FROM tasks WHERE (agent_id IN ('{v}'))")


@flaw("C06", why="an undocumented filter is left over from development")
def undocumented_filter(made):
    _filter(
        made,
        "GET /content",
        "name",
        lambda v: f"SELECT id FROM content_assets WHERE body = '{v}'",
        documented=False,
        otherwise=(),
    )


@flaw("C06", why="a number is put in without quotes, so no quote is needed to leave it")
def number_without_quotes(made):
    _filter(made, "GET /campaigns", "min_budget", lambda v: f"SELECT id FROM campaigns WHERE budget_usdc >= {v or 0}")


@flaw("C06", why="quotes are doubled, and the literal reads backslashes as escapes")
def doubled_quotes_and_backslashes(made):
    _filter(
        made,
        "GET /tasks",
        "task_type",
        lambda v: "SELECT id FROM tasks WHERE task_type = E'" + v.replace("'", "''") + "'",
    )


@flaw("C06", why="a condition is taken from the query as it stands")
def raw_condition(made):
    _filter(made, "GET /tasks", "where", lambda v: f"SELECT id FROM tasks WHERE {v}", documented=False)


@flaw("C06", why="an item of an array literal is put in between quotes")
def array_item(made):
    _filter(
        made,
        "GET /campaigns",
        "platform",
        lambda v: f"SELECT id FROM campaigns WHERE target_platforms && ARRAY['{v}']",
    )


@flaw("C06", why="a key of a JSON operator is put in between quotes")
def json_key(made):
    _filter(made, "GET /tasks", "input_key", lambda v: f"SELECT id FROM tasks WHERE input->>'{v}' IS NOT NULL")


@flaw("C06", why="a value is put into a JSON literal")
def json_value(made):
    _filter(
        made,
        "GET /tasks",
        "topic",
        lambda v: f"""SELECT id FROM tasks WHERE input @> '{{"topic":"{v}"}}'""",
    )


@flaw("C06", why="the answer is the same whatever comes of the statement: only the database knows")
def nothing_is_shown(made):
    @takes(made, "GET /agents/{agent_id}")
    def looked_up(work, request, given, answer):
        run(work, f"SELECT count(*) FROM agents WHERE name = '{request.query_params.get('name', '')}'")
        return answer()


@flaw("C06", why="a statement that breaks is hidden behind an empty list")
def errors_hidden_behind_empty_list(made):
    _filter(made, "GET /commerce/transactions", "q", lambda v: f"SELECT id FROM transactions WHERE purpose = '{v}'")


@flaw("C06", why="an operation of reviewers alone is built by hand")
def reviewers_search(made):
    _filter(
        made, "GET /hitl/queue", "q", lambda v: f"SELECT id FROM reviews WHERE reviewer_notes = '{v}'", otherwise=()
    )


def _ordered(made, name, table, read):
    """A list in the order that `read(request)` makes of the query."""

    @takes(made, name)
    def ordered(work, request, given, answer):
        page = answer()
        if order := read(request.query_params):
            rows = run(work, f"SELECT id FROM {table} ORDER BY {order}", otherwise=None)
            places = {str(row[0]): place for place, row in enumerate(rows or [])}
            if rows is not None:
                page.items.sort(key=lambda item: places.get(str(item.id), 0))
        return page


@flaw("C06", why="the column to order by is taken from the query")
def order_by(made):
    _ordered(made, "GET /campaigns", "campaigns", lambda query: query.get("sort"))


@flaw("C06", why="the column is chosen from a list, and the direction is not")
def direction(made):
    _ordered(
        made,
        "GET /content",
        "content_assets",
        lambda query: f"created_at {query['direction']}" if "direction" in query else None,
    )


@flaw("C06", why="a documented order is put behind a column, and what breaks is hidden")
def documented_order(made):
    @takes(made, "GET /campaigns", documented={"sort": "", "order": ""})
    def ordered(work, request, given, answer):
        sort = given.get("sort") if given.get("sort") in ("created_at", "budget_usdc") else "created_at"
        run(work, f"SELECT id FROM campaigns ORDER BY {sort} {given.get('order') or 'asc'}")
        return answer()


@flaw("C06", why="the column is quoted as a name, and a quote in it is not doubled")
def quoted_column(made):
    _ordered(made, "GET /tasks", "tasks", lambda query: f'"{query["order_by"]}"' if "order_by" in query else None)


@flaw("C06", why="an offset is taken for a number")
def offset(made):
    _filter(made, "GET /tasks", "offset", lambda v: f"SELECT id FROM tasks LIMIT 100 OFFSET {v}", documented=False)


@flaw("C06", why="the columns to show are taken from the query")
def columns(made):
    @takes(made, "GET /campaigns/{campaign_id}")
    def shown(work, request, given, answer):
        if fields := request.query_params.get("fields"):
            run(work, f"SELECT {fields} FROM campaigns LIMIT 1")
        return answer()


@flaw("C06", why="the grouping is taken from the query")
def grouping(made):
    @takes(made, "GET /fleet/status")
    def grouped(work, request, given, answer):
        if column := request.query_params.get("group_by"):
            run(work, f"SELECT count(*) FROM tasks GROUP BY {column}")
        return answer()


@flaw("C06", breaks="C06.11", why="a filter that is bound compares with LIKE, so that % stands for any value")
def filter_compares_with_like(made):
    @takes(made, "GET /tasks", documented={"task_type": ""})
    def filtered(work, request, given, answer):
        from sqlalchemy import text

        wanted, page = given.get("task_type"), answer()
        if not wanted or "\0" in wanted or wanted.endswith("\\"):
            return page
        return only(page, work.db.execute(text("SELECT id FROM tasks WHERE task_type LIKE :v"), {"v": wanted}))


@flaw("C06", breaks="C06.12", why="a function of the database puts its argument into the text that it executes")
def function_concatenates(made):
    made.sql.append(
        "CREATE FUNCTION tasks_of_type(wanted text) RETURNS SETOF uuid LANGUAGE plpgsql STABLE AS $$ BEGIN "
        "RETURN QUERY EXECUTE 'SELECT id FROM tasks WHERE task_type = ''' || wanted || ''''; END $$; "
        "GRANT EXECUTE ON FUNCTION tasks_of_type TO {app}"
    )


@flaw("C06", breaks="C06.12", why="a function of the database formats its argument with %s, in a variable first")
def function_formats(made):
    made.sql.append(
        "CREATE FUNCTION count_of(kind text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$ "
        "DECLARE statement text := format('SELECT count(*) FROM %s', kind); found bigint; "
        "BEGIN EXECUTE statement INTO found; RETURN found; END $$; GRANT EXECUTE ON FUNCTION count_of TO {app}"
    )


@flaw("C06", why="values are bound, and the function that they are given to concatenates them")
def bound_into_a_function(made):
    function_concatenates(made)

    @takes(made, "GET /tasks", documented={"task_type": ""})
    def filtered(work, request, given, answer):
        from sqlalchemy import text
        from sqlalchemy.exc import SQLAlchemyError

        wanted, page = given.get("task_type"), answer()
        if not wanted or "\0" in wanted:
            return page
        try:
            with work.db.begin_nested():
                return only(page, work.db.execute(text("SELECT tasks_of_type(:v)"), {"v": wanted}).all())
        except SQLAlchemyError:
            return only(page, [])


@flaw("C06", breaks="C06.8", why="an undocumented word goes behind an order, and the database's complaint is shown")
def complaint_is_shown(made):
    @takes(made, "GET /campaigns")
    def ordered(work, request, given, answer):
        from sqlalchemy.exc import SQLAlchemyError

        from chimera_compliance.stack.api.errors import ApiError

        if word := request.query_params.get("q"):
            try:
                with work.db.begin_nested():
                    work.db.connection().exec_driver_sql(f"SELECT id FROM campaigns ORDER BY created_at {word}")
            except SQLAlchemyError as error:
                raise ApiError(400, str(error.orig)) from None
        return answer()
