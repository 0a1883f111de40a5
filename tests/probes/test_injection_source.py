"""Statements made of text are found at their line, however they get there; and what is safe is not called unsafe."""

import ast
import textwrap

import pytest

from chimera_compliance.journal import Journal
from chimera_compliance.probes.injection.source.statements import Statements
from chimera_compliance.probes.injection.source.tree import read

BAD = {
    "f-string": """
        def find(cursor, name):
            cursor.execute(f"SELECT * FROM agents WHERE name = '{name}'")  # HERE
    """,
    "percent": """
        def find(cursor, name):
            cursor.execute("SELECT * FROM agents WHERE name = '%s'" % name)  # HERE
    """,
    "percent with a tuple": """
        def find(cursor, name, age):
            cursor.execute("SELECT * FROM agents WHERE name = '%s' AND age > %d" % (name, age))  # HERE
    """,
    "percent with a mapping": """
        def find(cursor, name):
            cursor.execute("SELECT * FROM agents WHERE name = '%(name)s'" % {"name": name})  # HERE
    """,
    "plus": """
        def find(cursor, name):
            cursor.execute("SELECT * FROM agents WHERE name = '" + name + "'")  # HERE
    """,
    "format": """
        def find(cursor, name):
            cursor.execute("SELECT * FROM agents WHERE name = '{}'".format(name))  # HERE
    """,
    "replace": """
        def find(cursor, name):
            cursor.execute("SELECT * FROM agents WHERE name = ':name'".replace(":name", name))  # HERE
    """,
    "a name first": """
        def find(cursor, name):
            query = f"SELECT * FROM agents WHERE name = '{name}'"  # HERE
            rows = []
            cursor.execute(query)
    """,
    "two names": """
        def find(cursor, name):
            where = "name = '" + name + "'"  # HERE
            query = "SELECT * FROM agents WHERE " + where
            cursor.execute(query)
    """,
    "added piece by piece": """
        def find(cursor, name, city):
            query = "SELECT * FROM agents WHERE true"
            if name:
                query += f" AND name = '{name}'"  # HERE
            cursor.execute(query)
    """,
    "joined conditions": """
        def find(cursor, filters):
            conditions = [f"{key} = '{value}'" for key, value in filters.items()]
            cursor.execute("SELECT * FROM agents WHERE " + " AND ".join(conditions))  # HERE
    """,
    "a helper that makes it": """
        def statement(name):
            return f"SELECT * FROM agents WHERE name = '{name}'"  # HERE

        def find(cursor, name):
            cursor.execute(statement(name))
    """,
    "a helper that runs it": """
        def run(cursor, query):
            cursor.execute(query)
            return cursor.fetchall()

        def find(cursor, name):
            return run(cursor, f"SELECT * FROM agents WHERE name = '{name}'")  # HERE
    """,
    "a method that runs it": """
        class Store:
            def _run(self, query, *values):
                return self.connection.execute(query, values)

            def find(self, name):
                return self._run("SELECT * FROM agents WHERE name = '%s'" % name)  # HERE
    """,
    "text of SQLAlchemy": """
        from sqlalchemy import text

        def find(session, name):
            return session.execute(text(f"SELECT * FROM agents WHERE name = '{name}'"))  # HERE
    """,
    "text assigned": """
        from sqlalchemy import text

        def find(session, name):
            query = text("SELECT * FROM agents WHERE name = '" + name + "'")  # HERE
            return session.execute(query)
    """,
    "order by text": """
        from sqlalchemy import select, text

        def find(session, Agent, sort, direction):
            return session.scalars(select(Agent).order_by(text(f"{sort} {direction}")))  # HERE
    """,
    "order by a parameter": """
        from sqlalchemy import select, text

        def find(session, Agent, sort: str):
            return session.scalars(select(Agent).order_by(text(sort)))  # HERE
    """,
    "asyncpg": """
        async def find(pool, name):
            return await pool.fetchrow(f"SELECT * FROM agents WHERE name = '{name}'")  # HERE
    """,
    "async helper": """
        async def query(name):
            return f"SELECT * FROM agents WHERE name = '{name}'"  # HERE

        async def find(pool, name):
            return await pool.execute(await query(name))
    """,
    "the tenant's claim": """
        from sqlalchemy import event

        def set_tenant(session, transaction, connection):
            tenant_id = get_current_tenant_id()
            connection.execute(f"SET app.current_tenant_id = '{tenant_id}'")  # HERE
    """,
    "limit": """
        def find(cursor, request):
            cursor.execute("SELECT * FROM agents LIMIT " + request.args["limit"])  # HERE
    """,
    "a column of the request": """
        def find(cursor, request):
            cursor.execute(f"SELECT * FROM agents ORDER BY {request.args.get('sort', 'id')}")  # HERE
    """,
    "quotes doubled by hand": """
        def find(cursor, name):
            safe = name.replace("'", "''")
            cursor.execute(f"SELECT * FROM agents WHERE name = E'{safe}'")  # HERE
    """,
    "several lines": '''
        def find(cursor, name):
            cursor.execute(
                f"""
                SELECT *
                FROM agents WHERE name = '{name}'
                """
            )
    ''',
    "pandas": """
        import pandas as pd

        def frame(connection, tenant):
            return pd.read_sql(f"select * from agents where tenant_id = '{tenant}'", connection)  # HERE
    """,
    "Django": """
        def find(Agent, name):
            return Agent.objects.raw("SELECT * FROM agents WHERE name = '%s'" % name)  # HERE
    """,
    "another module's helper": """
        from store import ask

        def find(name):
            return ask(f"SELECT * FROM agents WHERE name = '{name}'")  # HERE
    """,
    "SQL of psycopg that is formatted first": """
        from psycopg import sql

        def find(cursor, name):
            cursor.execute(sql.SQL(f"SELECT * FROM agents WHERE name = '{name}'"))  # HERE
    """,
    "a bound value beside a made name": """
        def find(cursor, table, name):
            cursor.execute(f"SELECT * FROM {table} WHERE name = %s", (name,))  # HERE
    """,
    "walrus": """
        def find(cursor, name):
            if (query := f"SELECT * FROM agents WHERE name = '{name}'"):  # HERE
                cursor.execute(query)
    """,
    "conditional": """
        def find(cursor, name):
            cursor.execute(f"SELECT * FROM agents WHERE name = '{name}'" if name else "SELECT * FROM agents")  # HERE
    """,
    "an attribute of the caller's": """
        def find(cursor, user):
            cursor.execute("DELETE FROM sessions WHERE owner = '" + user.name + "'")  # HERE
    """,
    "module level": """
        import sqlite3, sys
        sqlite3.connect("x").execute("SELECT * FROM agents WHERE name = '" + sys.argv[1] + "'")  # HERE
    """,
    "keyword": """
        def find(database, name):
            return database.fetch_all(query=f"SELECT * FROM agents WHERE name = '{name}'")  # HERE
    """,
    "a route's column": """
        @app.get("/agents")
        def index(cursor, sort: str = "name"):
            cursor.execute("SELECT * FROM agents ORDER BY " + sort)  # HERE
    """,
}

