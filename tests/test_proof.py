"""Every check detects: the reference is green, each flaw red on its own control only, each check reddened.

A sample runs by default; the whole proof is `make proof`, which CI runs on every push.
"""

import json

import pytest

from chimera_compliance.checklist import Checklist
from chimera_compliance.errors import ConfigurationError
from chimera_compliance.outcomes import Outcome
from chimera_compliance.proof import Document, Proof
from chimera_compliance.prove import _part, join, prove
from chimera_compliance.stack.flaws import facets, registry

REVIEWED = [control.id for control in Checklist.load().controls if control.requirements]


def first_flaw(control: str) -> str:
    return next(name for name, bend in registry().items() if bend.control == control)


@pytest.mark.parametrize("control", REVIEWED)
def test_a_flaw_of_each_control_turns_it_red_and_no_other(control, tmp_path, capsys):
    code = prove(only=first_flaw(control), out=tmp_path / "proof.json")
    proof = json.loads((tmp_path / "proof.json").read_text())["proofs"][0]
    assert code == 0, capsys.readouterr().out
    assert [name for name, outcome in proof["outcomes"].items() if outcome == "failed"] == [control]


def test_the_reference_is_green(capsys):
    assert prove(only="reference") == 0, capsys.readouterr().out


def test_every_reviewed_control_has_flaws_and_there_are_correct_variants():
    flawed = [bend.control for bend in registry().values()]
    assert set(REVIEWED) == {control for control in flawed if control}
    assert flawed.count(None) >= 6
    assert len([control for control in flawed if control]) >= 40
    assert all(bend.why for bend in registry().values())


def test_an_unknown_flaw_is_told():
    with pytest.raises(ConfigurationError, match="no such flaw or variant: nonsense"):
        prove(only="nonsense")


@pytest.mark.parametrize(
    ("control", "outcomes", "holds"),
    [
        ("C03", {"C03": "failed", "C12": "passed"}, True),
        ("C03", {"C03": "passed", "C12": "passed"}, False),
        ("C03", {"C03": "failed", "C12": "failed"}, False),
        ("C03", {"C03": "failed", "C12": "inconclusive"}, False),
        ("C03", {"C03": "error", "C12": "passed"}, False),
        (None, {"C03": "passed", "C12": "passed"}, True),
        (None, {"C03": "passed", "C12": "inconclusive"}, False),
        (None, {}, False),
        ("C03", {}, False),
    ],
)
def test_a_proof_holds_only_if_all_is_as_required(control, outcomes, holds):
    proof = Proof("x", control, "why", {name: Outcome(outcome) for name, outcome in outcomes.items()})
    assert proof.holds is holds


def test_a_run_without_results_proves_nothing():
    assert not Proof("x", "C03", "why", {"C03": "failed"}, problem="no results").holds


def test_a_control_that_was_to_be_red_and_was_not_verified_proves_nothing():
    assert not Proof("x", "C03", "why", {"C12": "passed"}, controls=("C03", "C12")).holds
    assert Proof("x", "C03", "why", {"C12": "passed"}, controls=("C12",)).holds


def test_a_variant_is_verified_where_it_differs_from_the_reference():
    assert facets(first_flaw("C03")) is None
    assert facets(first_flaw("C04")) is None
    of_c01 = [facets(name) for name, bend in registry().items() if bend.control == "C01"]
    assert {"aws"} in of_c01


def test_a_flaw_that_breaks_two_controls_must_turn_both_red():
    both = {"C03": "failed", "C04": "failed", "C12": "passed"}
    assert Proof("x", "C03", "why", both, also=("C04",)).holds
    assert not Proof("x", "C03", "why", {**both, "C04": "passed"}, also=("C04",)).holds
    assert not Proof("x", "C03", "why", {**both, "C12": "failed"}, also=("C04",)).holds


class TestParts:
    @pytest.fixture
    def parts(self, tmp_path):
        """A proof of everything in three parts, as if all had come out as it must."""
        checks = {control.id: [item.id for item in control.requirements] for control in Checklist.load().controls}
        proofs = [Proof("reference", None, "", dict.fromkeys(REVIEWED, "passed"), controls=tuple(REVIEWED))]
        for name, bend in registry().items():
            red = {bend.control, *bend.also}
            outcomes = {control: "failed" if control in red else "passed" for control in REVIEWED}
            failed = checks[bend.control] if bend.control else []
            proofs.append(
                Proof(name, bend.control, bend.why, outcomes, failed, also=bend.also, controls=tuple(REVIEWED))
            )
        files = [tmp_path / f"part-{number}.json" for number in (1, 2, 3)]
        for number, file in enumerate(files, 1):
            Document(_part(proofs, f"{number}/3"), seconds=1).write(file)
        return files

    def test_parts_make_a_whole(self, parts, tmp_path):
        told = []
        assert join(parts, out=tmp_path / "proof.json", write_line=told.append) == 0
        assert any(line.endswith("checks turned red by some flaw") for line in told)
        whole = json.loads((tmp_path / "proof.json").read_text())
        assert {proof["name"] for proof in whole["proofs"]} == {"reference", *registry()}
        assert whole["unproven"] == []

    def test_a_missing_part_is_told(self, parts):
        told = []
        assert join(parts[1:], write_line=told.append) == 1
        assert "variants are in no part: " in told[0]

    def test_what_did_not_come_out_right_is_told(self, parts):
        document = json.loads(parts[1].read_text())
        document["proofs"][0]["outcomes"]["C12"] = "inconclusive"
        parts[1].write_text(json.dumps(document))
        told = []
        assert join(parts, write_line=told.append) == 1
        assert document["proofs"][0]["name"] in told[0]

    def test_parts_that_do_not_belong_together_are_refused(self, parts):
        with pytest.raises(ConfigurationError, match="two parts prove the same variant"):
            join([parts[0], parts[0]])
        document = json.loads(parts[1].read_text())
        parts[1].write_text(json.dumps({**document, "suite_digest": "another"}))
        with pytest.raises(ConfigurationError, match="different versions of the suite"):
            join(parts)
        for text in ('{"proofs": [{"no": 1}]}', '{"proofs": [1]}'):
            parts[2].write_text(text)
            with pytest.raises(ConfigurationError, match="is no proof"):
                join(parts)

    @pytest.mark.parametrize("text", ["", "3", "0/2", "3/2", "1/x", "-1/2"])
    def test_what_is_no_part_is_told(self, text):
        with pytest.raises(ConfigurationError, match="is not a part such as 2/5"):
            prove(part=text)
