"""What there is to verify: controls, requirements, and the facets that each needs."""

from typing import Any

import pytest

from chimera_compliance.checklist import Checklist
from chimera_compliance.recorder import FACETS, control_ids
from chimera_compliance.verify import pytest_arguments, run_pytest


class _Facets:
    """A pytest plugin that notes which facets each collected check asks for."""

    def __init__(self) -> None:
        self.of_test: dict[tuple[str, str], list[str]] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            marker = item.get_closest_marker("control")
            if marker is not None:
                key = (marker.args[0], getattr(item, "originalname", item.name))
                self.of_test[key] = [facet for facet in FACETS if facet in item.fixturenames]


def listing(controls: str | None = None) -> list[dict[str, Any]]:
    """The checklist with the facets of each requirement, as plain data.

    Raises:
        ConfigurationError: a control does not exist.
    """
    checklist = Checklist.load()
    wanted = control_ids(controls, checklist) if controls else None
    facets = _Facets()
    run_pytest(pytest_arguments("--collect-only", controls=controls), [facets])
    return [
        {
            "id": control.id,
            "title": control.title,
            "clause": control.clause,
            "requirements": [
                {**item.model_dump(mode="json"), "facets": facets.of_test.get((control.id, item.test), [])}
                for item in control.requirements
            ],
        }
        for control in checklist.controls
        if wanted is None or control.id in wanted
    ]
