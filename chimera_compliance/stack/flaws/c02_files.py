"""C02: credentials in the files of the repository, each in another disguise."""

import io
import json
import zipfile

from chimera_compliance.stack.flaws import flaw
from chimera_compliance.stack.flaws.c02_planting import (
    aws_key_id,
    chance,
    github_token,
    holding,
    password,
    private_key,
    puts,
)


@flaw("C02", why="a GitHub token is written into a script", breaks="C02.2")
def token_in_a_script(made):
    holding(made, "scripts/release.sh", lambda: f"curl -H 'X-Token: {github_token()}' https://api.github.com/user\n")


@flaw("C02", why="an access key of AWS stands in a settings module", breaks="C02.2")
def access_key_in_settings(made):
    holding(made, "src/chimera/storage.py", lambda: f'KEY_ID = "{aws_key_id()}"\n')


@flaw("C02", why="a private key in PKCS#8, which ADR-005's own rule misses", breaks="C02.2")
def private_key_file(made):
    holding(made, "deploy/server.pem", private_key)


@flaw("C02", why="a key is cut in two, so that no pattern matches", breaks="C02.2")
def key_in_two_pieces(made):
    def text() -> str:
        key = aws_key_id()
        return f'KEY_ID = "{key[:4]}" + "{key[4:]}"\n'

    holding(made, "src/chimera/uploads.py", text)


@flaw("C02", why="the database's address brings its password along", breaks="C02.2")
def password_in_an_address(made):
    holding(made, "config/database.ini", lambda: f"url = postgresql://app:{chance(14)}@db.chimera.internal/app\n")


@flaw("C02", why="a .netrc is committed", breaks="C02.2")
def netrc(made):
    holding(made, ".netrc", lambda: f"machine git.chimera.internal login ci password {chance(20)}\n")


@flaw("C02", why="a dump is made with the password on the command line", breaks="C02.2")
def password_on_a_command_line(made):
    holding(made, "scripts/dump.sh", lambda: f"mysqldump -u root -p{password()} chimera > dump.sql\n")


@flaw("C02", why="a wallet's seed phrase is kept with the code", breaks="C02.2")
def seed_phrase(made):
    def text() -> str:
        import secrets

        from chimera_compliance.probes.repository.phrases import make_phrase

        return f'WALLET = "{make_phrase(secrets.token_bytes(16))}"\n'

    holding(made, "skills/commerce/wallet.py", text)


@flaw("C02", why="a wallet's key in hexadecimal", breaks="C02.2")
def wallet_key(made):
    holding(made, "config/wallet.yaml", lambda: f"private_key: '0x{chance(64, '0123456789abcdef')}'\n")


@flaw("C02", why="a notebook shows the token that it was tried with", breaks="C02.2")
def token_in_a_notebook(made):
    def text() -> str:
        cell = {"cell_type": "code", "source": [f'client = Client("{github_token()}")\n'], "outputs": []}
        return json.dumps({"cells": [cell], "nbformat": 4})

    holding(made, "notebooks/trends.ipynb", text)


@flaw("C02", why="a settings file in UTF-16, which grep does not read", breaks="C02.2")
def token_in_utf_16(made):
    holding(made, "config/deploy.ini", lambda: f"[deploy]\ntoken = {github_token()}\n".encode("utf-16"))


@flaw("C02", why="an archive of the configuration is committed", breaks="C02.2")
def token_in_an_archive(made):
    def packed() -> bytes:
        octets = io.BytesIO()
        with zipfile.ZipFile(octets, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("deploy.env", f"GITHUB_TOKEN={github_token()}\n")
        return octets.getvalue()

    holding(made, "deploy/config.zip", packed)


@flaw("C02", why="the signing key is a literal", breaks="C02.3")
def literal_signing_key(made):
    holding(made, "src/chimera/auth.py", 'app.config["SECRET_KEY"] = "rosebud"\n')


@flaw("C02", why="the environment has a default that is a password", breaks="C02.3")
def default_password(made):
    holding(made, "src/chimera/db.py", lambda: f'import os\n\nPASSWORD = os.getenv("DB_PASSWORD", "{password()}")\n')


@flaw("C02", why="Compose sets the database's password", breaks="C02.3")
def password_in_compose(made):
    holding(
        made,
        "docker-compose.yml",
        lambda: f"services:\n  db:\n    environment:\n      POSTGRES_PASSWORD: {password()}\n",
    )


@flaw("C02", why="the image is built with a key in its environment", breaks="C02.3")
def key_in_a_dockerfile(made):
    holding(made, "Dockerfile", lambda: f"FROM python:3.12-slim\nENV NEWS_API_KEY={chance(32)}\n")


@flaw("C02", why="a Terraform variable's default is the password", breaks="C02.3")
def password_in_terraform(made):
    holding(
        made,
        "infra/main.tf",
        lambda: f'variable "db_password" {{\n  type    = string\n  default = "{password()}"\n}}\n',
    )


@flaw("C02", why="a Kubernetes manifest sets the token", breaks="C02.3")
def token_in_a_manifest(made):
    holding(made, "deploy/api.yaml", lambda: f"env:\n  - name: OPENCLAW_ACCESS_TOKEN\n    value: {chance(40)}\n")


@flaw("C02", why="the password is told in a comment", breaks="C02.3")
def password_in_a_comment(made):
    holding(made, "src/chimera/admin.py", lambda: f"# the password is {password()}, ask ops when it changes\n")


@flaw("C02", why="a token is in a file that is not committed yet", breaks="C02.2")
def token_not_yet_committed(made):
    made.repo.append(puts("src/chimera/scratch.py", lambda: f'TOKEN = "{github_token()}"\n', commit=None))


@flaw("C02", why="a file is named after the token that it caches for", breaks="C02.6")
def token_in_a_file_name(made):
    made.repo.append(lambda folder: puts(f"cache/{github_token()}.json", "{}\n")(folder))


@flaw("C02", why=".gitignore forgot .env", breaks="C02.16")
def env_not_ignored(made):
    holding(made, ".gitignore", "__pycache__/\n")


@flaw("C02", why=".env is committed with real values", breaks="C02.17")
def env_committed(made):
    holding(made, ".env", lambda: f"DATABASE_PASSWORD={password()}\n")


@flaw("C02", why=".env was committed, and deleted when somebody noticed", breaks="C02.17")
def env_once_committed(made):
    holding(made, ".env.production", lambda: f"DATABASE_PASSWORD={password()}\n", deleted=True)


@flaw("C02", why="the sample of .env has a working password in it", breaks="C02.18")
def env_sample_with_values(made):
    holding(made, ".env.example", lambda: f"DATABASE_PASSWORD={password()}\n")


@flaw("C02", why="an image of five gigabytes lies in the tree, which nobody can search", breaks="C02.1")
def file_too_large(made):
    def change(folder) -> None:
        with (folder / "disk.img").open("wb") as image:
            image.truncate(5 << 30)

    made.repo.append(change)
