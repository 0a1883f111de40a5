"""comment.md: the summary cut to what a comment on a pull request may hold."""

from chimera_compliance.report.markdown import comment
from chimera_compliance.results import Results

FILE = "comment.md"


def render(results: Results) -> str:
    """The comment, whose first line lets a workflow find and replace the one before."""
    return comment(results)
