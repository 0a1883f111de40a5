"""Each rule finds its own samples, alone and among the others, and passes over its look-alikes."""

import pytest

from chimera_compliance.probes.repository.detectors import ByRule, built_in
from chimera_compliance.probes.repository.engine import usable
from chimera_compliance.probes.repository.inspector import Inspector
from chimera_compliance.probes.repository.rule import filled

RULES = [one for one in built_in() if isinstance(one, ByRule)]


@pytest.fixture(scope="module")
def inspector():
    return Inspector(built_in())


@pytest.mark.parametrize("detector", RULES, ids=lambda one: one.id)
def test_a_rule_finds_its_samples(detector, inspector):
    assert detector.rule.hits, "a rule without a sample is not known to work"
    alone = Inspector([detector])
    for seed in (1, 2, 3):
        for sample in detector.rule.hits:
            text = filled(sample, seed).encode()
            assert [candidate.rule for candidate, _ in alone.look(text)] == [detector.id] * len(alone.look(text)), (
                sample
            )
            assert alone.look(text), sample
            assert inspector.look(text), sample


@pytest.mark.parametrize("detector", RULES, ids=lambda one: one.id)
def test_a_rule_passes_over_its_look_alikes(detector, inspector):
    for sample in detector.rule.misses:
        assert not inspector.look(filled(sample).encode()), sample


def test_the_engine_takes_every_trigger():
    assert all(usable(trigger) for detector in built_in() for trigger in detector.triggers)


def test_a_documented_token_is_no_finding(inspector):
    sample = (
        b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9." + b"eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIn0." + b"c" * 43
    )
    assert not inspector.look(sample)
