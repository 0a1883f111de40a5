"""Which settings hold secrets: planted ones of many kinds are found, and ordinary configuration is left alone."""

import base64
import gzip
import json
import time
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest

from chimera_compliance.probes.secrets.needles import SecretValue, needles
from chimera_compliance.probes.secrets.places import Setting, from_words
from chimera_compliance.probes.secrets.plaintext import exposed
from chimera_compliance.probes.secrets.user_data import decoded

STORED = "q7-Zr4_Wm2/Xk9+Lp5"
NEEDLES = needles([SecretValue("prod/db", STORED.encode())])


def found(name: str, value: str, public=()) -> list[str]:
    return [one.how for one in exposed([Setting("task", name, value)], NEEDLES, list(public))]


def script(text: str | bytes) -> list[str]:
    octets = text.encode() if isinstance(text, str) else text
    return [one.subject for one in exposed(decoded("vm", base64.b64encode(octets).decode(), ""), NEEDLES, [])]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_PASSWORD", "hunter2hunter2"),
        ("dbPassword", "changeme"),
        ("spring.datasource.password", "S3cr3t!"),
        ("POSTGRES_PWD", "letmein99"),
        ("STRIPE_SECRET", "whsec_abcdefgh"),
        ("TWITTER_API_KEY", "kLmN0pQrStUv"),
        ("X_AUTH_TOKEN", "abc123def456"),
        ("PRIVATE_KEY", "0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"),
        ("command --password", "hunter2hunter2"),
        ("SLACK_WEBHOOK", "T000/B000/XXXXxxxxYYYYyyyy"),
        ("ANYTHING", "postgres://app:hunter2@db/app"),
        ("ANYTHING", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl"),
        ("ANYTHING", "ghp_" + "a1B2" * 9),
        ("ANYTHING", "AKIA" + "ABCDEFGH12345678"),
        ("ANYTHING", "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA"),
        ("ANYTHING", "Zk3v9QxW7mB2tR8yLd5NcHs4GfJpA6Ue"),
        ("CONFIG", json.dumps({"db": {"password": STORED}})),
        ("CONFIG", base64.b64encode(f"user:{STORED}".encode()).decode()),
        ("CONFIG", json.dumps({"db": {"host": "db", "password": "hunter2hunter2"}})),
        ("CONFIG", json.dumps([{"name": "x", "apiKey": "kLmN0pQrStUv"}])),
        ("CONNECTION", "Server=db;Database=app;User Id=app;Password=hunter2hunter2;"),
        ("JDBC", "jdbc:postgresql://db/app?user=app&password=hunter2hunter2"),
        ("SASL", 'org.apache.kafka.PlainLoginModule required username="app" password="hunter2hunter2";'),
        ("REDIS_URL", "rediss://:hunter2hunter2@cache:6379/0"),
        ("ALERTS", "https://hooks.slack.com/services/T0000/B0000/abcdefgh"),
        ("BLOB", base64.b64encode(b"[default]\nurl = amqp://app:hunter2hunter2@mq/\n").decode()),
        ("HARMLESS_URL", "https://example.com/?q=q7-Zr4_Wm2%2FXk9%2BLp5"),
    ],
)
def test_secrets_are_found(name, value):
    assert len(found(name, value)) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_PASSWORD", ""),
        ("DB_PASSWORD", "${DB_PASSWORD}"),
        ("DB_PASSWORD", "$DB_PASSWORD"),
        ("DB_PASSWORD", "arn:aws:secretsmanager:us-east-1:1:secret:prod/db-AbCdEf"),
        ("DB_PASSWORD", "{{resolve:secretsmanager:prod/db:SecretString:password}}"),
        ("DB_PASSWORD", "{{ vault.db_password }}"),
        ("DB_PASSWORD", "secretsmanager:prod/db"),
        ("DB_PASSWORD", "<set by the pipeline>"),
        ("DB_PASSWORD", "/run/secrets/db"),
        ("DB_PASSWORD_FILE", "/etc/app/password"),
        ("DB_PASSWORD_SECRET_NAME", "prod/db"),
        ("SECRET_ID", "prod/db"),
        ("JWT_SECRET_ARN", "prod/jwt"),
        ("TOKEN_URL", "https://login.example.com/token"),
        ("TOKEN_ENDPOINT", "https://login.example.com/token"),
        ("TOKEN_TTL", "3600"),
        ("ACCESS_TOKEN_EXPIRE_MINUTES", "30"),
        ("PASSWORD_MIN_LENGTH", "12"),
        ("PASSWORD_HASH_ALGORITHM", "argon2id"),
        ("MAX_TOKENS", "4096"),
        ("API_KEY_HEADER", "X-Api-Key"),
        ("API_KEY_REQUIRED", "true"),
        ("SECRETS_PROVIDER", "aws-secrets-manager"),
        ("SECRET_ROTATION_DAYS", "90"),
        ("CSRF_TOKEN_NAME", "csrftoken"),
        ("PUBLIC_KEY", "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAu1SU1LfVLPHCozMxH2Mo4lgOEePz"),
        ("KMS_KEY_ID", "0f5c1c1e-7a1b-4b6e-9d57-2f8a6c1e0b94"),
        ("AWS_ACCESS_KEY_ID_FILE", "/var/run/aws/id"),
        ("GIT_SHA", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        ("IMAGE", "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
        ("COGNITO_POOL_ID", "us-east-1_AbCdEfGhI"),
        ("CLUSTER", "Chimera-Production-Cluster-2026-Blue-Green"),
        ("HANDLER", "com.example.production.CampaignNotificationHandler2026"),
        ("BUCKET", "chimera-production-assets-eu-central-1-123456789012"),
        ("DATABASE_URL", "postgresql://app@db.internal:5432/app?sslmode=verify-full"),
        ("DATABASE_URL", "postgresql://app:${DB_PASSWORD}@db/app"),
        ("JAVA_OPTS", "-Xmx512m -XX:+UseG1GC -Dfile.encoding=UTF-8"),
        ("ALLOWED_ORIGINS", "https://app.example.com,https://admin.example.com"),
        ("TZ", "Europe/Berlin"),
        ("NEXT_PUBLIC_STRIPE_KEY", "pk_live_51HqLyjWDarjtT1zdp7dcXyZ"),
        ("SENTRY_DSN", "https://0123456789abcdef0123456789abcdef@o123.ingest.sentry.io/456"),
        ("RECAPTCHA_SITE_KEY", "6LcAbCdEfGhIjKlMnOpQrStUvWxYz0123456789A"),
        ("passwd", "$6$rounds=4096$saltsalt$Zk3v9QxW7mB2tR8yLd5NcHs4GfJpA6Ue"),
        ("CA", base64.b64encode(b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n" * 3).decode()),
        ("CONFIG", json.dumps({"token_ttl": "900", "password_file": "/run/p", "secret": "${SECRET}"})),
        ("AUTHORIZATION_TOKEN", "Bearer ${TOKEN}"),
        ("--password-stdin", "123456789012.dkr.ecr.us-east-1.amazonaws.com"),
        ("TOKENS_PER_MINUTE", "100000"),
        ("FEATURE_FLAGS", base64.b64encode(b'{"newQueue": true, "limit": 20, "mode": "fast"}').decode()),
    ],
)
def test_configuration_is_left_alone(name, value):
    assert found(name, value) == []


def test_a_stored_value_is_named_and_never_shown():
    (one,) = exposed([Setting("task", "X", f"a{STORED}b")], NEEDLES, [])
    assert one.how == "the value of secret prod/db"
    assert one.exact
    assert STORED not in repr(one)


def test_what_is_declared_public_is_left_alone_unless_it_is_a_stored_value():
    assert found("CAPTCHA_SITE_SECRET", "abcdef123456") != []
    assert found("CAPTCHA_SITE_SECRET", "abcdef123456", ["CAPTCHA_SITE_*"]) == []
    assert found("CAPTCHA_SITE_SECRET", STORED, ["CAPTCHA_SITE_*"]) != []


def test_command_lines_are_read_as_options():
    words = ["app", "--token", "abc", "--flag", "--key=def", "PASSWORD=ghi", "-v"]
    assert dict(from_words(words, "command")) == {
        "command": "-v",
        "command --token": "abc",
        "command --key": "def",
        "command PASSWORD": "ghi",
    }


@pytest.mark.parametrize(
    "text",
    [
        f"#!/bin/sh\nrun --key {STORED}\n",
        gzip.compress(f"#!/bin/sh\nrun --key {STORED}\n".encode()),
        "#cloud-config\nwrite_files:\n- encoding: b64\n  content: "
        + base64.b64encode(f"[db]\nkey = {STORED}\n".encode()).decode(),
        "#cloud-config\nwrite_files:\n- encoding: gz+b64\n  content: "
        + base64.b64encode(gzip.compress(f"[database]\nkey = {STORED}\n".encode())).decode(),
        "#!/bin/bash\nexport SMTP_PASSWORD='Wint3r-is-here'\n",
        "#cloud-config\nenv:\n  smtp_password: Wint3r-is-here\n",
        "<powershell>\n$env:SMTP_PASSWORD = 'Wint3r-is-here'\n</powershell>",
        "#!/bin/sh\nmysqldump --password=Wint3r-is-here db\n",
        "#!/bin/sh\ncurl -H 'Authorization: token ghp_" + "a1B2" * 9 + "'\n",
    ],
    ids=["script", "gzip", "base64", "gzip in base64", "export", "cloud-init", "powershell", "option", "header"],
)
def test_user_data_is_read_as_it_runs(text):
    assert script(text)


def test_parts_of_user_data_are_taken_apart():
    message = MIMEMultipart()
    message.attach(MIMEText(f"export X={STORED}\n", "x-shellscript"))
    assert script(message.as_string())


@pytest.mark.parametrize(
    "text",
    [
        "#!/bin/sh\nexport AWS_REGION=us-east-1\nPASSWORD=$(aws secretsmanager get-secret-value --secret-id x)",
        "#cloud-config\npackages: [nginx, docker.io]\nruncmd:\n  - systemctl enable --now docker\n",
        "#!/bin/sh\nTOKEN=`curl -X PUT http://169.254.169.254/latest/api/token`\nexport DB_PASSWORD=${DB_PASSWORD}\n",
        "#!/bin/bash\nTOKEN=$(curl -X PUT http://169.254.169.254/x \\\n -H 'X-aws-ec2-metadata-token-ttl: 60')\n",
        "#!/bin/sh\nget-login-password | docker login -u AWS --password-stdin 1.dkr.ecr.us-east-1.amazonaws.com\n",
        "#!/bin/bash\n/etc/eks/bootstrap.sh prod --kubelet-extra-args '--node-labels=pool=blue'\n",
        "",
        b"\x00\xff" * 50,
        gzip.compress(b"x" * 100)[:-20],
    ],
)
def test_ordinary_user_data_is_left_alone(text):
    assert script(text) == []


@pytest.mark.parametrize("unit", [b"\0", b"a", b"-a", b"eyJ-", b"a=   ", b"{{", b"a:\n", b"x://", b"----BEGIN "])
def test_a_compression_bomb_is_cut_off(unit):
    began = time.monotonic()
    script(gzip.compress(unit * (1 << 21)))
    assert time.monotonic() - began < 10
