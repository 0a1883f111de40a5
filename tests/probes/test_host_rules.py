"""pg_hba.conf read as the server reads it."""

import socket
import threading

import pytest

from chimera_compliance.probes.postgres.host_rules import Login, admitting_plain
from chimera_compliance.probes.postgres.wire import _start

APP = Login("app", ("app", "writers", "chimera"))


def rows(text):
    """Lines of pg_hba.conf as pg_hba_file_rules shows them."""
    for line in text.strip().splitlines():
        kind, databases, users, *rest = line.split()
        address, method = rest if len(rest) == 2 else (None, rest[0])
        netmask = None
        if address and "/" in address:
            address, bits = address.split("/")
            netmask = {"8": "255.0.0.0", "16": "255.255.0.0", "32": "255.255.255.255", "0": "0.0.0.0"}.get(bits)
            netmask = netmask or {"128": "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}[bits]
        yield {
            "type": kind,
            "database": databases.split(","),
            "user_name": users.split(","),
            "address": address,
            "netmask": netmask,
            "auth_method": method,
            "error": None,
        }


CLOSED = {
    "hostssl alone": "hostssl all all 0.0.0.0/0 scram-sha-256",
    "as initdb writes it": "local all all peer\nhost all all 127.0.0.1/32 scram-sha-256\nhost all all ::1/128 trust",
    "this machine by name": "host all all localhost md5\nhost all all samehost md5",
    "plain rejected first": "hostnossl all all all reject\nhost all all all scram-sha-256",
    "rejected for a wider net": "hostnossl all all 10.0.0.0/8 reject\nhost all all 10.1.0.0/16 md5",
    "other user": "host all somebody all md5",
    "other group": "host all +readers all md5",
    "other database": "host postgres all all md5",
    "replication": "host replication all all md5",
    "database of its name": "host sameuser all all md5",
    "over Kerberos": "hostgssenc all all all gss",
    "nobody": "",
}
OPEN = {
    "anybody": "host all all all scram-sha-256",
    "all of IPv4": "host all all 0.0.0.0/0 md5",
    "one network": "host all all 10.0.0.0/8 md5",
    "without TLS only": "hostnossl all all 10.0.0.0/8 md5",
    "without Kerberos": "hostnogssenc all all 10.0.0.0/8 md5",
    "the local network": "host all all samenet md5",
    "a domain": "host all all .example.com md5",
    "by group": "host all +writers all md5",
    "by role of the database": "host samerole all all md5",
    "by pattern": "host /^chim /^a all md5",
    "rejected for a part": "hostnossl all all 10.1.0.0/16 reject\nhost all all 10.0.0.0/8 md5",
    "rejected in IPv4": "hostnossl all all 0.0.0.0/0 reject\nhost all all all md5",
    "after TLS": "hostssl all all all scram-sha-256\nhost all all all scram-sha-256",
}


@pytest.mark.parametrize("name", CLOSED)
def test_closed(name):
    assert admitting_plain(rows(CLOSED[name]), [APP], "chimera") == {}


@pytest.mark.parametrize("name", OPEN)
def test_open(name):
    assert list(admitting_plain(rows(OPEN[name]), [APP], "chimera").values()) == [["app"]]


def test_a_line_with_an_error_is_no_rule():
    broken = [row | {"error": "invalid"} for row in rows("host all all all md5")]
    assert admitting_plain(broken, [APP], "chimera") == {}


@pytest.mark.parametrize(
    ("said", "plain"),
    [
        (b"R\x00\x00\x00\x08\x00\x00\x00\x0a", True),
        (b"E\x00\x00\x00\x30SFATAL\0C28000\0Mno pg_hba.conf entry, no encryption\0\0", False),
        (b"E\x00\x00\x00\x20SFATAL\0C08P01\0MSSL required\0\0", False),
        (b"E\x00\x00\x00\x20SFATAL\0C53300\0Mtoo many connections\0\0", None),
        (b"", None),
        (b"\xff\xfe", None),
    ],
    ids=["goes-on", "no-rule", "pooler", "full", "closes", "nonsense"],
)
def test_what_a_startup_message_without_tls_comes_to(said, plain):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            connection, _ = listener.accept()
            with connection:
                heard.append(connection.recv(1000))
                connection.sendall(said)

        heard = []
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        assert _start("127.0.0.1", listener.getsockname()[1], {"user": "app", "database": "chimera"})[0] is plain
        thread.join(2)
    assert heard[0][4:8] == b"\x00\x03\x00\x00"
    assert b"user\0app\0database\0chimera\0\0" in heard[0]
