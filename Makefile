# make test, make demo: on a fresh machine with Python 3.11 or newer, nothing else.

# A Python that is named has an environment of its own: PYTHON=python3.13 works in .venv-3.13.
ifdef PYTHON
VENV ?= .venv-$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
endif
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
WORKERS ?= 2

# The versions that demo, check and test use, and the oldest that pyproject.toml allows.
LOCK := requirements.lock
LOWEST_LOCK := requirements-lowest.lock

comma := ,

# $(call install,ENVIRONMENT,LOCK,WHAT): the lock also holds for what builds the package, whose
# name in pip's environment changed with pip 25.3.
define install
@echo "Installing $(3) into $(1), at the versions of $(2)."
@# Debian's python3 may come without ensurepip.
@$(1)/bin/python -m pip --version >/dev/null 2>&1 \
  || $(PYTHON) -m pip --python $(1)/bin/python install --quiet pip
@PIP_CONSTRAINT=$(2) PIP_BUILD_CONSTRAINT=$(2) \
  $(1)/bin/python -m pip install --quiet --disable-pip-version-check --editable "$(3)"
@touch $@
endef

.PHONY: help install check test test-latest test-lowest test-peers test-engines examples lock live demo web bench soak \
  scale reliability features errors migration docs release-check format clean

help:
	@echo "make install  the environment of the tests, in $(VENV)"
	@echo "make check    formatting, lint, import rules, types (mypy, pyright)"
	@echo "make test     unit and integration tests, offline; PYTHON=python3.13 for another Python"
	@echo "make test-latest  the same tests with the newest of everything; which versions moved"
	@echo "make test-lowest  a sample of the tests with the oldest versions that pyproject.toml allows"
	@echo "make test-peers  the migration pages, with the newest versions of the other classes"
	@echo "make examples  every example, offline"
	@echo "make test-engines  Ray, Spark and Dask answer prompts, and a worker is killed"
	@echo "make lock     write both locks anew, with the versions of today"
	@echo "make live     the tests against the real clouds, with your credentials"
	@echo "make demo     an agent on both clouds' wire formats, offline"
	@echo "make web      a page that shows a file while a tool call writes it"
	@echo "make bench    what it costs, beside its peers, into docs/performance.md"
	@echo "make scale    a simulation of many prompts, into docs/scale.md"
	@echo "make soak     10,000 streams on each cloud, 5 % of them faulty: what is left behind"
	@echo "make reliability  every fault and its outcome, into docs/reliability.md"
	@echo "make features     the catalogue, into docs/features.md and the README"
	@echo "make errors       what the clouds say and what to do, into docs/errors.md"
	@echo "make migration    the arguments of other classes, into docs/migration.md"
	@echo "make docs         the documentation, into docs/_build"
	@echo "make release-check  build the distributions, install and try them; RELEASE=1 if nothing may be left to do"
	@echo "make format   format the code"
	@echo "make clean    remove what the others made"

install: $(VENV)/.test

%/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv $* || $(PYTHON) -m venv --clear --without-pip $*

# A stamp is newer than pyproject.toml and the lock once what they ask for is installed.
$(VENV)/.demo: pyproject.toml $(LOCK) | $(BIN)/python
	$(call install,$(VENV),$(LOCK),.[all])

$(VENV)/.test: pyproject.toml $(LOCK) | $(BIN)/python
	$(call install,$(VENV),$(LOCK),.[test])

$(VENV)/.check: pyproject.toml $(LOCK) | $(BIN)/python
	$(call install,$(VENV),$(LOCK),.[test$(comma)check])

check: $(VENV)/.check
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/mypy --config-file tests/mypy.ini tests integration_tests tools
	$(BIN)/mypy tests/typing/api.py
	$(BIN)/basedpyright

test: install
	$(BIN)/python -m pytest -n $(WORKERS) tests integration_tests

# Always upgraded, so without a stamp and without the lock.
LATEST := $(VENV)-latest

test-latest: | $(LATEST)/bin/python
	@echo "Installing .[test] into $(LATEST), at the newest versions."
	@$(LATEST)/bin/python -m pip --version >/dev/null 2>&1 \
	  || $(PYTHON) -m pip --python $(LATEST)/bin/python install --quiet pip
	@$(LATEST)/bin/python -m pip install --quiet --disable-pip-version-check \
	  --upgrade --upgrade-strategy eager --editable ".[test]"
	@$(LATEST)/bin/python tools/moved_versions.py $(LOCK)
	$(LATEST)/bin/python -m pytest -n $(WORKERS) tests integration_tests

# The peers' own signatures, so that the table of their arguments keeps up with them.
WITH_PEERS := .venv-peers
PEERS := langchain-anthropic "langchain-aws[anthropic]" "langchain-google-vertexai[anthropic]"

test-peers: | $(WITH_PEERS)/bin/python
	@echo 'Installing .[test] and $(PEERS) into $(WITH_PEERS), at the newest versions.'
	@$(WITH_PEERS)/bin/python -m pip --version >/dev/null 2>&1 \
	  || $(PYTHON) -m pip --python $(WITH_PEERS)/bin/python install --quiet pip
	@$(WITH_PEERS)/bin/python -m pip install --quiet --disable-pip-version-check \
	  --upgrade --upgrade-strategy eager --editable ".[test]" $(PEERS)
	PEERS_ARE_INSTALLED=1 $(WITH_PEERS)/bin/python -m pytest tests/config/test_migration.py tests/config/test_migration_pages.py

