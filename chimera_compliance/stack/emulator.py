"""An AWS account of its own for every variant, emulated by moto.

One process imports moto and fills the account once; each variant gets a fork of it, which serves on its own
port. A fork costs milliseconds and shares nothing that one variant could change under another.
"""

import base64
import json
import os
import pickle
import signal
import socket
from collections.abc import Callable
from threading import Event, Thread

from chimera_compliance.stack import StackError
from chimera_compliance.stack.account import PREFIX, REGION, REPLICA_REGION, Account, teach_moto
from chimera_compliance.stack.account_front import Front
from chimera_compliance.stack.reaper import Reaper

ACCESS = {"AWS_ACCESS_KEY_ID": "emulated", "AWS_SECRET_ACCESS_KEY": "emulated", "AWS_DEFAULT_REGION": REGION}
DATABASE_PASSWORD = f"{PREFIX}database-password"
SIGNING_KEY = f"{PREFIX}jwt-signing-key"
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


class Emulator:
    """The supervisor's handle on the process that forks accounts."""

    def __init__(self, reaper: Reaper):
        self._ours, theirs = socket.socketpair()
        self.pid = reaper.fork(lambda: _serve_forks(theirs, self._ours))
        theirs.close()
        self._answers = self._ours.makefile("r")

    def begin(self, number: int, values: dict[str, str], changes: list[Callable] | None = None) -> None:
        """Begin to serve account `number`, whose secrets hold these values besides the usual ones.

        `changes` are run on it in its own process, to which they go by name.

        Raises:
            StackError: a change is no function of a module, nor a partial of one.
        """
        try:
            packed = base64.b64encode(pickle.dumps(changes or [])).decode()
        except (pickle.PicklingError, AttributeError) as error:
            raise StackError(f"a change to the account must be a module's function: {error}") from None
        self._send({"open": number, "values": values, "changes": packed})

    def ports(self, number: int) -> tuple[int, int]:
        """Where account `number` is served, once it is; and the relay that the application reads it through.

        Raises:
            StackError: a change has failed.
        """
        told = self._answer("opened", number)
        if "error" in told:
            raise StackError(f"the emulated account could not be made: {told['error']}")
        return told["port"], told["relay"]

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
    account, filled = _filled_account(), Event()
    forks: dict[int, int] = {}
    served = 0
    for line in channel.makefile("r"):
        command = json.loads(line)
        if "open" in command:
            if served and not filled.is_set():  # more than one is wanted: they need not each fill it themselves
                account.fill_slowly()
                filled.set()
            served += 1
            forks[command["open"]], told = _fork(account, command, filled.is_set(), channel)
            answer = {"opened": command["open"], **told}
        else:
            _end(forks.pop(command["close"], None))
            answer = {"closed": command["close"]}
        channel.sendall(json.dumps(answer).encode() + b"\n")


def _filled_account() -> Account:
    """What is the same for every variant, the slow things left for later."""
    import secrets

    from moto import mock_aws

    mock_aws().start()
    teach_moto()
    account = Account()
    account.fill()
    for name in OTHERS:
        account.store(PREFIX + name, secrets.token_urlsafe(32))
    return account


def _fork(account: Account, command: dict, filled: bool, channel: socket.socket) -> tuple[int, dict]:
    read_end, write_end = os.pipe()
    if (pid := os.fork()) == 0:
        os.close(read_end)
        channel.close()
        try:
            _serve_account(account, command, filled, write_end)
        except BaseException as error:
            os.write(write_end, json.dumps({"error": f"{type(error).__name__}: {error}"}).encode())
        finally:
            os._exit(1)
    os.close(write_end)
    with os.fdopen(read_end) as told:
        return pid, json.loads(told.read() or '{"error": "it ended"}')


def _serve_account(account: Account, command: dict, filled: bool, write_end: int) -> None:
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    from chimera_compliance.probes.secrets.relay import Relay

    for name, value in command["values"].items():
        account.store(name, value, AddReplicaRegions=[{"Region": REPLICA_REGION}])
    changes = pickle.loads(base64.b64decode(command["changes"]))  # nosec B301  # our parent pickled it
    ready = Event()
    if changes or filled:  # what bends an account may bend anything in it
        if not filled:
            account.fill_slowly()
        for change in changes:
            change(account)
        ready.set()
    front = Front(DomainDispatcherApplication(create_backend_app), account, ready)
    server = make_server("127.0.0.1", 0, front, threaded=True, request_handler=MotoRequestHandler)
    Thread(target=server.serve_forever, daemon=True).start()
    port = server.server_address[1]
    relay = Relay(("127.0.0.1", 0), f"http://127.0.0.1:{port}")
    Thread(target=relay.serve_forever, daemon=True).start()
    os.write(write_end, json.dumps({"port": port, "relay": relay.server_address[1]}).encode())
    os.close(write_end)
    if not ready.is_set():
        account.fill_slowly()
        ready.set()
    signal.pause()


def _end(pid: int | None) -> None:
    if pid is not None:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
