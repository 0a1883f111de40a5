"""Files with and without credentials, of many kinds, made up from templates so that none of them stands here.

Each planted line is a credential that somebody has really committed in such a form; each benign one looks like one, and
has been reported by some scanner.
"""

import base64
import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Iterable

from chimera_compliance.probes.repository import Leak
from chimera_compliance.probes.repository.phrases import make_phrase
from chimera_compliance.probes.repository.rule import filled

Content = str | bytes


def _pem(kind: str) -> str:
    body = "\n".join(["{base64:64}"] * 4)
    return f"-----BEGIN {kind}-----\n{body}\n-----END {kind}-----\n"


def _zipped(name: str, text: str) -> bytes:
    octets = io.BytesIO()
    with zipfile.ZipFile(octets, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, text)
    return octets.getvalue()


def _tarred(name: str, text: str) -> bytes:
    octets = io.BytesIO()
    with tarfile.open(fileobj=octets, mode="w:gz") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(text.encode())
        archive.addfile(entry, io.BytesIO(text.encode()))
    return octets.getvalue()


def _notebook(source: str) -> str:
    return json.dumps({"cells": [{"cell_type": "code", "source": [source]}], "nbformat": 4}, indent=1)


PLANTED: list[tuple[str, str]] = [
    ("src/a01.py", 'TOKEN = "ghp_{alnum:36}"'),
    ("src/a02.py", 'headers = {"Authorization": "token gho_{alnum:36}"}'),
    ("src/a03.js", "const t = 'github_pat_{alnum:22}_{alnum:59}';"),
    ("config/a04.ini", "aws_access_key_id = AKIA{base32:16}"),
    ("config/a05.ini", "aws_secret_access_key = {base64:40}"),
    ("config/a06.json", '{"AccessKeyId": "ASIA{base32:16}", "SecretAccessKey": "{base64:40}"}'),
    ("src/a07.py", 'KEY = "AKIA" + "{base32:16}"'),
    ("src/a08.py", 'TOKEN = ("ghp_{alnum:12}"\n         "{alnum:24}")'),
    ("deploy/a09.pem", _pem("RSA PRIVATE KEY")),
    ("deploy/a10.pem", _pem("PRIVATE KEY")),
    ("deploy/a11.pem", _pem("EC PRIVATE KEY")),
    ("deploy/a12_key", _pem("OPENSSH PRIVATE KEY")),
    ("deploy/a13.pem", _pem("ENCRYPTED PRIVATE KEY")),
    ("deploy/a14.asc", "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n{base64:64}\n{base64:64}\n-----END PGP PRIVATE KEY BLOCK-----"),
    ("config/a15.json", '{"private_key": "-----BEGIN PRIVATE KEY-----\\n{base64:64}\\n{base64:64}\\n-----END PRIVATE KEY-----\\n"}'),
    ("src/a16.go", 'const slack = "xoxb-{digit:12}-{digit:12}-{alnum:24}"'),
    ("ci/a17.yml", "webhook: https://hooks.slack.com/services/T{upper:8}/B{upper:10}/{alnum:24}"),
    ("src/a18.rb", "Stripe.api_key = 'sk_live_{alnum:24}'"),
    ("src/a19.php", "$k = 'SG.{alnum:22}.{alnum:43}';"),
    ("src/a20.py", 'OPENAI = "sk-proj-{alnum:48}T3BlbkFJ{alnum:48}"'),
    ("src/a21.py", 'client = Client("sk-ant-api03-{alnum:93}AA")'),
    ("src/a22.ts", 'const maps = "AIzaSy{alnum:33}";'),
    (".npmrc", "//registry.npmjs.org/:_authToken=npm_{alnum:36}"),
    (".pypirc", "[pypi]\nusername = __token__\npassword = pypi-AgEIcHlwaS5vcmc{alnum:80}"),
    ("src/a25.py", 'twilio = Twilio("AC{hex:32}", auth_token="{hex:32}")'),
    ("config/a26.txt", "DefaultEndpointsProtocol=https;AccountName=x;AccountKey={alnum:86}==;EndpointSuffix=core.windows.net"),
    ("src/a27.py", 'GITLAB = "glpat-{alnum:20}"'),
    ("config/a28.yml", "dsn: https://{hex:32}:{hex:32}@sentry.corp.internal/3"),
    ("src/a29.py", 'TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJ{alnum:60}.{url64:43}"'),
    ("config/a30.env", "DATABASE_URL=postgresql://app:{alnum:16}@db.internal:5432/app"),
    ("src/a31.py", 'redis.from_url("redis://:{alnum:20}@cache.internal:6379/0")'),
    ("config/a32.yml", "broker: amqps://svc:{alnum:18}@mq.internal/chimera"),
    ("src/a33.js", "mongoose.connect('mongodb+srv://admin:{alnum:16}@cluster0.abcde.mongodb.net/x')"),
    ("src/settings/a34.py", "SECRET_KEY = '{pass:50}'"),
    ("src/settings/a35.py", "DATABASES = {'default': {'PASSWORD': '{pass:14}'}}"),
    ("src/a36.py", 'app.config["SECRET_KEY"] = "rosebud"'),
    ("src/a37.py", 'os.environ["DB_PASSWORD"] = "{pass:12}"'),
    ("src/a38.py", 'JWT_SECRET = os.getenv("JWT_SECRET", "{alnum:32}")'),
    ("src/a39.py", 'def connect(user="app", password="{pass:12}"): ...'),
    ("src/a40.py", 'if password == "{pass:12}": grant()'),
    ("src/a41.py", "# the password is {pass:12} until friday"),
    ("src/a42.py", 'secret_key: SecretStr = SecretStr("{alnum:40}")'),
    ("src/a43.java", 'String dbPassword = "{pass:14}";'),
    ("src/a44.cs", 'var conn = "Server=db;User Id=sa;Password={pass:14};";'),
    ("src/a45.go", 'password := "{pass:14}"'),
    ("src/a46.php", "'password' => '{pass:14}',"),
    ("src/a47.rb", "config.secret_key_base = '{hex:64}'"),
    ("src/a48.ts", 'export const apiKey = "{alnum:32}";'),
    ("src/a49.rs", 'const API_KEY: &str = "{alnum:32}";'),
    ("src/a50.kt", 'val clientSecret = "{alnum:40}"'),
    ("config/a51.yml", "database:\n  password: {pass:14}"),
    ("config/a52.properties", "spring.datasource.password={pass:14}"),
    ("config/a53.xml", "<config><password>{pass:14}</password></config>"),
    ("config/a54.config", '<add key="DbPassword" value="{pass:14}" />'),
    ("config/a55.toml", 'token = "{alnum:40}"'),
    ("config/a56.json", '{"client_secret": "{alnum:40}"}'),
    ("config/a57.plist", "<key>apiToken</key>\n<string>{alnum:40}</string>"),
    ("Dockerfile", "FROM python:3.12\nENV API_TOKEN={alnum:40}"),
    ("docker/Dockerfile", "FROM python:3.12\nENV DB_PASSWORD {pass:14}"),
    ("docker-compose.yml", "services:\n  db:\n    environment:\n      - POSTGRES_PASSWORD={pass:14}"),
    ("deploy/a61.yaml", "env:\n  - name: DB_PASSWORD\n    value: {pass:14}"),
    ("deploy/a62.yaml", "kind: Secret\ndata:\n  password: {base64:24}"),
    ("infra/a63.tf", 'resource "aws_db_instance" "x" {\n  password = "{pass:16}"\n}'),
    ("infra/a64.tf", 'variable "db_password" {\n  type = string\n  default = "{pass:16}"\n}'),
    ("infra/a65.tfvars", 'api_token = "{alnum:40}"'),
    (".github/workflows/a66.yml", "env:\n  NEWS_API_KEY: {hex:32}"),
    (".netrc", "machine api.corp.internal login deploy password {alnum:20}"),
    (".pgpass", "db.internal:5432:chimera:app:{alnum:18}"),
    ("scripts/a69.sh", "mysqldump -u root -p{pass:12} chimera > dump.sql"),
    ("scripts/a70.sh", "curl -u deploy:{pass:14} https://corp.internal/x"),
    ("scripts/a71.sh", "sshpass -p {pass:12} ssh root@host"),
    ("scripts/a72.sh", 'curl -H "Authorization: Bearer {alnum:40}" https://corp.internal/x'),
    ("scripts/a73.sh", "PGPASSWORD={pass:14} psql -h db app"),
    ("scripts/a74.sh", "export TWITTER_API_SECRET={alnum:50}"),
    ("scripts/a75.sh", "docker login -u ci -p {alnum:24} registry.corp.internal"),
    ("db/a76.sql", "CREATE ROLE app LOGIN PASSWORD '{pass:14}';"),
    ("db/a77.sql", "CREATE USER app IDENTIFIED BY '{pass:14}';"),
    ("src/a78.js", 'const wallet = new Wallet("0x{hex:64}");'),
    ("config/a79.env", "CDP_API_KEY_PRIVATE_KEY={base64:88}"),
    ("config/a80.env", "PRIVATE_KEY=0x{hex:64}"),
    ("config/a81.env", "INSTAGRAM_ACCESS_TOKEN=IGQVJ{alnum:140}"),
    ("config/a82.env", "TWITTER_BEARER=AAAAAAAAAAAAAAAAAAAAA{alnum:20}%2F{alnum:50}"),
    ("config/a83.env", "HEROKU_API_KEY={hex:8}-{hex:4}-{hex:4}-{hex:4}-{hex:12}"),
    (".docker/config.json", '{"auths": {"ghcr.io": {"auth": "{base64:40}"}}}'),
    ("src/a85.py", 'user.set_password("{pass:12}")'),
    ("src/a86.py", 'User.register_user("name1", "pass1", "mail1@corp.internal", False)'),
    ("config/a87.env", "FLASK_SECRET_KEY=supersecretjwtkey"),
    ("tests/fixtures/a88.json", '{"password": "{pass:16}"}'),
    ("README.md", "Log in with `ghp_{alnum:36}`."),
    ("src/a91.rs", "static DB_PASSWORD: &'static str = \"{pass:14}\";"),
    ("src/a92.py", 'pyodbc.connect("Driver=psqlodbc;Server=db;Uid=app;Pwd={pass:14};Database=chimera")'),
    ("config/a90.jwk", '{"kty": "OKP", "crv": "Ed25519", "d": "{url64:43}", "x": "{url64:43}"}'),
]  # fmt: skip