LOWEST := $(VENV)-lowest
# Import, every --help, agents and v3 events through them, LangChain's standard suites, and the
# stages that stand on LangChain's and pydantic's classes.
SAMPLE := tests/request tests/response tests/test_packaging.py tests/cli \
  integration_tests/agents/test_agents.py \
  integration_tests/standard

$(LOWEST)/.test: pyproject.toml $(LOWEST_LOCK) | $(LOWEST)/bin/python
	$(call install,$(LOWEST),$(LOWEST_LOCK),.[test])

test-lowest: $(LOWEST)/.test
	$(LOWEST)/bin/claude-cloud demo
	$(LOWEST)/bin/python -m pytest -n $(WORKERS) $(SAMPLE)

# An environment of its own: the tests are to run with what the package needs, not the examples.
EXAMPLES := .venv-examples

$(EXAMPLES)/.installed: pyproject.toml $(LOCK) | $(EXAMPLES)/bin/python
	$(call install,$(EXAMPLES),$(LOCK),.[test$(comma)examples])

examples: $(EXAMPLES)/.installed
	$(EXAMPLES)/bin/python -m pytest -n $(WORKERS) examples/test_examples.py

# The engines are large: half a gigabyte to download. Spark needs Java.
ENGINES := .venv-engines

$(ENGINES)/.installed: pyproject.toml $(LOCK) | $(ENGINES)/bin/python
	$(call install,$(ENGINES),$(LOCK),.[test$(comma)ray$(comma)spark$(comma)dask])

test-engines: $(ENGINES)/.installed
	@command -v java >/dev/null || { command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] \
	  && apt-get update -qq && apt-get install -y -qq default-jre-headless >/dev/null; } \
	  || echo "Java cannot be installed here: the test of Spark is skipped."
	$(ENGINES)/bin/python -m pytest -n 0 integration_tests/batch/test_engines.py

# uv writes a lock for every Python and system; plain pip takes it. No index is written into it.
LOCKING := .venv-lock
COMPILE := $(LOCKING)/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
  --no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"
# What builds the package; hatchling asks for editables when the package is installed editable.
BUILD_REQUIREMENTS := import tomllib; print("editables~=0.3", \
  *tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")

$(LOCKING)/.installed: | $(LOCKING)/bin/python
	@$(LOCKING)/bin/python -m pip --version >/dev/null 2>&1 \
	  || $(PYTHON) -m pip --python $(LOCKING)/bin/python install --quiet pip
	@$(LOCKING)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade uv
	@touch $@

lock: $(LOCKING)/.installed
	$(LOCKING)/bin/python -c '$(BUILD_REQUIREMENTS)' \
	  | $(COMPILE) --all-extras --output-file $(LOCK) pyproject.toml -
	$(LOCKING)/bin/python -c '$(BUILD_REQUIREMENTS)' \
	  | $(COMPILE) --resolution lowest-direct --extra test --output-file $(LOWEST_LOCK) pyproject.toml -

live: install
	$(BIN)/python -m pytest --live -m live integration_tests

demo: $(VENV)/.demo
	$(BIN)/claude-cloud demo

web: $(VENV)/.demo
	$(BIN)/claude-cloud web

# An environment of its own: the peers would otherwise decide which versions are tested.
BENCH := .venv-bench

$(BENCH)/.installed: pyproject.toml $(VENV)/.test
	test -x $(BENCH)/bin/python || $(BIN)/python -m venv --without-pip $(BENCH)
	$(BIN)/python -m pip --python $(BENCH)/bin/python install --quiet \
	  --disable-pip-version-check --editable . $(PEERS) matplotlib
	touch $@

bench: $(BENCH)/.installed
	$(BENCH)/bin/python -m benchmarks

SCALE := .venv-scale

$(SCALE)/.installed: pyproject.toml $(LOCK) | $(SCALE)/bin/python
	$(call install,$(SCALE),$(LOCK),.[all$(comma)bench])

scale: $(SCALE)/.installed
	$(SCALE)/bin/python -m benchmarks.scale_page

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
	$(BIN)/python tools/document_faults.py

# An environment of its own, so that the tests do not run with what only the documentation needs.
DOCS := .venv-docs

$(DOCS)/.installed: pyproject.toml $(LOCK) | $(DOCS)/bin/python
	$(call install,$(DOCS),$(LOCK),.[all$(comma)docs])

docs: $(DOCS)/.installed
	$(DOCS)/bin/python -m sphinx -q -W --keep-going -b html docs docs/_build
	@echo "docs/_build/index.html"

release-check: install
	rm -rf dist
	$(BIN)/python -m pip install --quiet --disable-pip-version-check build
	$(BIN)/python -m build --outdir dist .
	$(BIN)/python tools/release_check.py $(if $(RELEASE),--release)

format: $(VENV)/.check
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) .venv .venv-* docs/_build build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
