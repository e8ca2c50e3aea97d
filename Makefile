# The verbs of this house. `make` alone lists them.

.DEFAULT_GOAL := help
.PHONY: help setup demo up ui test lint types docs bench soak peers clean

VENV    := .venv
PEERS   := .venv-peers
BIN     := $(VENV)/bin
TORCH   := $(shell grep '^torch==' constraints.txt)
STATIC  := src/mistudio/studio/static/index.html
PAGES   := $(shell find ui/src ui/public ui/index.html ui/vite.config.ts ui/package-lock.json -type f 2>/dev/null)
NPM     := npm --prefix ui $(if $(QUIET),--silent)
PEERED  := $(shell grep -E '^(sae-lens|eai-sparsify)==' constraints-peers.txt)
ALONE   := $(shell grep -E '^dictionary-learning==' constraints-peers.txt)
QUIET   := $(shell [ -t 2 ] || echo --quiet)
PIP      = -m pip --disable-pip-version-check --no-input install $(QUIET)
PYTHON  ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
             "$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
# Options of pytest: `make test PYTEST="-k resume -n 0"`.
PYTEST  ?= -n 2 --dist worksteal -rs

help:  ## list these verbs
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.dev  ## install everything that development needs into .venv
	@echo "Ready. The program is $(BIN)/mistudio (or: . $(BIN)/activate); the tests run with: make test"

demo: $(VENV)/.runtime $(STATIC)  ## the whole road on a small real model, ending in report.html
	@$(BIN)/mistudio demo
	@echo "The studio in the browser: $(BIN)/mistudio ui (or: . $(BIN)/activate). What else there is: $(BIN)/mistudio --help"

up: $(VENV)/.runtime $(STATIC)  ## start the studio and say where it is
	@$(BIN)/mistudio up

ui: $(STATIC)  ## build the pages into the Python package

test: $(VENV)/.dev $(PEERS)/.installed $(VENV)/.chromium $(VENV)/.redis $(STATIC)  ## every test, of Python and of the pages
	@$(NPM) run test
	@$(NPM) run browser
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(PYTEST)

lint: $(VENV)/.dev ui/node_modules/.installed  ## style, formatting, and who may import whom
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-logo --no-cache
	@$(NPM) run lint
	@$(NPM) run format:check

types: $(VENV)/.dev ui/node_modules/.installed  ## mypy and tsc, strict; the API's types for the pages, written anew
	@$(BIN)/python -m mistudio.studio.app openapi > ui/.openapi.json && mv ui/.openapi.json ui/openapi.json
	@$(NPM) run types > /dev/null
	@$(BIN)/mypy
	@$(NPM) run tsc

soak: $(VENV)/.dev  ## kill every process of a studio at random, fifty times, while it trains and finds
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 0 -rs -m soak tests/studio/road

docs: $(VENV)/.docs  ## write the generated pages and build the documentation into site/
	@$(BIN)/python docs/generate.py
	@$(BIN)/mkdocs build --strict

bench: $(VENV)/.runtime  ## the measurements that the README quotes
	@$(BIN)/mistudio bench

peers: $(PEERS)/.installed  ## the other libraries that tests compare with, into .venv-peers

clean:  ## remove the environments, the caches and what was built
	rm -rf $(VENV) $(PEERS) ui/node_modules src/mistudio/studio/static site build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp stands for a finished installation, so that the next call takes no time.

$(VENV)/bin/python $(PEERS)/bin/python:
	@[ -n "$(PYTHON)" ] && "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "miStudio needs Python 3.11 or later. Install one, or name it: make setup PYTHON=/path/to/python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@"$(PYTHON)" -m venv $(@D:/bin=)

$(VENV)/.runtime: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing $(TORCH) and the libraries into $(VENV). The first time this downloads some hundred megabytes."
	@$(BIN)/python $(PIP) $(TORCH)
	@$(BIN)/python $(PIP) -c constraints.txt -e '.[gguf,compiled]'
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime
	@$(BIN)/python $(PIP) -c constraints.txt -e '.[gguf,compiled,tensorboard,wandb,mlflow,dev]'
	@touch $@

# The pages. Where Node is missing the studio still serves its API, and a page that says what to install.
ui/node_modules/.installed: ui/package.json ui/package-lock.json
	@command -v npm >/dev/null || { echo "The pages need Node 20 or later: install it, then run make again." >&2; exit 1; }
	@echo "Installing the libraries of the pages."
	@npm ci --prefix ui --no-audit --no-fund --loglevel error > /dev/null
	@touch $@

$(STATIC): ui/node_modules/.installed $(PAGES)
	@echo "Building the pages."
	@$(NPM) run build > /dev/null
	@touch $@

$(VENV)/.redis: | $(VENV)/bin/python
	@command -v redis-server >/dev/null || { \
	  echo "Installing Redis, for the tests of the queue."; \
	  [ "$$(id -u)" = 0 ] && apt-get -qq update >/dev/null && apt-get -qq install -y redis-server >/dev/null 2>&1; } || \
	  echo "Redis could not be installed: on Debian and Ubuntu, apt install redis-server." >&2
	@touch $@

# The tests of the report page drive a browser. Where it cannot be installed they are skipped, and say so.
$(VENV)/.chromium: | $(VENV)/bin/python
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || { \
	  echo "Installing Chromium, for the tests of the report page."; \
	  [ "$$(id -u)" = 0 ] && apt-get -qq update >/dev/null && apt-get -qq install -y chromium >/dev/null 2>&1; } || \
	  echo "Chromium could not be installed: on Debian and Ubuntu, apt install chromium." >&2
	@touch $@

$(VENV)/.docs: $(VENV)/.dev
	@$(BIN)/python $(PIP) -c constraints.txt -e '.[gguf,compiled,dev,docs]'
	@touch $@

$(PEERS)/.installed: constraints-peers.txt | $(PEERS)/bin/python
	@echo "Installing $(PEERED) into $(PEERS), for the tests that compare with them."
	@$(PEERS)/bin/python $(PIP) $(TORCH)
	@$(PEERS)/bin/python $(PIP) -c constraints-peers.txt $(PEERED)
	@# It asks for packages that only its recording needs, and that the others' do not go with.
	@$(PEERS)/bin/python $(PIP) --no-deps $(ALONE)
	@touch $@
