"""An AWS account of its own for every variant, emulated by moto.

One process imports moto and fills the account once; each variant gets a fork of it, which serves on its own
port. A fork costs milliseconds and shares nothing that one variant could change under another.
"""

import json
import os
import signal
import socket

from chimera_compliance.stack import StackError
from chimera_compliance.stack.reaper import Reaper

REGION = "us-east-1"
ACCESS = {"AWS_ACCESS_KEY_ID": "emulated", "AWS_SECRET_ACCESS_KEY": "emulated", "AWS_DEFAULT_REGION": REGION}
DATABASE_PASSWORD = "chimera/production/database-password"
SIGNING_KEY = "chimera/production/jwt-signing-key"
OTHERS = (
    "TWITTER_API_KEY",
    "TWITTER_API_SECRET",
    "TWITTER_ACCESS_TOKEN",
    "TWITTER_ACCESS_TOKEN_SECRET",
    "INSTAGRAM_ACCESS_TOKEN",
    "NEWS_API_KEY",
    "IDEOGRAM_API_KEY",
    "CDP_API_KEY_PRIVATE_KEY",
    "OPENCLAW_ACCESS_TOKEN",
    "REDIS_PASSWORD",
    "WEAVIATE_API_KEY",
)
ROTATION_DAYS = 90


class Emulator:
    """The supervisor's handle on the process that forks accounts."""

    def __init__(self, reaper: Reaper):
        self._ours, theirs = socket.socketpair()
        self.pid = reaper.fork(lambda: _serve_forks(theirs, self._ours))
        theirs.close()
        self._answers = self._ours.makefile("r")

    def begin(self, number: int, values: dict[str, str]) -> None:
        """Begin to serve account `number`, whose secrets hold these values besides the usual ones."""
        self._send({"open": number, "values": values})

    def port(self, number: int) -> int:
        """Where account `number` is served, once it is."""
        return self._answer("opened", number)["port"]

    def close(self, number: int) -> None:
        """End account `number`."""
        self._send({"close": number})
        self._answer("closed", number)

    def _send(self, command: dict) -> None:
        self._ours.sendall(json.dumps(command).encode() + b"\n")

    def _answer(self, kind: str, number: int) -> dict:
        """The answer wanted; one that nobody has waited for (its boot failed) is passed over."""
        for line in self._answers:
            if (answer := json.loads(line)).get(kind) == number:
                return answer
        raise StackError("the AWS emulator ended unexpectedly")


def client(port: int, service: str = "secretsmanager"):
    """A boto3 client for the account that is served on a port."""
    import boto3

    return boto3.client(
        service,
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name=REGION,
        aws_access_key_id=ACCESS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=ACCESS["AWS_SECRET_ACCESS_KEY"],
    )


def _serve_forks(channel: socket.socket, not_ours: socket.socket) -> None:
    not_ours.close()
    os.environ.update(ACCESS)
    account = _filled_account()
    forks: dict[int, int] = {}
    for line in channel.makefile("r"):
        command = json.loads(line)
        if "open" in command:
            forks[command["open"]], port = _fork(account, command["values"], channel)
            answer = {"opened": command["open"], "port": port}
        else:
            _end(forks.pop(command["close"], None))
            answer = {"closed": command["close"]}
        channel.sendall(json.dumps(answer).encode() + b"\n")


def _filled_account():
    """A client inside this process, and the secrets that are the same for every variant."""
    import secrets

    import boto3
    from moto import mock_aws

    mock_aws().start()
    account = boto3.client("secretsmanager")
    for name in OTHERS:
        _store(account, f"chimera/production/{name}", secrets.token_urlsafe(32))
    return account


def _store(account, name: str, value: str) -> None:
    account.create_secret(Name=name, SecretString=value, Description="Chimera production")
    rules = {"AutomaticallyAfterDays": ROTATION_DAYS}
    # At once, moto would put an empty version in the place of the value.
    account.rotate_secret(SecretId=name, RotationRules=rules, RotateImmediately=False)


def _fork(account, values: dict[str, str], channel: socket.socket) -> tuple[int, int]:
    read_end, write_end = os.pipe()
    if (pid := os.fork()) == 0:
        os.close(read_end)
        channel.close()
        _serve_account(account, values, write_end)
    os.close(write_end)
    with os.fdopen(read_end) as told:
        return pid, int(told.read())


def _serve_account(account, values: dict[str, str], write_end: int) -> None:
    from moto.moto_server.threaded_moto_server import ThreadedMotoServer

    for name, value in values.items():
        _store(account, name, value)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    os.write(write_end, str(server.get_host_and_port()[1]).encode())
    os.close(write_end)
    signal.pause()


def _end(pid: int | None) -> None:
    if pid is not None:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
