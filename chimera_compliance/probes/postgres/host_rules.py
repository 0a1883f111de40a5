"""Whom pg_hba.conf lets in from another host without TLS.

The rules are read as the server reads them: the first one that fits decides
(https://www.postgresql.org/docs/current/auth-pg-hba-conf.html).
"""

import ipaddress
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_TAKES_PLAIN = {"host", "hostnossl", "hostnogssenc"}
_EVERYWHERE = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))
_LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class Login:
    """A role that may log in, and the roles that it is a member of, itself included."""

    name: str
    roles: Collection[str]


@dataclass(frozen=True)
class Rule:
    """A line of pg_hba.conf that concerns plain connections; `networks` is None for a host name or `samenet`."""

    text: str
    databases: tuple[str, ...]
    users: tuple[str, ...]
    networks: tuple[_Network, ...] | None
    rejects: bool

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Rule | None":
        """A row of pg_hba_file_rules, if plain connections over TCP from elsewhere can match it."""
        address = str(row.get("address") or "")
        if row.get("error") or row.get("type") not in _TAKES_PLAIN or address in ("samehost", "localhost"):
            return None
        databases, users = tuple(row.get("database") or ()), tuple(row.get("user_name") or ())
        netmask = f"/{row['netmask']}" if row.get("netmask") else ""
        words = (row["type"], ",".join(databases), ",".join(users), address + netmask, row.get("auth_method") or "")
        networks = _networks(address, row.get("netmask"))
        return cls(" ".join(map(str, words)), databases, users, networks, row.get("auth_method") == "reject")

    def concerns(self, login: Login, database: str) -> bool:
        """Whether it is about this login and database."""
        return any(_user_fits(user, login) for user in self.users) and any(
            _database_fits(name, login, database) for name in self.databases
        )

    @property
    def remote(self) -> tuple[_Network, ...] | None:
        """The networks that are not this machine."""
        if self.networks is None:
            return None
        return tuple(
            network
            for network in self.networks
            if not any(network.version == loop.version and network.subnet_of(loop) for loop in _LOOPBACK)
        )


def admitting_plain(rows: Iterable[Mapping[str, Any]], logins: Iterable[Login], database: str) -> dict[str, list[str]]:
    """The rules that let somebody in from another host without TLS, each with the logins that it lets in."""
    rules = [rule for rule in map(Rule.of, rows) if rule]
    found: dict[str, list[str]] = {}
    for login in logins:
        for rule in _open_to(login, database, rules):
            found.setdefault(rule.text, []).append(login.name)
    return found


def _open_to(login: Login, database: str, rules: Iterable[Rule]) -> Iterator[Rule]:
    decided: list[_Network] = []
    for rule in rules:
        if not rule.concerns(login, database):
            continue
        if not rule.rejects and _reaches_beyond(rule.remote, decided):
            yield rule
        decided += rule.networks or ()


def _reaches_beyond(networks: tuple[_Network, ...] | None, decided: list[_Network]) -> bool:
    """Whether a rule is ever asked for some remote address: what earlier rules decide never gets to it."""
    wanted = _EVERYWHERE if networks is None else networks
    return any(not any(one.version == other.version and one.subnet_of(other) for other in decided) for one in wanted)


def _networks(address: str, netmask: str | None) -> tuple[_Network, ...] | None:
    if address == "all":
        return _EVERYWHERE
    try:
        prefix = bin(int(ipaddress.ip_address(netmask))).count("1") if netmask else ""
        return (ipaddress.ip_network(f"{address}/{prefix}" if netmask else address, strict=False),)
    except ValueError:
        return None


def _user_fits(user: str, login: Login) -> bool:
    if user.startswith("+"):
        return user[1:] in login.roles
    return user in ("all", login.name) or _pattern_fits(user, login.name)


def _database_fits(name: str, login: Login, database: str) -> bool:
    if name == "sameuser":
        return login.name == database
    if name in ("samerole", "samegroup"):
        return database in login.roles
    return name in ("all", database) or _pattern_fits(name, database)


def _pattern_fits(pattern: str, text: str) -> bool:
    """A name that begins with a slash is a regular expression (PostgreSQL 16)."""
    if not pattern.startswith("/"):
        return False
    try:
        return re.search(pattern[1:], text) is not None
    except re.error:
        return True
