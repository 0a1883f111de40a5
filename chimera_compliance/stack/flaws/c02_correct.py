"""Repositories that are full of look-alikes, and right."""

import uuid
from pathlib import Path

from chimera_compliance.stack import repository
from chimera_compliance.stack.flaws import variant
from chimera_compliance.stack.flaws.c02_planting import chance, commits, github_token, holding, puts, runs

_HEX = "0123456789abcdef"


@variant(why="settings name where each secret comes from, in every language of a deployment")
def references_everywhere(made):
    holding(
        made,
        "config/app.yaml",
        "db_password: ${DB_PASSWORD}\njwt_secret: '{{ vault_jwt }}'\napi_key: !Ref ApiKey\ntoken: <your-token>\n",
    )
    holding(
        made,
        "infra/main.tf",
        "password = var.db_password\ntoken = data.aws_secretsmanager_secret_version.t.secret_string\n",
    )
    holding(
        made,
        "src/chimera/conf.py",
        'import os\n\nSECRET_KEY = os.environ["SECRET_KEY"]\nAPI_KEY = get_secret("NEWS_API_KEY")\n',
    )


@variant(why="lock files, hashes, ids and public keys are no credentials")
def digests_and_ids(made):
    holding(
        made,
        "package-lock.json",
        lambda: f'{{"integrity": "sha512-{chance(86)}==", "resolved": "https://registry.npmjs.org/x"}}\n',
    )
    holding(made, "poetry.lock", lambda: f'hash = "sha256:{chance(64, _HEX)}"\ntoken = "{chance(40, _HEX)}"\n')
    holding(
        made,
        "src/chimera/ids.py",
        lambda: (
            f'TENANT = "{uuid.uuid4()}"\nCOMMIT = "{chance(40, _HEX)}"\nCHECKSUM = "{chance(64, _HEX)}"\n'
            f'PASSWORD_HASH = "$2b$12${chance(53)}"\nPUBLIC_KEY = "ssh-ed25519 AAAAC3{chance(62)}"\n'
        ),
    )


@variant(why="tests and documentation use passwords that nobody would use")
def made_up_in_tests(made):
    holding(
        made,
        "tests/test_login.py",
        'def test_login(client):\n    client.login(username="a", password="test-password")\n',
    )
    holding(
        made, "docs/setup.md", "Export `DATABASE_URL=postgresql://user:password@localhost/db` and `TOKEN=<token>`.\n"
    )
    holding(made, "docs/aws.md", "aws_access_key_id = AKIA" + "IOSFODNN7EXAMPLE\n")


@variant(why="the sample of .env says what to fill in")
def env_sample_with_placeholders(made):
    holding(
        made,
        ".env.example",
        "DATABASE_PASSWORD=changeme\nNEWS_API_KEY=your-key-here\nDATABASE_URL=postgresql://user:password@localhost/db\n",
    )


@variant(why="a developer's .env lies in the work tree, ignored as it should be")
def env_ignored_and_there(made):
    made.repo.append(puts(".env", lambda: f"NEWS_API_KEY={chance(32)}\nDATABASE_PASSWORD={chance(20)}\n", commit=None))


@variant(why="an allow-list names one sample in one file, and both must hold")
def narrow_allow_list(made):
    sample = github_token()

    def change(folder: Path) -> None:
        (folder / "tests").mkdir(exist_ok=True)
        (folder / "tests/sample.txt").write_text(sample + "\n")
        file = folder / ".gitleaks.toml"
        narrow = (
            f"[[allowlists]]\ncondition = 'AND'\npaths = ['''^tests/sample\\.txt$''']\nregexes = ['''^{sample}$''']\n"
        )
        file.write_text(file.read_text() + "\n" + narrow)
        commits(folder, "A sample for the scanner's own test")

    made.repo.append(change)


@variant(why="a sample is marked where it stands, as gitleaks has it")
def marked_sample(made):
    holding(made, "src/chimera/samples.py", lambda: f'SHAPE = "{github_token()}"  # gitleaks:allow\n')


@variant(why="the history is packed, has merges, tags and notes, and nothing to hide")
def busy_history(made):
    def change(folder: Path) -> None:
        repository.git(folder, "checkout", "--quiet", "-b", "side")
        puts("side.txt", "side\n")(folder)
        repository.git(folder, "checkout", "--quiet", "main")
        puts("main.txt", "main\n")(folder)
        repository.git(folder, "merge", "--quiet", "--no-ff", "-m", "Merge", "side")
        repository.git(folder, "gc", "--quiet")

    made.repo += [change, runs("tag", "-a", "v1", "-m", "First"), runs("notes", "add", "-m", "Reviewed")]
