"""Where the suite's own files lie: in a clone beside the package, in an installed wheel inside it."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
HOME = PACKAGE if (PACKAGE / "checks").is_dir() else PACKAGE.parent

CHECKS = HOME / "checks"
CHECKLIST = HOME / "config" / "checklist.yaml"
TARGETS = HOME / "config" / "targets"
TEMPLATES = HOME / "reports" / "templates"
