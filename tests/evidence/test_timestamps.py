"""Time stamps of a real authority on loopback."""

import shutil
import socket
import threading
from datetime import UTC, datetime, timedelta

import pytest
from authority import Authority, serving

from chimera_compliance.errors import ConfigurationError
from chimera_compliance.evidence import archive, timestamps
from chimera_compliance.evidence.archive import Member
from chimera_compliance.evidence.creation import Options, create
from chimera_compliance.evidence.opened import Opened
from chimera_compliance.evidence.verification import verify

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="the authority is OpenSSL's")


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tsa") / "own")


@pytest.fixture
def stamped(run, key, authority) -> Opened:
    with serving(authority.reply) as url:
        return Opened.read(create(run, Options(key=key, timestamp_url=url, timestamp_ca=authority.root)))


def told(opened: Opened, key, root) -> tuple[int, str]:
    found = verify(opened, key.public, timestamps.load_roots(root) if root else None)
    return found.exit_code, "\n".join(f"{point.state}: {point.text}" for point in found.points)


def test_a_stamp_says_when_and_who(stamped, key, authority):
    code, text = told(stamped, key, authority.root)
    assert code == 0
    assert "proven: signed before 20" in text
    assert "says CN=Test TSA" in text


def test_a_stamp_is_not_believed_without_its_root(stamped, key):
    code, text = told(stamped, key, None)
    assert code == 0
    assert "not proven: when it was signed" in text


def test_a_stamp_of_another_authority_is_named(stamped, key, tmp_path):
    stranger = Authority(tmp_path / "stranger")
    code, text = told(stamped, key, stranger.root)
    assert code == 1
    assert "wrong: the time stamp does not hold" in text


def test_a_bundle_without_a_stamp_is_named_where_one_is_wanted(bundle, key, authority):
    code, text = told(Opened.read(bundle), key, authority.root)
    assert code == 1
    assert "there is no time stamp" in text


def test_a_stamp_of_another_envelope_is_named(stamped, bundle, key, authority):
    members = {**Opened.read(bundle).members, "timestamp.tsr": stamped.members["timestamp.tsr"]}
    bundle.write_bytes(archive.write(members.values()))
    code, text = told(Opened.read(bundle), key, authority.root)
    assert code == 1
    assert "it is of another envelope" in text


def test_hardly_a_byte_of_a_stamp_can_be_changed(stamped, key, authority, tmp_path):
    """What no signature covers is the way in which the token is put together, not what it says."""
    stamp, roots = stamped.members["timestamp.tsr"].content, timestamps.load_roots(authority.root)
    envelope = stamped.members["statement.dsse.json"].content
    said, unseen = timestamps.check(stamp, envelope, roots), 0
    for place in range(len(stamp)):
        changed = stamp[:place] + bytes([stamp[place] ^ 1]) + stamp[place + 1 :]
        try:
            assert timestamps.check(changed, envelope, roots).time == said.time
            unseen += 1
        except timestamps.NoTimeStamp:
            continue
    assert unseen < len(stamp) / 10


def test_a_certificate_that_expired_before_the_stamp_is_refused(run, key, tmp_path):
    expired = Authority(tmp_path / "expired", timedelta(days=-1))
    with (
        serving(expired.reply) as url,
        pytest.raises(ConfigurationError, match="not valid when it was made"),
    ):
        create(run, Options(key=key, timestamp_url=url, timestamp_ca=expired.root))
    assert not (run / "evidence.zip").exists()


def test_a_certificate_that_expired_after_the_stamp_still_proves_it_and_is_told(run, key, tmp_path):
    brief = Authority(tmp_path / "brief", timedelta(seconds=6))
    with serving(brief.reply) as url:
        opened = Opened.read(create(run, Options(key=key, timestamp_url=url, timestamp_ca=brief.root)))
    threading.Event().wait(max(0, (brief.ends - datetime.now(UTC)).total_seconds()) + 0.1)
    code, text = told(opened, key, brief.root)
    assert code == 0
    assert "its certificate expired on" in text


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda query: 500, "answers 500"),
        (lambda query: b"<html>", "gives no time stamp"),
        (lambda query: b"", "gives no time stamp"),
        (lambda query: b"x" * (2 << 20), "answers 200"),
    ],
    ids=["error", "html", "empty", "endless"],
)
def test_an_authority_that_gives_none_is_told(run, key, answer, words):
    with serving(answer) as url, pytest.raises(ConfigurationError, match=words):
        create(run, Options(key=key, timestamp_url=url))


def test_a_stamp_for_somebody_else_is_not_kept(run, key, authority):
    """An authority, or somebody between, that answers every request with the stamp of an earlier one."""
    kept = []

    def replay(query):
        kept.append(authority.reply(query))
        return kept[0]

    with serving(replay) as url:
        create(run, Options(key=key, timestamp_url=url))
        with pytest.raises(ConfigurationError, match="answers another request than ours"):
            create(run, Options(key=key, timestamp_url=url))


def test_an_authority_that_is_not_there_is_told(run, key):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ConfigurationError, match="does not answer: ConnectionError"):
        create(run, Options(key=key, timestamp_url=f"http://127.0.0.1:{port}/"))


def test_a_stamp_that_was_cut_is_named(stamped, key, authority):
    half = Member.of("timestamp.tsr", stamped.members["timestamp.tsr"].content[:100], stored=True)
    stamped.path.write_bytes(archive.write({**stamped.members, "timestamp.tsr": half}.values()))
    assert told(Opened.read(stamped.path), key, authority.root)[0] == 1
