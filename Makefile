# The commands of the house; `make help` lists them.
#
# PYTHON=/path/to/python3.12 chooses the interpreter of .venv; GPU=1 the CUDA build of TensorFlow,
# which stays until GPU=0. RUN="--target AAPL.US" hands options to the command.

SHELL := /bin/bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
export PYTHON GPU

BIN := .venv/bin
# Longest first: tests/conftest.py says in which order.
PYTEST := $(BIN)/python -m pytest --numprocesses=auto --maxprocesses=4 --dist=loadscope \
	--no-loadscope-reorder
# Not --quiet, under which a warning is none.
SITE := NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

.PHONY: help run up down quick test lint check docs diagrams bench secrets lock

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: ## Install, start the services, load history, train, forecast, and print the result
	@.ci/install run
	@exec $(BIN)/factorprism run $(RUN)

up: ## Start the warehouse and Airflow, and say how to open the UI (MLFLOW=1: MLflow's pages too)
	@.ci/install run
	@exec $(BIN)/factorprism services start $(if $(filter-out 0,$(MLFLOW)),--mlflow)

down: ## Stop all services
	@if [ -x $(BIN)/factorprism ]; then exec $(BIN)/factorprism services stop; fi

quick: ## Run the tests that neither train a network nor start a server, in two minutes
	@.ci/install dev
	@exec $(PYTEST) -m "not slow" $(or $(TESTS),tests/unit tests/contract)

test: ## Run all tests (TESTS=tests/unit/core: some of them)
	@.ci/install dev
	@exec $(PYTEST) $(TESTS)

lint: ## Run the checks that need no test: ruff, mypy, import-linter, docs, and a trial of each lock
	@.ci/install dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(SITE)
	@.ci/platforms

check: lint test ## Run all checks

docs: ## Build the documentation as a site, in site/
	@.ci/install dev
	$(SITE)

diagrams: ## Draw the diagrams of the documentation anew (needs npm and Chromium)
	@.ci/install dev
	$(BIN)/python docs/diagrams/draw.py

bench: ## Run the benchmarks and print one table
	@.ci/install run
	@exec $(BIN)/python benchmarks $(BENCH)

secrets: ## Write the secrets of docker-compose.yml to .env, and its settings.env, once
	@[ -e settings.env ] || install -m 600 deploy/settings.env settings.env
	@deploy/secrets.sh .env

lock: ## Compile the pinned requirements anew from pyproject.toml
	@.ci/install dev
	@.ci/lock
