# One verb a task, the same here and in CI. `make` alone lists them.

PYTHON ?= python3
DEPS ?= newest
PG ?= 18
TESTS ?= tests
WORKERS ?= 2
ARGS ?=
TREE ?=
MINUTES ?= 10
DSN ?=
SOAK ?= tests/acceptance/test_soak.py
CLAIMS ?= 100000

VENV := $(if $(filter oldest,$(DEPS)),.venv-oldest,.venv)
BIN := $(VENV)/bin
GROUP := $(if $(filter oldest,$(DEPS)),test,dev)
STAMP := $(VENV)/.installed
CONSTRAINTS := $(VENV)/constraints.txt

.DEFAULT_GOAL := help
.PHONY: help setup lint type test soak limits audit bench flame docs demo clean

help: ## Show this help
	@echo "make VERB [NAME=VALUE ...]"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make the virtual environment; DEPS=oldest for the oldest dependencies, PYTHON=python3.13

$(STAMP): pyproject.toml scripts/oldest.py
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python scripts/oldest.py > $(CONSTRAINTS)
	$(if $(filter newest,$(DEPS)),: > $(CONSTRAINTS))
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet -c $(CONSTRAINTS) -e '.[embedded,psycopg]' --group $(GROUP)
	touch $@

lint: $(STAMP) ## Check the style, the format and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/lint-imports

type: $(STAMP) ## Check the types with mypy and pyright
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python

test: $(STAMP) ## Run the tests on PG=14 to 18 (18); TESTS=tests/unit, ARGS="-x -k name", DEPS=oldest
	@bindir="$(if $(filter-out 18,$(PG)),$$($(BIN)/python scripts/fetch_postgres.py $(PG)))" && \
	PGQUEUER_TEST_PG_BINDIR="$$bindir" $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(TESTS) $(ARGS)

soak: $(STAMP) ## Break workers, server and network for MINUTES=10; SOAK=tests/statemachine for random lives of jobs
	@PGQUEUER_TEST_SOAK_MINUTES=$(MINUTES) $(MAKE) --no-print-directory test WORKERS=0 TESTS=$(SOAK) ARGS="-s -q -k 'as_long_as_asked or while_everything_fails'"

limits: $(STAMP) ## Make CLAIMS=100000 claims by killed workers under limits of 1, 3 and 10
	@PGQUEUER_TEST_CLAIMS=$(CLAIMS) $(MAKE) --no-print-directory test WORKERS=0 TESTS=tests/acceptance/test_limits_of_a_fleet.py ARGS="-s -q"

audit: $(STAMP) ## Look for known vulnerabilities of what is installed, where pip-audit reaches a list
	test -x .venv-audit/bin/python || $(PYTHON) -m venv .venv-audit
	.venv-audit/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	.venv-audit/bin/python -m pip install --quiet --group audit
	$(BIN)/python scripts/audit.py .venv-audit/bin/pip-audit

bench: $(STAMP) ## Measure the speed and the memory; DSN=postgresql://… for your database, ARGS="--scenario drain"
	@$(BIN)/python -m benchmarks $(if $(DSN),--dsn '$(DSN)') $(ARGS)

flame: $(STAMP) ## Draw where the time of a busy worker goes, into docs/images/worker-flame.svg
	$(BIN)/python scripts/flame_graph.py

docs: $(STAMP) ## Build the documentation into site/
	$(BIN)/mkdocs build --strict

demo: $(STAMP) ## Run the demonstration; TREE=PATH for another checkout
	$(BIN)/python demo/run.py $(TREE)

clean: ## Remove what the other verbs made
	rm -rf .venv .venv-oldest .venv-audit .cache .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist site plugins/*/build plugins/*/src/*.egg-info
