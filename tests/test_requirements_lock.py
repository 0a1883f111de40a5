"""The frozen list is current: a check that is dropped or given to another sentence shows in its diff."""

from chimera_compliance.checklist import Checklist
from chimera_compliance.gate.frozen import COMMAND, LOCK, dropped, frozen_list


def test_the_frozen_list_is_current():
    checklist = Checklist.load()
    assert not dropped(checklist), f"requirements were dropped; if that is meant: {COMMAND}"
    assert LOCK.read_text(encoding="utf-8") == frozen_list(checklist), f"the checklist has changed: {COMMAND}"
