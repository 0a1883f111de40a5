"""C01: the same values in plain text beside the store, and secrets that never were in it."""

import base64
import gzip
from functools import partial

from chimera_compliance.stack.flaws import flaw

_NAME = "TWITTER_API_SECRET"
_UNSTORED = "wK8pTz4NqV7rLx2M"
_RANDOM = "Zk3v9QxW7mB2tR8yLd5NcHs4GfJpA6Ue"


def _container(account, **container):
    account.task_definition(**container)


def _environment(account, name, value=None):
    account.task_definition(environment=[{"name": name, "value": value or account.value(_NAME)}])


@flaw("C01", breaks="C01.18", why="a password in a container's environment that nobody stored")
def task_password(made):
    made.account.append(partial(_environment, name="SMTP_PASSWORD", value=_UNSTORED))


@flaw("C01", breaks="C01.18", why="a stored value under a name that says nothing")
def task_value_under_a_harmless_name(made):
    made.account.append(partial(_environment, name="UPSTREAM"))


def _encoded(account):
    _environment(account, "FEATURES", base64.b64encode(f"twitter:{account.value(_NAME)}".encode()).decode())


@flaw("C01", breaks="C01.18", why="a stored value in base64, behind a user name")
def task_value_encoded(made):
    made.account.append(_encoded)


def _command(account):
    account.task_definition(command=["worker", "--queue", "main", "--twitter-secret", account.value(_NAME)])


@flaw("C01", breaks="C01.18", why="a value on a container's command line")
def task_command_line(made):
    made.account.append(_command)


def _old_revision(account):
    _environment(account, "TWITTER_API_SECRET")
    account.task_definition()


@flaw("C01", breaks="C01.18", why="the newest revision is clean, an older active one is not")
def task_old_revision(made):
    made.account.append(_old_revision)


def _log_options(account):
    options = {"splunk-url": "https://splunk.example.com", "splunk-token": "5c3a1f0e-7a1b-4b6e-9d57-2f8a6c1e0b94"}
    account.task_definition(logConfiguration={"logDriver": "splunk", "options": options})


@flaw("C01", breaks="C01.18", why="a token among the options of a log driver")
def task_log_token(made):
    made.account.append(_log_options)


def _variables(account, **variables):
    role = account.client("iam").get_role(RoleName="chimera-api")["Role"]["Arn"]
    given = {name: value or account.value(_NAME) for name, value in variables.items()}
    account.client("lambda").create_function(
        FunctionName="chimera-digest",
        Runtime="python3.12",
        Role=role,
        Handler="digest.handler",
        Code={"ZipFile": b""},
        Environment={"Variables": given},
    )


@flaw("C01", breaks="C01.19", why="a database URL with its password in a function's environment")
def function_database_url(made):
    made.account.append(partial(_variables, DATABASE_URL=f"postgresql://chimera:{_UNSTORED}@db.internal/chimera"))


@flaw("C01", breaks="C01.19", why="a random value under a name that says nothing")
def function_random_value(made):
    made.account.append(partial(_variables, UPSTREAM=_RANDOM))


@flaw("C01", breaks="C01.19", why="a stored value in a function's environment")
def function_stored_value(made):
    made.account.append(partial(_variables, TWITTER=""))


def _parameter(account, name, kind, value="{}"):
    account.client("ssm").put_parameter(Name=name, Type=kind, Value=value.format(account.value(_NAME)))


@flaw("C01", breaks="C01.20", why="a stored value in an unencrypted parameter")
def parameter_stored_value(made):
    made.account.append(partial(_parameter, name="/chimera/production/upstream", kind="String"))


@flaw("C01", breaks="C01.20", why="a parameter that its name gives away")
def parameter_by_name(made):
    made.account.append(partial(_parameter, name="/chimera/production/stripe_api_key", kind="String", value=_UNSTORED))


@flaw("C01", breaks="C01.20", why="a stored value in a list")
def parameter_in_a_list(made):
    made.account.append(partial(_parameter, name="/chimera/peers", kind="StringList", value="a,{},b"))


def _template(account, packed=False):
    script = f"#!/bin/sh\nexec /opt/agent --key {account.value(_NAME)}\n".encode()
    account.launch_template("chimera-batch", gzip.compress(script) if packed else script)


@flaw("C01", breaks="C01.21", why="a stored value in a launch template's user data")
def template_stored_value(made):
    made.account.append(_template)


@flaw("C01", breaks="C01.21", why="a stored value in user data that is compressed")
def template_compressed(made):
    made.account.append(partial(_template, packed=True))


def _instance(account, script):
    account.client("ec2").run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1, UserData=script)


@flaw("C01", breaks="C01.21", why="a password exported by an instance's start script")
def instance_exports_password(made):
    made.account.append(partial(_instance, script=f"#!/bin/sh\nexport SMTP_PASSWORD='{_UNSTORED}'\n"))


@flaw("C01", breaks="C01.21", why="cloud-init writes a file with a token of a known form")
def instance_writes_token(made):
    token = "ghp_" + "0123456789abcdefghijABCDEFGHIJ012345"
    made.account.append(
        partial(_instance, script=f"#cloud-config\nruncmd:\n  - git clone https://{token}@github.com/a/b\n")
    )
