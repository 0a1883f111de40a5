"""The databases of a run: one template that holds schema and seed, and a copy with its own login for each variant."""

import secrets
from dataclasses import dataclass
from importlib.resources import files

import psycopg
from psycopg import sql

from chimera_compliance.stack.postgres import Server


@dataclass(frozen=True)
class Login:
    """A variant's database and the application's account in it."""

    database: str
    role: str
    password: str


class Databases:
    """Made once the server answers. Connections are never kept: the supervisor forks."""

    def __init__(self, server: Server):
        self._server = server
        self._owner = f"{server.prefix}_owner"
        self._template = f"{server.prefix}_template"
        self._run("postgres", f"CREATE ROLE {self._owner} NOLOGIN", f"CREATE DATABASE {self._template}")
        with psycopg.connect(server.dsn("postgres")) as connection:
            # Copying files takes a third of the time of the default that PostgreSQL 15 brought.
            self._strategy = "STRATEGY FILE_COPY" if connection.info.server_version >= 150_000 else ""
        names = {"owner": self._owner, "database": self._template}
        self._run(self._template, _script("schema.sql", names), _script("seed.sql", names))

    def login(self, number: int) -> Login:
        """The names and the password of a variant's database to be."""
        prefix = self._server.prefix
        return Login(f"{prefix}_{number}", f"{prefix}_app_{number}", secrets.token_urlsafe(24))

    def create(self, login: Login, bent: list[str]) -> None:
        """A copy of the template with its own login role, and a flaw's statements run on it as superuser."""
        create = sql.SQL("CREATE ROLE {} LOGIN NOINHERIT NOSUPERUSER NOBYPASSRLS PASSWORD {}")
        self._run(
            "postgres",
            create.format(sql.Identifier(login.role), sql.Literal(login.password)),
            f"CREATE DATABASE {login.database} TEMPLATE {self._template} {self._strategy}",
        )
        names = {"owner": self._owner, "database": login.database, "app": login.role}
        self._run(login.database, _script("grants.sql", names), *(_filled(text, names) for text in bent))

    def drop(self, login: Login) -> None:
        """Drop the database, the login, every role whose name begins with the login's, and one of the database's."""
        self._run("postgres", f"DROP DATABASE IF EXISTS {login.database} WITH (FORCE)")
        for role in (*self._roles(login.role), login.database):
            self._run("postgres", sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))

    def drop_template(self) -> None:
        """The last thing that is left on a server that is not ours."""
        self._run("postgres", f"DROP DATABASE IF EXISTS {self._template} WITH (FORCE)", f"DROP ROLE {self._owner}")

    def _roles(self, first: str) -> list[str]:
        with psycopg.connect(self._server.dsn("postgres")) as connection:
            named = "SELECT rolname FROM pg_roles WHERE rolname = %s OR starts_with(rolname, %s)"
            return [row[0] for row in connection.execute(named, (first, f"{first}_"))]

    def _run(self, database: str, *statements) -> None:
        with psycopg.connect(self._server.dsn(database), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)


def _script(name: str, names: dict[str, str]) -> str:
    return _filled(files(__package__).joinpath(name).read_text(encoding="utf-8"), names)


def _filled(text: str, names: dict[str, str]) -> str:
    """Put names for `{app}` and the like; every other brace is SQL's own (an array literal)."""
    for key, value in names.items():
        text = text.replace(f"{{{key}}}", value)
    return text