GOOD = {
    "bound": """
        def find(cursor, name):
            cursor.execute("SELECT * FROM agents WHERE name = %s", (name,))
    """,
    "bound, with text": """
        from sqlalchemy import text

        def find(session, name):
            return session.execute(text("SELECT * FROM agents WHERE name = :name"), {"name": name})
    """,
    "a part of a constant": """
        TICKET = "SELECT id, state FROM tickets WHERE id = %s"

        def find(cursor, state):
            cursor.execute(f"{TICKET.partition('WHERE')[0]} WHERE state = %s", (state,))
    """,
    "constants": """
        TABLE = "agents"
        COLUMNS = ("id", "name")

        def find(cursor, name):
            cursor.execute(f"SELECT {', '.join(COLUMNS)} FROM {TABLE} WHERE name = %s", (name,))
    """,
    "a table of columns": """
        ORDERS = {"newest": "created_at DESC", "name": "name"}

        def find(cursor, sort):
            cursor.execute(f"SELECT * FROM agents ORDER BY {ORDERS[sort]}")
    """,
    "a table of columns, with a default": """
        ORDERS = {"newest": "created_at DESC", "name": "name"}

        def find(cursor, sort):
            order = ORDERS.get(sort, "id")
            cursor.execute("SELECT * FROM agents ORDER BY " + order)
    """,
    "an allow-list": """
        ALLOWED = {"name", "created_at"}

        def find(cursor, sort):
            if sort not in ALLOWED:
                raise ValueError(sort)
            cursor.execute(f"SELECT * FROM agents ORDER BY {sort}")
    """,
    "an allow-list with another way out": """
        def find(cursor, sort, direction):
            sort = sort if sort in ("name", "created_at") else "name"
            direction = "DESC" if direction == "desc" else "ASC"
            cursor.execute(f"SELECT * FROM agents ORDER BY {sort} {direction}")
    """,
    "numbers": """
        def find(cursor, limit, page):
            cursor.execute(f"SELECT * FROM agents LIMIT {int(limit)} OFFSET {(int(page) - 1) * 20}")
    """,
    "typed numbers": """
        def find(cursor, limit: int, tenant: UUID, since: datetime.date):
            cursor.execute(f"SELECT * FROM agents WHERE tenant = '{tenant}' AND at > '{since}' LIMIT {limit}")
    """,
    "literals": """
        def find(cursor, sort: Literal["name", "created_at"]):
            cursor.execute(f"SELECT * FROM agents ORDER BY {sort}")
    """,
    "an enumeration": """
        class Order(StrEnum):
            NAME = "name"

        def find(cursor, sort: Order):
            cursor.execute(f"SELECT * FROM agents ORDER BY {sort.value}")
    """,
    "number format": """
        def find(cursor, limit):
            cursor.execute(f"SELECT * FROM agents LIMIT {limit:d}")
    """,
    "composition": """
        from psycopg import sql

        def find(cursor, column, name):
            query = sql.SQL("SELECT * FROM agents WHERE {} = {}").format(sql.Identifier(column), sql.Literal(name))
            cursor.execute(query)
    """,
    "composition joined": """
        from psycopg2 import sql

        def insert(cursor, row):
            columns = sql.SQL(", ").join(map(sql.Identifier, row))
            values = sql.SQL(", ").join(sql.Placeholder() * len(row))
            cursor.execute(sql.SQL("INSERT INTO agents ({}) VALUES ({})").format(columns, values), list(row.values()))
    """,
    "placeholders": """
        def find(cursor, ids):
            marks = ", ".join(["%s"] * len(ids))
            cursor.execute(f"SELECT * FROM agents WHERE id IN ({marks})", ids)
    """,
    "placeholders by comprehension": """
        def find(cursor, ids):
            marks = ",".join("?" for _ in ids)
            cursor.execute("SELECT * FROM agents WHERE id IN (%s)" % marks, ids)
    """,
    "constant conditions": """
        def find(cursor, name, city):
            conditions, values = ["true"], []
            if name:
                conditions.append("name = %s")
                values.append(name)
            cursor.execute("SELECT * FROM agents WHERE " + " AND ".join(conditions), values)
    """,
    "added constants": """
        def find(cursor, name):
            query = "SELECT * FROM agents"
            if name:
                query += " WHERE name = %s"
            cursor.execute(query, (name,))
    """,
    "a wrapper": """
        def run(cursor, query, *values):
            cursor.execute(query, values)

        def find(cursor, name):
            run(cursor, "SELECT * FROM agents WHERE name = %s", name)
    """,
    "a private helper that gets constants": """
        def _count(cursor, table):
            cursor.execute(f"SELECT count(*) FROM {table}")

        def numbers(cursor):
            for table in ("agents", "tasks"):
                _count(cursor, table)
            _count(cursor, "campaigns")
    """,
    "a class that knows its table": """
        class Store:
            table = "agents"

            def find(self, name):
                return self.connection.execute(f"SELECT * FROM {self.table} WHERE name = %s", (name,))
    """,
    "a model that knows its table": """
        def find(connection, Model, name):
            connection.execute(f"SELECT * FROM {Model.__tablename__} WHERE name = %s", (name,))
    """,
    "migrations": """
        from alembic import op

        SCHEMA = "chimera"

        def upgrade():
            for table in ["agents", "tasks"]:
                op.execute(f"ALTER TABLE {SCHEMA}.{table} ENABLE ROW LEVEL SECURITY")
    """,
    "no SQL": """
        def tell(client, name):
            client.execute(f"hello {name}")
            executor.submit("say " + name)
            print(f"Please select one from {name}")
            logger.info(f"SELECT took {name} from the cache")
    """,
    "expressions": """
        from sqlalchemy import select

        def find(session, Agent, name, sort):
            return session.scalars(select(Agent).where(Agent.name.ilike(f"%{name}%")).order_by(Agent.name))
    """,
    "a message about SQL": """
        def fail(name):
            raise ValueError(f"SELECT failed: no rows FROM {name}")
    """,
    "a name that was checked for its form": """
        def use(cursor, name):
            if not re.fullmatch(r"[a-z_]+", name):
                raise ValueError(name)
            cursor.execute(f"SET ROLE {name}")
    """,
    "GraphQL and shells": """
        def ask(session, subprocess, name):
            session.execute(gql("query { agents }"), {"name": name})
            subprocess.run(f"echo {name}", shell=True)
    """,
    "a search pattern": """
        def find(cursor, name):
            pattern = f"%{name}%"
            cursor.execute("SELECT * FROM agents WHERE name ILIKE %s", (pattern,))
    """,
    "SQL with a literal percent": """
        def find(cursor, name):
            cursor.execute("SELECT * FROM agents WHERE name LIKE 'a%%' AND city = %s", [name])
    """,
    "an imported constant": """
        from .tables import AGENTS

        def find(cursor, name):
            cursor.execute(f"SELECT * FROM {AGENTS} WHERE name = %s", (name,))
    """,
    "columns filtered by a list": """
        ALLOWED = ("name", "city")

        def update(cursor, changes, key):
            columns = [column for column in changes if column in ALLOWED]
            assignments = ", ".join(f"{column} = %s" for column in columns)
            cursor.execute(f"UPDATE agents SET {assignments} WHERE id = %s", [*changes.values(), key])
    """,
}


