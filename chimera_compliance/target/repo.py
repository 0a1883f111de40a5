"""The git repository."""

from chimera_compliance.references import Text
from chimera_compliance.target.base import Settings


class RepoFacet(Settings):
    """The git repository."""

    path: Text
