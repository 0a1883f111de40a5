"""Whatever is done to a bundle is named: each file changed, dropped, added or swapped, each byte of the archive."""

import json
import random

import pytest
from bundles import leave_run

from chimera_compliance.evidence import archive
from chimera_compliance.evidence.archive import BadArchive, Member
from chimera_compliance.evidence.chain_verification import verify_all
from chimera_compliance.evidence.creation import Options, create
from chimera_compliance.evidence.manifest import Manifest, entry, sha256
from chimera_compliance.evidence.opened import NotABundle, Opened
from chimera_compliance.evidence.statement import statement
from chimera_compliance.evidence.verification import State, verify
from chimera_compliance.results import Results

NAMES = sorted(
    {
        *(
            "README.txt",
            "comment.md",
            "environment.json",
            "findings.csv",
            "hdf.json",
            "inputs/checklist.yaml",
            "key.pub",
        ),
        *("inputs/requirements.lock", "inputs/target.yaml", "observations.jsonl", "oscal.json", "population.json"),
        *("report.html", "report.sarif", "report.xml", "results.json", "suite.json", "summary.md", "waivers.json"),
    }
)


def rewritten(bundle, change) -> None:
    """Put a bundle together again, as well as an attacker without the key can."""
    opened = Opened.read(bundle)
    bundle.write_bytes(archive.write(change(dict(opened.members)).values()))


def wrong(bundle, key) -> list[str]:
    found = verify(Opened.read(bundle), key.public)
    assert found.exit_code == (1 if not found.holds else 0)
    return [point.text for point in found.points if point.state is State.WRONG]


def repacked(name: str, content: bytes) -> Member:
    return Member.of(name, content, stored=name in ("manifest.json", "statement.dsse.json", "timestamp.tsr"))


def test_an_untouched_bundle_is_proven(bundle, key):
    assert wrong(bundle, key) == []
    assert verify(Opened.read(bundle), key.public).exit_code == 0


