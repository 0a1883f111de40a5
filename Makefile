# Two commands do everything on a fresh machine with python3, its venv module, git and make:
#   make verify   verifies the embedded reference stack and leaves a report
#   make test     passes the suite's own tests
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/ready
TESTED := $(VENV)/ready-for-tests

.PHONY: verify test proof sample lint scan clean

verify: $(READY)
	@$(BIN)/chimera-compliance verify $(ARGS)

test: $(TESTED)
	@tests/browser/install
	@$(BIN)/python -m pytest tests -q -n 2 $(ARGS)

# The full proof: the reference all green, every flaw red on its own control only, every check reddened.
proof: $(READY)
	@$(BIN)/chimera-compliance prove $(ARGS)

# The report in reports/sample and its picture, from two real runs of the embedded stack.
sample: $(TESTED)
	@tests/browser/install
	@$(BIN)/python reports/sample/make.py

lint: $(TESTED)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

# What stops a change of ours: no credential in any commit, no weakness in the code.
scan: $(READY)
	@$(BIN)/gitleaks git . --redact --no-banner
	@$(BIN)/bandit --quiet --recursive --severity-level medium --configfile pyproject.toml benchmarks checks chimera_compliance reports conftest.py

$(BIN)/python:
	@$(PYTHON) -m venv $(VENV)

$(READY): $(BIN)/python pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[reference]'
	@touch $@

$(TESTED): $(READY)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[reference,dev]'
	@touch $@

clean:
	rm -rf $(VENV) build dist
