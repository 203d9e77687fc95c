# Two commands are enough on a fresh machine: make run, make test. Each sets up what is missing, once.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PY := .venv/bin/python
UV := $(shell command -v uv 2>/dev/null)
FOUND := $(shell for p in python3.13 python3.12 python3.11 python3.14 python3 python; do \
  command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
WORKERS ?= 2
TYPED := app.py ionflux_core ionflux_ui pages docs/generate.py
name ?=
kind ?= code

.PHONY: run test test-all setup lint fmt type layers docs bench bench-quality agent page transform sandbox doctor check pins help

run: .venv/.run ## Set up what is missing and serve IONFLUX on http://127.0.0.1:8501
	@$(PY) -m ionflux_core serve

# Tests start many processes: what they import is compiled once for all. The order stays as it is collected, the browser
# first: by itself the distribution puts files with few tests last, and those are the ones that take longest.
test test-all: export PYTHONDONTWRITEBYTECODE :=
test: .venv/.dev ## Set up what is missing and run the fast tests, in a browser too where there is Chromium
	$(PY) -m pytest -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not slow"

test-all: .venv/.dev ## All tests, with the slow ones; PostgreSQL's when IONFLUX_TEST_POSTGRES_URL is set
	$(PY) -m pytest -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder

setup: .venv/.dev ## Environment, packages for work on the code, pre-commit hook; the others call it themselves
	@test ! -d .git || test -e .git/hooks/pre-commit || { mkdir -p .git/hooks; \
	  printf '#!/bin/sh\nexec make lint layers\n' > .git/hooks/pre-commit; chmod +x .git/hooks/pre-commit; }

lint: .venv/.dev ## Look for mistakes and untidy lines
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

fmt: .venv/.dev ## Put the code in order
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

type: .venv/.dev ## Check every type, strictly
	$(PY) -m mypy --strict $(TYPED)

layers: .venv/.dev ## Check who may import whom, and the sizes of files and functions
	$(PY) -m pytest -q tests/test_layers.py tests/test_budgets.py

docs: .venv/.dev ## Write the generated tables of the documentation anew; fails when they had to be changed
	$(PY) docs/generate.py

bench: .venv/.dev ## Measure speed and weight against the floors
	$(PY) benchmarks/bench.py

bench-quality: .venv/.dev ## Measure how well the agents do and how fast, one after the other; about eight minutes
	$(PY) benchmarks/brief_bench.py
	$(PY) benchmarks/persona_bench.py
	$(PY) benchmarks/email_bench.py
	$(PY) benchmarks/mail_bench.py
	$(PY) benchmarks/sentinel_bench.py

agent: .venv/.run ## Write the folder of a new agent: make agent name=greeter
	@test -n "$(name)" || { echo "Say its name: make agent name=greeter"; exit 1; }
	@$(PY) -m ionflux_core new agent "$(name)" --kind "$(kind)"

page: .venv/.run ## Write a new page: make page name=reports
	@test -n "$(name)" || { echo "Say its name: make page name=reports"; exit 1; }
	@$(PY) -m ionflux_core new page "$(name)"

sandbox: .venv/.run requirements-sandbox.txt ## Install what runs the code of flows apart; say which system package is missing
	@echo "Installing what the sandbox needs ..."
ifneq ($(UV),)
	@uv pip install -q --python $(PY) --require-hashes -r requirements-sandbox.txt
else
	@$(PY) -m pip install -q --disable-pip-version-check --require-hashes -r requirements-sandbox.txt
endif
	@command -v bwrap >/dev/null 2>&1 || \
	  echo "The system package bubblewrap is missing. On Debian and Ubuntu: apt-get install bubblewrap"
	@$(PY) -c 'from ionflux_core.sandbox.walls import standing; print(standing().sentence)'

transform: .venv/.run ## Write a new transform with its test: make transform name=text.shout
	@test -n "$(name)" || { echo "Say its name: make transform name=text.shout"; exit 1; }
	@$(PY) -m ionflux_core new transform "$(name)"

doctor: .venv/.run ## Say what is well and what is not: database, disk, key, agents, port
	@$(PY) -m ionflux_core doctor

check: lint type layers docs test ## Everything that has to be well before a change goes in

pins: ## Pin requirements.in, requirements-dev.in and requirements-sandbox.in anew; needs uv
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate \
	  requirements.in -o requirements.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate \
	  requirements-dev.in -o requirements-dev.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate \
	  requirements-sandbox.in -o requirements-sandbox.txt

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/bin/python:
ifneq ($(UV),)
	uv venv -q --python ">=3.11" .venv
else
	@test -n "$(FOUND)" || { echo "IONFLUX needs Python 3.11 or newer; install it, then run make again."; exit 1; }
	@$(FOUND) -m venv .venv || { rm -rf .venv; \
	  echo "The environment could not be made. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
endif

# Done again only when the pins have changed.
.venv/.run: requirements.txt | .venv/bin/python
	@echo "Installing what IONFLUX needs ..."
ifneq ($(UV),)
	@uv pip install -q --python $(PY) --require-hashes -r requirements.txt
else
	@$(PY) -m pip install -q --disable-pip-version-check --require-hashes -r requirements.txt
endif
	@touch $@

.venv/.dev: requirements-dev.txt .venv/.run
	@echo "Installing what tests and checks need ..."
ifneq ($(UV),)
	@uv pip install -q --python $(PY) --require-hashes -r requirements-dev.txt
else
	@$(PY) -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.txt
endif
	@touch $@
