# Everything a person or CI does here. `make demo` and `make test` are enough for a start.

VENV := .venv
PYTHON := $(VENV)/bin/python
FROM_LOCK := $(VENV)/.from-lock
WORKERS ?= 2

# The tests start many processes, and a compiled module is read ten times as fast.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup peers demo demo-sip test unit check bench docs fuzz clean

help: ## what there is to make
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 10

$(FROM_LOCK): uv.lock pyproject.toml scripts/make_venv.sh
	@scripts/make_venv.sh
	@touch $@

setup: $(FROM_LOCK) peers ## .venv from the lock file, and the peers that tests talk to

peers:
	@scripts/install_peers.sh

demo: $(FROM_LOCK) ## the whole system once, from submission to result notification
	@$(VENV)/bin/omapush demo

demo-sip: setup ## the use cases of OTA-SIP, against Kamailio
	$(PYTHON) scripts/demo_sip.py

test: setup ## every test
	$(PYTHON) -m pytest -n $(WORKERS) --dist loadgroup tests

unit: $(FROM_LOCK) ## the quick tests only
	$(PYTHON) -m pytest -n $(WORKERS) tests/unit tests/property

check: $(FROM_LOCK) docs ## style, types, import rules, conformance, documentation
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-cache
	$(PYTHON) scripts/conformance.py --check
	$(PYTHON) scripts/settings_reference.py --check

docs: $(FROM_LOCK) ## the documentation, warnings are errors
	$(VENV)/bin/sphinx-build -W --keep-going -q -b html docs docs/_build/html

bench: setup ## the measurements of docs/benchmarks.md
	$(PYTHON) bench/run.py

fuzz: ## every fuzz target for a minute (needs atheris, in its own environment)
	scripts/fuzz.sh

clean: ## remove what make made
	rm -rf $(VENV) docs/_build dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
