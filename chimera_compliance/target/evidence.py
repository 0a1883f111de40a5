"""What is told with the evidence of a run, and with which key it is signed."""

from pydantic import Field

from chimera_compliance.references import Secret, Text
from chimera_compliance.target.base import Settings, Url


class EvidenceSettings(Settings):
    """The evidence bundle."""

    operator: Text | None = Field(None, description="Who answers for the runs; the CI server's word if not given.")
    host: Text | None = Field(None, description="What the machine that runs the suite is called.")
    signing_key: Secret | None = Field(None, description="The Ed25519 private key (PEM) that bundles are signed with.")
    timestamp_url: Url | None = Field(None, description="An RFC 3161 time-stamping authority.")
    timestamp_ca: Text | None = Field(None, description="The certificates (PEM) that its stamps rest on.")
    every_hours: float | None = Field(None, gt=0, description="How often a run is due; missed ones are named.")
    tolerance_hours: float = Field(2, ge=0, description="How late a run may be before it counts as missed.")
    proof: Text | None = Field(None, description="proof.json of `chimera-compliance prove --out`.")
    previous: Text | None = Field(None, description="The bundle before, or a folder whose latest bundle it is.")
