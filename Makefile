# Each target sets up .venv from requirements.lock when it is missing or older than the lock.
.PHONY: help book test lab refresh check peers bench lock clean portability drift cosmetic
.DEFAULT_GOAL := help

# The first Python of 3.11 or newer that runs; `make PYTHON=… book` chooses another.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
READY := .venv/.ready

# One thread per process: the processes already fill the cores, and sums keep their order.
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export PYTHONPATH := _ext
export PYTHONHASHSEED := 0
export PIP_DISABLE_PIP_VERSION_CHECK := 1

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/make \1\t\2/' | expand -t 18

book: $(READY) ## build the site into _build/html
	@$(BIN)/python -m book build

test: $(READY) ## run the unit tests, and every notebook against its stored outputs
	@$(BIN)/python -m pytest -n 2 --dist loadfile -q -rfEs --nbval --nbval-current-env --nbval-cell-timeout=120 \
		src tests chapters

lab: $(READY) ## open the notebooks in JupyterLab
	@$(BIN)/jupyter lab chapters

refresh: $(READY) ## re-execute all notebooks in place and rewrite claims.json
	@$(BIN)/python -m book refresh

check: $(READY) ## everything that CI runs: lint, types, book, tests, the site in a browser
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(MAKE) --no-print-directory book
	@SITE_REQUIRED=1 $(MAKE) --no-print-directory test

peers: $(READY) ## install optax, whose optimisers the tests compare with step by step
	@$(BIN)/python -m pip install --quiet --no-compile --require-hashes -r tests/peers.lock

bench: $(READY) ## print speed and accuracy beside other libraries
	@for script in benchmarks/[a-z]*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

lock: ## renew requirements.lock from pyproject.toml (needs uv); tests/test_pins.py then tells what to carry over
	uv pip compile --universal --fork-strategy fewest --generate-hashes --python-version 3.11 --all-extras \
		--no-header --no-annotate --quiet --upgrade pyproject.toml -o requirements.lock
	echo optax | uv pip compile --universal --generate-hashes --python-version 3.11 -c requirements.lock \
		--no-header --no-annotate --quiet --upgrade - -o tests/peers.lock

clean: ## remove everything that make has built, the environment included
	rm -rf _build .venv .mypy_cache .pytest_cache .ruff_cache

$(READY): requirements.lock pyproject.toml
	@$(or $(PYTHON),false) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "make: needs Python 3.11 or newer with venv and pip; name one with PYTHON=…" >&2; exit 1; }
	@echo "setting up .venv with $$($(PYTHON) --version)"
	@rm -rf .venv && $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --no-compile --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --no-build-isolation --no-deps --editable .
	@touch $@

portability: $(READY) ## run the suite as other processors, threads, locales and places would; ROWS=… CHAPTERS=… choose
	@$(BIN)/python -m book portability --rows $(ROWS) --chapters $(CHAPTERS) $(if $(RESUME),--resume)

RESOLUTION ?= highest
drift: $(READY) ## run the suite on the newest dependencies, or on the oldest: RESOLUTION=lowest-direct; ON=3.13 chooses a Python
	@$(BIN)/python -m book drift --resolution $(RESOLUTION) $(addprefix --python=,$(ON)) --allow $(ALLOW) --chapters $(CHAPTERS)

SINCE ?= HEAD
cosmetic: $(READY) ## prove that the stored outputs differ from those of SINCE=HEAD in their looks alone
	@$(BIN)/python -m book cosmetic $(SINCE)
