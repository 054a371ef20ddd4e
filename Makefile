# Each target sets up what it needs: the environment .venv, made once and again when pyproject.toml or
# constraints.txt change. Set PYTHON to choose the interpreter.

PYTHON ?= python3
VENV   := .venv
CORE   := $(VENV)/.core-installed
DEV    := $(VENV)/.dev-installed

PYTEST_ARGS ?=
DEMO_ARGS   ?=
BENCH_ARGS  ?=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

.PHONY: help setup demo check test bench docs dist clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' Makefile

setup: $(DEV)  ## Install the package and the development tools into .venv

demo: $(CORE)  ## Install the package alone and run the demonstration (DEMO_ARGS)
	$(VENV)/bin/attnaudit demo $(DEMO_ARGS)

check: $(DEV)  ## Style, types and import directions
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

test: $(DEV)  ## Run the tests (PYTEST_ARGS)
	OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 $(VENV)/bin/python -m pytest -n 2 $(PYTEST_ARGS)

bench: $(DEV)  ## Run the benchmarks (BENCH_ARGS)
	$(VENV)/bin/python -m benchmarks $(BENCH_ARGS)

docs: $(DEV)  ## Generate the parts of the documentation that come from the code
	$(VENV)/bin/python docs/generate.py
	$(VENV)/bin/python -m tests.families > docs/families.md

dist: $(DEV)  ## Build the wheel into dist/
	rm -rf dist
	$(VENV)/bin/python -m build --wheel --outdir dist

clean:  ## Remove build outputs and caches (keeps .venv and runs)
	rm -rf dist build .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis .benchmarks
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -exec rm -rf {} +

# uv is several times faster than pip, but reads none of pip's settings: the wheel folder that pip is told to look in
# is handed on to it, since a CPU build of torch may lie there. Where uv cannot be had or fails, pip does the work.
define install
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@test -x $(VENV)/bin/uv || $(VENV)/bin/pip install -q -c constraints.txt uv || echo "no uv: going on with pip"
	@links="$${UV_FIND_LINKS:-$${PIP_FIND_LINKS:-$$($(VENV)/bin/pip config get global.find-links 2>/dev/null)}}"; \
	links=$$(echo $$links | tr ' ' ','); \
	if [ -n "$$links" ]; then export UV_FIND_LINKS="$$links"; else unset UV_FIND_LINKS; fi; \
	echo "installing $(1) into $(VENV)"; \
	{ test -x $(VENV)/bin/uv && \
	  $(VENV)/bin/uv pip install -q --python $(VENV)/bin/python -c constraints.txt -e '$(1)'; } || \
	$(VENV)/bin/pip install -q -c constraints.txt -e '$(1)'
	@touch $@
endef

$(CORE): pyproject.toml constraints.txt
	$(call install,.)

$(DEV): $(CORE)
	$(call install,.[dev])