def found(code: str) -> list[int]:
    return [made.line for made in Statements(ast.parse(textwrap.dedent(code))).made()]


@pytest.mark.parametrize("name", BAD)
def test_what_is_made_of_text_is_found_at_its_line(name):
    code = textwrap.dedent(BAD[name])
    wanted = [number for number, line in enumerate(code.splitlines(), 1) if line.endswith("# HERE")]
    lines = found(code)
    assert lines == wanted if wanted else lines


@pytest.mark.parametrize("name", GOOD)
def test_what_is_safe_is_not_called_unsafe(name):
    assert found(GOOD[name]) == []


def test_a_tree_is_read_without_its_tests(tmp_path):
    for name, code in {
        "src/find.py": BAD["f-string"],
        "skills/idle.py": BAD["plus"],
        "tests/test_find.py": BAD["plus"],
        ".venv/lib/x.py": BAD["plus"],
        "src/good.py": GOOD["an allow-list"],
        "src/broken.py": "def select(:",
    }.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(code))
    source = read(tmp_path, Journal())
    assert [place.subject for place in source.made] == ["skills/idle.py:3", "src/find.py:3"]
    assert source.doubtful == []
    assert list(source.unreadable) == ["src/broken.py"]


def test_bandit_is_asked_about_what_is_run_elsewhere(tmp_path):
    (tmp_path / "queries.py").write_text(
        'def by_name(name):\n    return f"SELECT * FROM agents WHERE name = {name!r}"\n'
    )
    (tmp_path / "more.py").write_text('T = "agents"\nQ = f"SELECT * FROM {T} WHERE name = %s"  # nosec\n')
    source = read(tmp_path, Journal())
    assert source.made == []
    assert [place.subject for place in source.doubtful] == ["queries.py:2"]
