"""Real secrets are found byte for byte, in every spelling, however they are cut."""

import base64
import io
import json
import zipfile
from urllib.parse import quote

import pytest

from chimera_compliance.probes.repository import review
from chimera_compliance.probes.repository.exact import Exact
from chimera_compliance.probes.repository.rule import filled
from chimera_compliance.probes.secrets.needles import SecretValue, needles

VALUE = filled('{alnum:12}/+"{alnum:12} é{alnum:8}', 11)
SECRETS = [SecretValue("jwt", VALUE.encode()), SecretValue("db", filled("{url64:43}", 12).encode())]
OTHER = SECRETS[1].octets.decode()


def _zip(text: bytes) -> bytes:
    octets = io.BytesIO()
    with zipfile.ZipFile(octets, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", text)
    return octets.getvalue()


SPELT = {
    "raw": f"x = {VALUE}",
    "base64": base64.b64encode(VALUE.encode()),
    "base64, one more": base64.b64encode(b"a" + VALUE.encode() + b"zz"),
    "base64, two more": base64.b64encode(b"ab" + VALUE.encode() + b"z"),
    "base64 for URLs": base64.urlsafe_b64encode(VALUE.encode()),
    "hex": VALUE.encode().hex(),
    "HEX": VALUE.encode().hex().upper(),
    "URL": quote(VALUE, safe=""),
    "JSON": json.dumps({"a": VALUE}),
    "UTF-16": f"x = {VALUE}\n".encode("utf-16"),
    "UTF-16 amid octets": b"\1\2\3" + VALUE.encode("utf-16-le") + b"\4",
    "zip": _zip(VALUE.encode()),
}
CUT = {
    "two lines": f"a = {OTHER[:20]}\n{OTHER[20:]}",
    "a joint": f'a = "{OTHER[:21]}" + \\\n    "{OTHER[21:]}"',
    "continued": f"A={OTHER[:15]}\\\n{OTHER[15:]}",
    "base64 in lines": base64.encodebytes(b"x" * 50 + OTHER.encode() + b"y" * 50),
    "hex in lines": "\n".join(OTHER.encode().hex()[at : at + 48] for at in range(0, 86, 48)),
}


@pytest.mark.parametrize("content", SPELT.values(), ids=list(SPELT))
def test_each_spelling_is_found_in_files_and_history(repo, content):
    repo.commit("data.txt", content)
    made = review(repo.path, needles(SECRETS))
    assert [(leak.live, leak.where) for leak in made.leaks if leak.live] == [(True, "tree")]
    repo.git("rm", "-q", "data.txt")
    repo.git("commit", "-q", "-m", "Remove")
    made = review(repo.path, needles(SECRETS))
    assert [(leak.what, leak.where) for leak in made.leaks if leak.live] == [("the value of jwt", "history")]
    assert VALUE not in repr(made.leaks)


@pytest.mark.parametrize("content", CUT.values(), ids=list(CUT))
@pytest.mark.parametrize("portable", [False, True], ids=["hyperscan", "re"])
def test_what_was_cut_is_put_together(content, portable):
    content = content.encode() if isinstance(content, str) else content
    assert [found.secret for found in Exact(needles(SECRETS), portable=portable).look(content)] == ["db"]


def test_a_half_is_not_the_whole():
    exact = Exact(needles(SECRETS))
    assert not exact.look(OTHER[:21].encode() + b"\nsomething else")
    assert not exact.look(b"nothing of it")


def test_no_secrets_are_no_hits():
    assert not Exact(()).look(b"anything")
