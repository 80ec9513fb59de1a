# `make` lists what there is. Needs Python 3.11+, and Java 17+ with Maven or a Docker engine; installs all else itself.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
LOCK := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header

## Setting up

.PHONY: help
help: ## list the commands
	@awk -F ':.*## ' '/^## /{printf "\n%s\n", substr($$0, 4)} /^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: install
install: .venv/.installed ## make .venv with the locked dependencies (every other command does so itself)

.venv/.installed: .venv/.locked pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.locked: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed; '$(PYTHON)' is not (or is missing). Say which: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { \
	  echo "'$(PYTHON)' cannot make virtual environments. On Debian or Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "Installing the locked dependencies into .venv ..." >&2
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@touch $@

## Seeing it work

.PHONY: demo
demo: .venv/.installed ## a real Kafka, the consumer and a relay: requests become mails and outcomes
	@$(BIN)/python -m devtools.demo

.PHONY: broker
broker: .venv/.installed ## a real Kafka in the foreground, until Ctrl-C
	@$(BIN)/python -m devtools.broker

## Testing

.PHONY: test
test: .venv/.installed ## every test but the slow ones, against a real Kafka
	$(PYTEST) -m "not slow and not faults and not chart"

.PHONY: test-all
test-all: .venv/.installed ## every test but the fault runs
	$(PYTEST) -m "not faults and not chart"

.PHONY: coverage
coverage: .venv/.installed ## make test, with the lines and branches it reached
	$(PYTEST) -m "not slow and not faults and not chart" --cov --cov-report=term-missing

.PHONY: chart
chart: .venv/.installed ## the Helm chart and the alerts, with helm and promtool, which it fetches into .cache
	@$(BIN)/python -m devtools.tools
	$(PYTEST) -m chart tests/chart

.PHONY: first-day
first-day: .venv/.installed ## README's path, first events in each language, API, page and dashboard, as users meet them
	$(PYTEST) -m first_day

.PHONY: faults
faults: .venv/.installed ## kill, freeze and cut everything, for an hour or so
	FAULTS_SCALE=full $(PYTEST) -m faults

.PHONY: faults-quick
faults-quick: .venv/.installed ## the same with few injections, in minutes
	$(PYTEST) -m "faults and not slow"

.PHONY: bench
bench: .venv/.installed ## mails a second, CPU a mail, latency and memory, with plots; an hour
	@$(BIN)/python -m benchmarks.run

.PHONY: bench-quick
bench-quick: .venv/.installed ## CPU a mail beside a plain consumer, once; fails if it has become worse
	@$(BIN)/python -m benchmarks.run --quick

.PHONY: bench-stages
bench-stages: .venv/.installed ## CPU a mail of each stage of the way, without Kafka and relay
	@$(BIN)/python -m benchmarks.stages

## Checking

.PHONY: check
check: static chart first-day ## all of these, and the chart, the alerts and the first day; what is missing here is named

.PHONY: static
static: format-check lint pyright layers schemas-check contracts-check docs-check lock-check ## what can be judged without running it, in a minute

.PHONY: format-check
format-check: .venv/.installed ## the formatter would change nothing
	$(BIN)/ruff format --check .

.PHONY: lint
lint: .venv/.installed ## ruff
	$(BIN)/ruff check .

.PHONY: pyright
pyright: .venv/.installed ## types; strict in consumer/
	$(BIN)/pyright --pythonpath $(BIN)/python

.PHONY: layers
layers: .venv/.installed ## who may import whom
	$(BIN)/lint-imports

.PHONY: schemas-check
schemas-check: .venv/.installed ## schemas/ holds valid JSON Schemas with a title and an identity
	$(BIN)/python -m devtools.schemas

.PHONY: contracts-check
contracts-check: .venv/.installed ## what is made from the schemas is up to date, and no schema breaks who relies on it
	$(BIN)/python -m devtools.contracts --check
	$(BIN)/python -m devtools.compat

.PHONY: docs-check
docs-check: .venv/.installed ## pages, image, compose, rules and dashboard are what code and settings say; nothing made is out of date
	$(PYTEST) -m "not slow" tests/docs

.PHONY: lock-check
lock-check: .venv/.installed ## the lock files are what pyproject.toml asks for
	$(BIN)/python -m devtools.locks

## Changing

.PHONY: fmt
fmt: .venv/.installed ## format, and fix what ruff can fix
	$(BIN)/ruff check --fix --exit-zero .
	$(BIN)/ruff format .

.PHONY: contracts
contracts: .venv/.installed ## write anew what is made from the schemas: asyncapi.yaml, docs/events.md
	$(BIN)/python -m devtools.contracts

.PHONY: docs
docs: contracts ## write anew all that is made: also the pages of settings and metrics, the dashboard, the chart's files
	$(BIN)/python -m devtools.chart
	$(BIN)/consumer reference settings > docs/settings.md
	$(BIN)/consumer reference metrics > docs/metrics.md

.PHONY: pictures
pictures: .venv/.installed ## take the pictures of README anew, with Chromium and Prometheus, in some minutes
	@$(BIN)/python -m devtools.tools
	$(BIN)/python -m devtools.pictures

.PHONY: schemas-accept
schemas-accept: .venv/.installed ## take the schemas as they are for published: what breaks them from now on is a new version
	$(BIN)/python -m devtools.compat --accept

.PHONY: lock
lock: .venv/.installed ## write the lock files anew after a change of dependencies (UPGRADE=1: newest versions)
	$(LOCK) pyproject.toml --extra dev --annotation-style line $(if $(UPGRADE),--upgrade) --output-file requirements.lock
	$(LOCK) pyproject.toml --extra otel --no-annotate --constraints requirements.lock --output-file requirements-run.lock
	$(LOCK) --group build --no-annotate --constraints requirements.lock --output-file requirements-build.lock

.PHONY: clean
clean: ## remove what the commands made: .venv, caches, the downloaded Kafka
	rm -rf .venv .cache .hypothesis .pytest_cache .ruff_cache .import_linter_cache .coverage .coverage.* htmlcov build dist
	find consumer devtools tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
