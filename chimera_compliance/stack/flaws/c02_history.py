"""C02: credentials that no file shows any more, and allow-lists that look away."""

from pathlib import Path

from chimera_compliance.stack import repository
from chimera_compliance.stack.flaws import flaw
from chimera_compliance.stack.flaws.c02_planting import (
    aws_key_id,
    chance,
    commits,
    github_token,
    holding,
    password,
    private_key,
    puts,
    runs,
)


@flaw("C02", why="a token was committed and deleted", breaks="C02.4")
def token_deleted(made):
    holding(made, "src/chimera/news.py", lambda: f'TOKEN = "{github_token()}"\n', deleted=True)


@flaw("C02", why="a private key was committed and deleted", breaks="C02.4")
def private_key_deleted(made):
    holding(made, "deploy/old.pem", private_key, deleted=True)


@flaw("C02", why="a password was replaced by a reference, and stays in the history", breaks="C02.4")
def password_replaced(made):
    holding(made, "config/app.yaml", lambda: f"db_password: {password()}\n")
    holding(made, "config/app.yaml", "db_password: ${DB_PASSWORD}\n")


@flaw("C02", why="a branch that nobody merged has a key in it", breaks="C02.4")
def key_on_a_branch(made):
    made.repo += [
        runs("checkout", "--quiet", "-b", "experiment"),
        puts("lab.py", lambda: f'KEY = "{aws_key_id()}"\n'),
        runs("checkout", "--quiet", "main"),
    ]


@flaw("C02", why="only the merge itself brought the token", breaks="C02.4")
def token_in_a_merge(made):
    def change(folder: Path) -> None:
        repository.git(folder, "checkout", "--quiet", "-b", "side")
        puts("side.txt", "side\n")(folder)
        repository.git(folder, "checkout", "--quiet", "main")
        puts("main.txt", "main\n")(folder)
        repository.git(folder, "merge", "--quiet", "--no-ff", "--no-commit", "side")
        (folder / "side.txt").write_text(f"token: {github_token()}\n")
        commits(folder, "Merge side")
        puts("side.txt", "side\n")(folder)

    made.repo.append(change)


@flaw("C02", why="attributes hide the file from every diff", breaks="C02.4")
def token_hidden_from_diffs(made):
    holding(made, ".gitattributes", "*.dat -diff\n")
    holding(made, "data/state.dat", lambda: f"token={github_token()}\n", deleted=True)


@flaw("C02", why="a commit message quotes a command with its token", breaks="C02.5")
def token_in_a_message(made):
    made.repo.append(
        lambda folder: runs("commit", "--quiet", "--allow-empty", "-m", f"Ran with {github_token()}")(folder)
    )


@flaw("C02", why="the message of an annotated tag holds a token", breaks="C02.5")
def token_in_a_tag(made):
    made.repo.append(lambda folder: runs("tag", "-a", "v1", "-m", f"Deployed with {github_token()}")(folder))


@flaw("C02", why="a note on a commit holds a token", breaks="C02.5")
def token_in_a_note(made):
    made.repo.append(lambda folder: runs("notes", "add", "-m", f"token {github_token()}")(folder))


@flaw("C02", why="an author's name is a token, pasted into the wrong prompt", breaks="C02.5")
def token_as_author(made):
    def change(folder: Path) -> None:
        author = f"{github_token()} <dev@chimera.example>"
        repository.git(folder, "commit", "--quiet", "--allow-empty", "--author", author, "-m", "Empty")

    made.repo.append(change)


@flaw("C02", why="a stash holds what was never committed", breaks="C02.7")
def token_in_a_stash(made):
    made.repo += [
        puts("src/chimera/tenancy.py", lambda: f'TOKEN = "{github_token()}"\n', commit=None),
        runs("stash", "push", "--quiet"),
    ]


@flaw("C02", why="a commit was amended, and what it was before is still in the reflog", breaks="C02.7")
def token_in_the_reflog(made):
    made.repo += [
        puts("src/chimera/feed.py", lambda: f'TOKEN = "{github_token()}"\n'),
        runs("reset", "--quiet", "--hard", "HEAD~1"),
    ]


@flaw("C02", why="a file was added to the index and taken out again: its blob dangles", breaks="C02.7")
def token_in_a_dangling_blob(made):
    made.repo += [
        puts("src/chimera/feed.py", lambda: f'TOKEN = "{github_token()}"\n', commit=None),
        runs("add", "src/chimera/feed.py"),
        runs("rm", "--quiet", "--force", "src/chimera/feed.py"),
    ]


def _configured(made, text: str) -> None:
    """The repository's .gitleaks.toml, with something at its end."""

    def change(folder: Path) -> None:
        file = folder / ".gitleaks.toml"
        file.write_text(file.read_text() + "\n" + text)
        commits(folder, "Scan less", ".gitleaks.toml")

    made.repo.append(change)


@flaw("C02", why="the scanner's allow-list lets everything through", breaks="C02.9", also=("C08",))
def allow_list_of_everything(made):
    _configured(made, "[allowlist]\npaths = ['''.*''']\n")


@flaw("C02", why="the allow-list names the folder of the application", breaks="C02.9", also=("C08",))
def allow_list_of_the_source(made):
    _configured(made, "[[allowlists]]\ndescription = 'noisy'\npaths = ['''^src/''', '''^skills/''']\n")


@flaw("C02", why="the allow-list lets every access key of AWS through", breaks="C02.9", also=("C08",))
def allow_list_of_a_kind(made):
    _configured(made, "[[allowlists]]\nregexes = ['''AKIA.+''']\n")


@flaw("C02", why="the repository's own rule finds its own kind of key", breaks="C02.8")
def own_rule_matches(made):
    _configured(made, "[[rules]]\nid = 'chimera-session'\nregex = '''chs-[0-9a-f]{12}'''\nkeywords = ['chs-']\n")
    holding(made, "src/chimera/sessions.py", lambda: f'NAME = "chs-{chance(12, "0123456789abcdef")}"\n')
