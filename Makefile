# make test, make demo: on a fresh machine with Python 3.11 or newer, nothing else.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
WORKERS ?= 2
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: help install check test live demo web bench soak reliability features errors migration docs release-check format clean

help:
	@echo "make install  the environment, in $(VENV)"
	@echo "make check    formatting, lint, import rules, types"
	@echo "make test     unit and integration tests, offline"
	@echo "make live     the tests against the real clouds, with your credentials"
	@echo "make demo     an agent on both clouds' wire formats, offline"
	@echo "make web      a page that shows a file while a tool call writes it"
	@echo "make bench    what it costs, beside its peers, into docs/performance.md"
	@echo "make soak     10,000 streams on each cloud, 5 % of them faulty: what is left behind"
	@echo "make reliability  every fault and its outcome, into docs/reliability.md"
	@echo "make features     the catalogue, into docs/features.md and the README"
	@echo "make errors       what the clouds say and what to do, into docs/errors.md"
	@echo "make migration    the arguments of other classes, into docs/migration.md"
	@echo "make docs         the documentation, into docs/_build"
	@echo "make release-check  build the distributions, install and try them"
	@echo "make format   format the code"
	@echo "make clean    remove what the others made"

install: $(VENV)/.installed

# A stamp is newer than pyproject.toml once what that asks for is installed.
$(VENV)/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12 ..."; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || $(PYTHON) -m venv --clear --without-pip $(VENV)
	@# Debian's python3 may come without ensurepip.
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m pip --python $(BIN)/python install --quiet pip
	$(INSTALL) --editable ".[all,test]"
	touch $@

$(VENV)/.checking: $(VENV)/.installed
	$(INSTALL) --editable ".[all,test,check]"
	touch $@

check: $(VENV)/.checking
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/mypy tests/typing/api.py

test: install
	$(BIN)/python -m pytest -n $(WORKERS) tests integration_tests

live: install
	$(BIN)/python -m pytest --live -m live integration_tests

demo: install
	$(BIN)/claude-cloud demo

web: install
	$(BIN)/claude-cloud web

# An environment of its own: the peers would otherwise decide which versions are tested.
BENCH := .venv-bench
PEERS := langchain-anthropic "langchain-aws[anthropic]" "langchain-google-vertexai[anthropic]"

$(BENCH)/.installed: pyproject.toml $(VENV)/.installed
	test -x $(BENCH)/bin/python || $(BIN)/python -m venv --without-pip $(BENCH)
	$(BIN)/python -m pip --python $(BENCH)/bin/python install --quiet \
	  --disable-pip-version-check --editable . $(PEERS)
	touch $@

bench: $(BENCH)/.installed
	$(BENCH)/bin/python -m benchmarks

soak: install
	SOAK_STREAMS=10000 $(BIN)/python -m pytest -n 0 -s integration_tests/concurrency/test_soak.py

reliability: install
	PYTHONPATH=integration_tests $(BIN)/python integration_tests/faults/fault_page.py

migration: install
	$(BIN)/python tools/document_migration.py

errors: install
	$(BIN)/python tools/document_errors.py

features: install
	$(BIN)/python tools/features.py

# An environment of its own, so that the tests do not run with what only the documentation needs.
DOCS := .venv-docs

$(DOCS)/.installed: pyproject.toml $(VENV)/.installed
	test -x $(DOCS)/bin/python || $(BIN)/python -m venv --without-pip $(DOCS)
	$(BIN)/python -m pip --python $(DOCS)/bin/python install --quiet \
	  --disable-pip-version-check --editable ".[all,docs]"
	touch $@

docs: $(DOCS)/.installed
	$(DOCS)/bin/python -m sphinx -q -W --keep-going -b html docs docs/_build
	@echo "docs/_build/index.html"

release-check: install
	rm -rf dist
	$(INSTALL) build
	$(BIN)/python -m build --outdir dist .
	$(BIN)/python tools/release_check.py

format: $(VENV)/.checking
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) $(BENCH) $(DOCS) docs/_build build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
