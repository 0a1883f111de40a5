"""results.json: the canonical record, from which every other format can be made again."""

import json

from chimera_compliance.results import Results

FILE = "results.json"


def render(results: Results) -> str:
    """The results as JSON in ASCII, keys in the order of the published schema."""
    return json.dumps(results.model_dump(mode="json"), indent=2) + "\n"
