"""What can be learned of a PostgreSQL database's row-level security by looking at it; `Database` is its face."""

from chimera_compliance.probes.postgres.database import Database
from chimera_compliance.probes.postgres.facts import Facts, Sighting

__all__ = ["Database", "Facts", "Sighting"]
