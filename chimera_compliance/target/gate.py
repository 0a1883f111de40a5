"""What a run may pass with: the policy of the gate."""

from typing import Literal

from pydantic import Field

from chimera_compliance.outcomes import Severity
from chimera_compliance.references import Text
from chimera_compliance.target.base import Settings


class GatePolicy(Settings):
    """What blocks. Errors and what stayed inconclusive always do."""

    fail_on: Severity = Field(Severity.LOW, description="Findings of this severity and worse block.")
    not_reviewed: Literal["block", "allow"] = Field("block", description="Whether what was not reviewed blocks.")
    baseline: Text | None = Field(None, description="A results.json whose findings do not block; new ones do.")
    waivers: Text | None = Field(None, description="The file of accepted risks.")
