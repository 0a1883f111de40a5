"""Chimera Compliance: verifies a deployed stack against the checklist of ADR-005.

A check's whole vocabulary is here: `control` says where it belongs, `reject` names what offends, and
`Inconclusive` says that nothing was seen which could decide.
"""

from chimera_compliance.outcomes import Inconclusive, Problem, reject

__all__ = ["Inconclusive", "Problem", "control", "reject"]
__version__ = "0.1.0"


def control(control_id: str):
    """The mark of a check file: the checklist control (C01-C12) that all its tests belong to."""
    import pytest

    return pytest.mark.control(control_id)