BENIGN: list[tuple[str, str]] = [
    ("src/b01.py", 'password = os.environ["DB_PASSWORD"]'),
    ("src/b02.py", "password = getpass.getpass()"),
    ("src/b03.py", 'API_KEY = config.get("API_KEY")'),
    ("src/b04.py", 'SECRET_KEY = env("SECRET_KEY")'),
    ("config/b05.yml", "password: ${DB_PASSWORD}"),
    ("config/b06.yml", "token: {{ vault_token }}"),
    ("config/b07.yml", "password: !Ref DbPassword"),
    ("infra/b08.tf", "password = var.db_password"),
    ("infra/b09.tf", "password = data.aws_secretsmanager_secret_version.db.secret_string"),
    ("infra/b10.tf", 'secret = "arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db-AbCdEf"'),
    (".github/workflows/b11.yml", "token: ${{ secrets.GITHUB_TOKEN }}"),
    ("deploy/b12.yml", "valueFrom:\n  secretKeyRef:\n    name: chimera-db\n    key: password"),
    (".env.example", "DB_PASSWORD=changeme\nAPI_KEY=your-api-key-here\nSECRET_KEY=secret"),
    ("config/b14.ini", "password = <your password>"),
    ("config/b15.ini", "api_key = YOUR_API_KEY"),
    ("config/b16.ini", "api_key = xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
    ("config/b17.ini", "password = ********"),
    ("docs/b18.md", "aws_access_key_id = AKIA" + "IOSFODNN7EXAMPLE"),
    ("docs/b19.md", "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + "EXAMPLEKEY"),
    ("docs/b20.md", "postgresql://user:password@localhost/db"),
    ("docker-compose.test.yml", "POSTGRES_PASSWORD: postgres"),
    ("src/b22.py", 'DATABASE_URL = "postgresql://postgres:postgres@localhost/postgres"'),
    ("src/b23.py", 'broker = "amqp://guest:guest@localhost//"'),
    ("tests/b24.py", 'client.login(username="a", password="password")'),
    ("tests/b25.py", 'TOKEN = "test-token-123"'),
    ("tests/b26.py", 'secret_key = "test_secret"'),
    ("tests/b27.py", 'user = make(password="s3cr3t")'),
    ("src/b28.py", 'id = "550e8400-e29b-41d4-a716-446655440000"'),
    ("src/b29.py", 'token_id = "{hex:8}-{hex:4}-{hex:4}-{hex:4}-{hex:12}"'),
    ("src/b30.py", 'commit = "{hex:40}"'),
    ("src/b31.py", 'sha256 = "{hex:64}"'),
    ("src/b32.py", 'checksum = "md5:{hex:32}"'),
    ("src/b33.py", 'PASSWORD_HASH = "$2b$12${alnum:53}"'),
    ("src/b34.py", 'password = "pbkdf2_sha256$390000${alnum:22}${base64:43}="'),
    ("src/b35.py", 'password = "$argon2id$v=19$m=65536,t=3,p=4${alnum:22}${alnum:43}"'),
    ("package-lock.json", '{"integrity": "sha512-{base64:86}=="}'),
    ("yarn.lock", 'resolved "https://registry.yarnpkg.com/x#{hex:40}"\n  integrity sha512-{base64:86}=='),
    ("poetry.lock", '{file = "x.whl", hash = "sha256:{hex:64}"}'),
    ("go.sum", "github.com/x/y v1.2.3 h1:{base64:43}="),
    ("src/b40.html", '<script integrity="sha384-{base64:64}" src="x.js"></script>'),
    ("keys/b41.pub", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5{base64:43} dev@corp"),
    ("keys/b42.pem", "-----BEGIN PUBLIC KEY-----\n{base64:64}\n-----END PUBLIC KEY-----"),
    ("keys/b43.crt", "-----BEGIN CERTIFICATE-----\n{base64:64}\n{base64:64}\n-----END CERTIFICATE-----"),
    ("src/b44.py", 'if text.startswith("-----BEGIN RSA PRIVATE KEY-----"): parse(text)'),
    ("src/b45.py", 'PEM = re.compile(r"-----BEGIN (RSA|EC) PRIVATE KEY-----")'),
    ("docs/b46.md", "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----"),
    (".gitleaks.toml", "[extend]\nuseDefault = true\n[[rules]]\nid = 'x'\nregex = '''ghp_[0-9a-zA-Z]{36}'''"),
    ("src/b48.py", 'password_field = "user_password"'),
    ("src/b49.py", 'PASSWORD_RESET_URL = "/accounts/password-reset/"'),
    ("src/b50.py", 'token_url = "https://login.corp.internal/oauth/token"'),
    ("src/b51.py", 'TOKEN_TYPE = "Bearer"'),
    ("src/b52.py", 'secret_name = "chimera/production/jwt-signing-key"'),
    ("src/b53.py", 'cache_key = f"user:{user_id}:profile"'),
    ("src/b54.py", 'primary_key = "agent_id"'),
    ("src/b55.py", 'tokenizer = "bert-base-uncased"'),
    ("src/b56.py", "def login(username: str, password: str) -> Token: ..."),
    ("src/b57.py", "hashed_password = hash(password)"),
    ("src/b58.py", 'INCORRECT = "incorrect email or password"'),
    ("src/b59.py", 'password = models.CharField(max_length=128, verbose_name="password")'),
    ("src/b60.py", "token = secrets.token_urlsafe(32)"),
    ("src/b61.js", "const password = req.body.password;"),
    ("src/b62.js", "document.getElementById('password').value = '';"),
    ("src/b63.js", 'placeholder: "Enter your password"'),
    ("src/b64.ts", "interface Login { password: string; token?: string }"),
    ("src/b65.ts", "const { apiKey, apiSecret } = process.env;"),
    ("locale/de/b66.po", 'msgid "Password"\nmsgstr "Passwort"'),
    ("src/b67.html", '<input type="password" name="password" autocomplete="current-password">'),
    ("src/b68.html", '<meta name="csrf-token" content="{{ csrf_token }}">'),
    ("openapi.yaml", "password:\n  type: string\n  format: password\n  minLength: 8"),
    ("openapi.json", '{"securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}}'),
    ("scripts/b71.sh", "mysql -u root -p chimera"),
    ("scripts/b72.sh", 'curl -u "$USER:$PASS" https://corp.internal'),
    ("scripts/b73.sh", 'curl -H "Authorization: Bearer $TOKEN" https://corp.internal'),
    ("scripts/b74.sh", "docker run -u 1000:1000 -e POSTGRES_PASSWORD app"),
    ("scripts/b75.sh", "export DB_PASSWORD=$(aws secretsmanager get-secret-value --secret-id db)"),
    ("docs/b76.md", "Authorization: Bearer <token>"),
    ("docs/b77.md", "Set `password: string` and `token: your_token`."),
    ("src/b78.css", ".password-input { color: #a1b2c3; }"),
    ("src/b79.svg", '<path d="M10 10h4v4z"/><image href="data:image/png;base64,{base64:200}"/>'),
    ("src/b80.py", 'ICON = "data:image/png;base64,{base64:200}"'),
    ("src/b81.py", 'KEY_FILE = "/etc/chimera/server.key"'),
    ("src/b82.py", 'AUTH_HEADER = "X-Api-Key"'),
    ("src/b83.py", 'PUBLIC_KEY = "{base64:88}"'),
    ("src/b84.py", 'csrf_token = "{alnum:32}"'),
    ("src/b85.py", 'next_page_token = "{alnum:32}"'),
    ("config/b86.yml", "jwt:\n  algorithm: HS256\n  secret: ${JWT_SECRET}\n  issuer: chimera"),
    ("config/b87.yml", "tx_hash: 0x{hex:64}"),
    ("config/b88.yml", "contract_address: 0x{hex:40}"),
    ("db/b89.sql", "CREATE ROLE app LOGIN PASSWORD :'password';"),
    ("src/b90.py", "key = hashlib.sha256(secret.encode()).hexdigest()"),
    ("src/b92.py", '_TOKEN = re.compile(r"[A-Za-z0-9+/_=~.-]{24,}")'),
    ("src/b93.py", '_CREDENTIAL = re.compile(r"user|login|passw|secret|pin\\b", re.IGNORECASE)'),
    ("src/b94.py", 'defaults = {"password": f"Aa1-{uuid.uuid4().hex[:16]}"}'),
    ("src/b95.py", 'headers["X-API-Key"] = f"{random.getrandbits(64):x}"'),
    ("src/b96.py", 'dsn = f"postgresql://nobody@127.0.0.1:{free_port()}/nothing9"'),
    ("src/b97.py", 'run("pass", "--controls=C02")'),
    ("docs/b98.md", "the ARN is arn:aws:secretsmanager:us-east-1:123456789012:secret:chimera/db-WrpVuk"),
    ("src/b99.cs", 'var conn = $"Server=db;User Id=sa;Password={password1};";'),
    ("src/b100.cs", 'var conn = "Server=db;User Id=sa;Password=" + password1 + ";Encrypt=true";'),
    ("src/b101.rs", 'const API_KEY: &str = env!("CHIMERA_API_KEY1");'),
    ("src/b102.js", 'n="";a.password=e.value1;b.pwd=t.field2;'),
    ("src/b91.py", 'words = "the quick brown fox jumps over the lazy dog and runs far away from here"'),
]  # fmt: skip

SPECIAL: dict[str, Callable[[], Content]] = {
    "config/c1.ini": lambda: filled("token = ghp_{alnum:36}\n").encode("utf-16"),
    "deploy/c2.zip": lambda: _zipped("deploy.env", filled("GITHUB_TOKEN=ghp_{alnum:36}\n")),
    "deploy/c3.tgz": lambda: _tarred("deploy.env", filled("GITHUB_TOKEN=ghp_{alnum:36}\n", 2)),
    "notebooks/c4.ipynb": lambda: _notebook(filled('client = Client(password="{pass:14}")\n')),
    "notebooks/c5.ipynb": lambda: _notebook(filled("token = 'ghp_{alnum:36}'\n", 3)),
    "skills/c6.py": lambda: f'MNEMONIC = "{make_phrase(bytes(range(3, 19)))}"\n',
    "config/c7.txt": lambda: f"wallet seed: {make_phrase(bytes(range(40, 72)))}\n",
    filled("cache/ghp_{alnum:36}.json", 9): lambda: "{}\n",
    "src/c9.bin": lambda: b"\0\1\2" + filled("ghp_{alnum:36}", 5).encode() + b"\0\0",
    "config/c10.yml": lambda: "authorization: Basic " + base64.b64encode(filled("ci:{pass:14}", 4).encode()).decode() + "\n",
}  # fmt: skip


def planted() -> dict[str, Content]:
    """Path and content of every file that holds a credential."""
    return {path: filled(text) + "\n" for path, text in PLANTED} | {path: made() for path, made in SPECIAL.items()}


def benign() -> dict[str, Content]:
    """Path and content of every file that holds none."""
    return {path: filled(text) + "\n" for path, text in BENIGN}


def reported(leaks: Iterable[Leak], files: Iterable[str]) -> set[str]:
    """The files that leaks are about. A leak in a name does not tell the name: there is one such file."""
    leaks = list(leaks)
    named = any(leak.where == "name" for leak in leaks)
    return {leak.file.split(" (")[0] for leak in leaks if leak.where == "tree"} | {
        path for path in files if named and "ghp_" in path
    }
