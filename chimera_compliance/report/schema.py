"""The published JSON Schema of results.json (JSON Schema 2020-12)."""

from typing import Any

from chimera_compliance.results import SCHEMA_VERSION, Results

FILE = f"results-{SCHEMA_VERSION}.json"


def results_schema() -> dict[str, Any]:
    """What every results.json of this version conforms to; config/schemas keeps a copy."""
    schema = Results.model_json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:chimera-compliance:results:{SCHEMA_VERSION}",
        **schema,
        "title": f"Chimera Compliance results {SCHEMA_VERSION}",
    }