def test_the_list_is_of_all_files(bundle):
    assert sorted(Opened.read(bundle).members.keys() - {"manifest.json", "statement.dsse.json"}) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_changed_file_is_named(bundle, key, name):
    def flip(members):
        content = bytearray(members[name].content)
        content[len(content) // 2] ^= 1
        return {**members, name: repacked(name, bytes(content))}

    rewritten(bundle, flip)
    assert f"changed: {name}" in wrong(bundle, key)
    assert f"not as it was signed: {name}" in wrong(bundle, key)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_is_missing_is_named(bundle, key, name):
    rewritten(bundle, lambda members: {key: value for key, value in members.items() if key != name})
    assert f"missing: {name}" in wrong(bundle, key)


@pytest.mark.parametrize("name", ["zzz.txt", "inputs/other.yaml", "A"])
def test_a_file_that_was_added_is_named(bundle, key, name):
    rewritten(bundle, lambda members: {**members, name: Member.of(name, b"x")})
    assert f"added: {name}" in wrong(bundle, key)


def test_files_that_were_swapped_are_both_named(bundle, key):
    def swap(members):
        one, other = members["summary.md"].content, members["comment.md"].content
        return {**members, "summary.md": repacked("summary.md", other), "comment.md": repacked("comment.md", one)}

    rewritten(bundle, swap)
    assert {"changed: summary.md", "changed: comment.md"} <= set(wrong(bundle, key))


def forged(members, change) -> dict[str, Member]:
    """Results changed, and everything that is made of them, but for the signature."""
    results = Results.model_validate_json(members["results.json"].content)
    change(results)
    content = (json.dumps(results.model_dump(mode="json"), indent=2) + "\n").encode()
    members = {**members, "results.json": Member.of("results.json", content)}
    return {**members, "manifest.json": manifest_of(members)}


def manifest_of(members) -> Member:
    manifest = Manifest.model_validate_json(members["manifest.json"].content)
    purposes = {each.name: each.purpose for each in manifest.files}
    files = [entry(members[name], purpose) for name, purpose in purposes.items() if name in members]
    return repacked("manifest.json", manifest.model_copy(update={"files": files}).as_bytes())


def without_findings(results: Results) -> None:
    for control in results.controls:
        for item in control.requirements:
            item.findings = []


def test_a_manifest_made_to_fit_is_not_what_was_signed(bundle, key):
    rewritten(bundle, lambda members: forged(members, without_findings))
    found = wrong(bundle, key)
    assert "not as it was signed: results.json" in found
    assert "not as it was signed: manifest.json" in found


def test_a_bundle_signed_again_with_another_key_is_named(bundle, key, other_key):
    def sign_again(members):
        members = forged(members, without_findings)
        members["key.pub"] = repacked("key.pub", other_key.public.pem)
        members["manifest.json"] = manifest_of(members)
        results = Results.model_validate_json(members["results.json"].content)
        digests = {name: sha256(each.content) for name, each in members.items() if name != "statement.dsse.json"}
        return {
            **members,
            "statement.dsse.json": repacked("statement.dsse.json", other_key.sign(statement(results, digests))),
        }

    rewritten(bundle, sign_again)
    assert any(text.startswith("signed with another key") for text in wrong(bundle, key))
    found = verify(Opened.read(bundle), None)
    assert "the counts in results.json are not those of what it lists" in [point.text for point in found.points]


def test_even_the_owner_of_the_key_cannot_sign_what_does_not_agree(run, key):
    """The owner signs results whose reports, counts and observations are others."""
    opened = Opened.read(create(run, Options(key=key)))
    members = forged(dict(opened.members), without_findings)
    results = Results.model_validate_json(members["results.json"].content)
    digests = {name: sha256(each.content) for name, each in members.items() if name != "statement.dsse.json"}
    members["statement.dsse.json"] = repacked("statement.dsse.json", key.sign(statement(results, digests)))
    opened.path.write_bytes(archive.write(members.values()))
    found = wrong(opened.path, key)
    assert "the counts in results.json are not those of what it lists" in found
    assert "report.html does not say what results.json says" in found


@pytest.mark.parametrize("what", ["payload", "signature", "spaces", "keyid", "type", "second", "base64"])
def test_an_envelope_that_was_changed_is_named(bundle, key, other_key, what):
    def change(members):
        document = json.loads(members["statement.dsse.json"].content)
        own = document["signatures"][0]
        if what == "payload":
            document["payload"] = (
                document["payload"][:40] + ("A" if document["payload"][40] != "A" else "B") + document["payload"][41:]
            )
        elif what == "signature":
            own["sig"] = ("B" if own["sig"][0] == "A" else "A") + own["sig"][1:]
        elif what == "keyid":
            own["keyid"] = other_key.public.id
        elif what == "type":
            document["payloadType"] = "text/plain"
        elif what == "second":
            document["signatures"].append({"keyid": "0", "sig": own["sig"]})
        elif what == "base64":
            document["payload"] = "\n" + document["payload"]
        text = json.dumps(document, sort_keys=True, indent=3 if what == "spaces" else 2) + "\n"
        return {**members, "statement.dsse.json": repacked("statement.dsse.json", text.encode())}

    rewritten(bundle, change)
    assert wrong(bundle, key)


def test_an_unsigned_bundle_is_named(run, key):
    opened = Opened.read(create(run, Options()))
    assert verify(opened, None).exit_code == 2
    assert verify(opened, key.public).exit_code == 1
    assert any("not signed" in point.text for point in verify(opened, None).points)


def test_without_a_key_nothing_shows_who_signed(bundle):
    found = verify(Opened.read(bundle), None)
    assert found.exit_code == 2
    assert any("anybody can replace" in point.text for point in found.points)


def test_the_signature_taken_away_is_named(bundle, key):
    rewritten(bundle, lambda members: {name: each for name, each in members.items() if name != "statement.dsse.json"})
    assert any("not signed" in text for text in wrong(bundle, key))


def test_no_byte_of_the_archive_can_be_changed(bundle, key, tmp_path):
    data = bundle.read_bytes()
    end = len(data) - 4_000  # the directory and the end of it more often than the rest
    places = [*range(60), *range(end, len(data), 23), *random.Random(1).sample(range(len(data)), 100)]
    changed = tmp_path / "changed.zip"
    for place in places:
        changed.write_bytes(data[:place] + bytes([data[place] ^ (1 << (place % 8))]) + data[place + 1 :])
        try:
            assert verify(Opened.read(changed), key.public).exit_code == 1, place
        except (BadArchive, NotABundle):
            continue


@pytest.mark.parametrize("extra", [b"x", b"PK\x05\x06" + bytes(18)])
def test_bytes_behind_or_before_the_archive_are_seen(bundle, key, extra):
    data = bundle.read_bytes()
    for forged_data in (data + extra, extra + data):
        bundle.write_bytes(forged_data)
        try:
            assert wrong(bundle, key)
        except (BadArchive, NotABundle):
            continue


# A chain of bundles


def of_chain(chain, key, *, last=None, folder=None) -> list[str]:
    key_file = chain[0].parent.parent / "key.pub"
    key_file.write_bytes(key.public.pem)
    found, _ = verify_all(last or chain[-1], key=key_file, previous=None, chain=folder or chain[0].parent, tsa_ca=None)
    return [point.text for point in found.points if point.state is State.WRONG]


def test_a_chain_is_proven_from_its_beginning(chain, key):
    assert of_chain(chain, key) == []


def test_a_bundle_taken_out_of_the_middle_is_named(chain, key):
    chain[1].unlink()
    assert any("missing or changed: bundle 2 (run 20261122T204101Z-4f19ac)" in text for text in of_chain(chain, key))


def test_a_bundle_replaced_in_the_middle_is_named_even_if_signed_with_the_right_key(chain, key, tmp_path):
    folder = leave_run(tmp_path / "again", run="20261122T204101Z-000000", day=22)
    create(folder, Options(key=key, previous=chain[0], every_hours=24), chain[1].with_name("new.zip"))
    chain[1].unlink()
    chain[1].with_name("new.zip").rename(chain[1])
    found = of_chain(chain, key)
    assert any("missing or changed: bundle 2" in text for text in found)
    assert any("another bundle 2, which the chain does not contain" in text for text in found)


def test_a_bundle_changed_in_the_middle_is_named(chain, key):
    rewritten(chain[1], lambda members: {**members, "summary.md": repacked("summary.md", b"fine\n")})
    assert any("missing or changed: bundle 2" in text for text in of_chain(chain, key))


def test_a_bundle_signed_with_another_key_in_the_middle_is_named(tmp_path, key, other_key):
    first = create(leave_run(tmp_path / "r1", run="r1", day=21), Options(key=other_key), tmp_path / "all" / "1.zip")
    second = create(
        leave_run(tmp_path / "r2", run="r2", day=22), Options(key=key, previous=first), tmp_path / "all" / "2.zip"
    )
    assert any("bundle 1 (1.zip): signed with another key" in text for text in of_chain([first, second], key))


def test_a_chain_in_another_order_is_named(chain, key, tmp_path):
    """The last follows the first, which is what a run dropped and signed over would look like."""
    folder = leave_run(tmp_path / "late", run="20261120T204101Z-000000", day=20)
    backdated = create(folder, Options(key=key, previous=chain[-1]), chain[0].with_name("20.zip"))
    assert any("is older than 23.zip" in text for text in of_chain(chain, key, last=backdated))


def test_a_fork_is_named(chain, key, tmp_path):
    folder = leave_run(tmp_path / "fork", run="20261123T204101Z-ffffff", day=23)
    create(folder, Options(key=key, previous=chain[1]), chain[0].with_name("fork.zip"))
    assert any("fork.zip is another bundle 3" in text for text in of_chain(chain, key))


def test_missed_runs_are_named(tmp_path, key):
    first = create(leave_run(tmp_path / "a", run="a", day=20), Options(key=key), tmp_path / "all" / "1.zip")
    options = Options(key=key, previous=first, every_hours=24)
    second = create(leave_run(tmp_path / "b", run="b", day=23), options, tmp_path / "all" / "2.zip")
    assert Opened.read(second).manifest.schedule.missed == ["2026-11-21T20:41:01+00:00", "2026-11-22T20:41:01+00:00"]
    found, lines = verify_all(second, key=None, previous=first, chain=None, tsa_ca=None)
    assert any("2026-11-21T20:41:01+00:00, 2026-11-22T20:41:01+00:00" in line for line in lines)
    assert found.holds
