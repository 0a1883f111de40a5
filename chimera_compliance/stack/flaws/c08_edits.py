"""How the variants of C08 change the repository: one edit, committed, as a developer would."""

from pathlib import Path

from chimera_compliance.stack import StackError

WORKFLOW = ".github/workflows/security.yml"
GITLEAKS = "      - name: Run Gitleaks\n"
GITLEAKS += "        uses: gitleaks/gitleaks-action@ff98106e4c7b2bc287b24eaf42907196329070c7 # v2.3.9\n"
GITLEAKS += "        env:\n          GITHUB_TOKEN: ${{ secrets.GITHUB_TOKEN }}\n"
BANDIT = "bandit -r src/ skills/ -c pyproject.toml"
CHECKOUT = "actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2"
CALLED = (
    "name: Bandit\non:\n  workflow_call:\npermissions:\n  contents: read\n"
    "jobs:\n  bandit:\n    runs-on: ubuntu-latest\n"
    f"    steps:\n      - uses: {CHECKOUT}\n        with:\n          persist-credentials: false\n"
    f"      - run: {BANDIT}\n"
)


def edit(made, *changes: tuple[str, str], file: str = WORKFLOW) -> None:
    """Replace pieces of a file; each must be there."""

    def change(path: Path) -> None:
        text = (path / file).read_text()
        for old, new in changes:
            if old not in text:
                raise StackError(f"{file} of the reference has changed: {old!r} is not in it")
            text = text.replace(old, new)
        (path / file).write_text(text)

    commit(made, change)


def write(made, file: str, text: str, *, executable: bool = False) -> None:
    """Add or replace a file."""

    def change(path: Path) -> None:
        (path / file).parent.mkdir(parents=True, exist_ok=True)
        (path / file).write_text(text)
        if executable:
            (path / file).chmod(0o755)

    commit(made, change)


def remove(made, file: str) -> None:
    """Take a file away."""
    commit(made, lambda path: (path / file).unlink())


def commit(made, change) -> None:
    """Make a change and commit it."""
    from chimera_compliance.stack.repository import git

    def committed(path: Path) -> None:
        change(path)
        git(path, "add", "--all")
        git(path, "commit", "--quiet", "--message", "Change the pipeline")

    made.repo.append(committed)


def gitleaks_command(command: str, *, shell: str = "", more: str = "") -> str:
    """A step that runs the program itself, in place of the action."""
    lines = "".join(f"          {line}\n" for line in command.splitlines())
    return f"      - name: Run Gitleaks\n{shell and f'        shell: {shell}{chr(10)}'}{more}        run: |\n{lines}"
