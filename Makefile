# Each target sets up .venv from requirements.lock when it is missing or older than the lock.
.PHONY: help book test lab refresh check peers bench lock house clean portability drift cosmetic mutation
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
# Some containers set it; without compiled modules each of the many processes takes seconds longer to start.
unexport PYTHONDONTWRITEBYTECODE

# The parts of a run of the tests. The plugin book.suite shows the progress and the summary.
SITE_TESTS := $(wildcard tests/test_site.py tests/*/test_site.py)
CHAPTERS := $(patsubst chapters/%.ipynb,%,$(wildcard chapters/*.ipynb))
PYTEST = $(BIN)/python -m pytest -p book.suite -q -rfE -o console_output_style=classic \
	--nbval --nbval-current-env --nbval-cell-timeout=120 --store-outputs
ALL := -n 2 --dist loadfile chapters tests src
SOME = $(CHAPTER:%=chapters/%.ipynb) \
	$(if $(TEST),$(if $(wildcard $(firstword $(subst ::, ,$(TEST)))),"$$TEST",tests src -k "$$TEST"))
ifneq ($(filter-out $(CHAPTERS),$(CHAPTER)),)
$(error no chapter is called $(filter-out $(CHAPTERS),$(CHAPTER)); there are: $(CHAPTERS))
endif
export TEST

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/make \1\t\2/' | expand -t 18

book: $(READY) ## build the site into _build/html
	@$(BIN)/python -m book build

# `make test CHAPTER=weight-rms` runs that notebook alone; `make test TEST=…` a file, one test, or those of a name.
test: $(READY) ## run the unit tests, and every notebook against its stored outputs; CHAPTER=… or TEST=… runs that alone
	@$(PYTEST) $(if $(CHAPTER)$(TEST),$(SOME),$(ALL))

lab: $(READY) ## open the notebooks in JupyterLab
	@$(BIN)/jupyter lab chapters

refresh: $(READY) ## re-execute all notebooks in place and rewrite claims.json
	@$(BIN)/python -m book refresh

check: $(READY) ## everything that CI runs: lint, types, tests, the book, the site in a browser
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(PYTEST) $(ALL) $(SITE_TESTS:%=--ignore=%)
	@$(MAKE) --no-print-directory book
	@SITE_REQUIRED=1 $(PYTEST) -n 2 --dist load $(SITE_TESTS)

# torch stands in no lock: its wheels differ by index and platform, and their hashes with them.
peers: $(READY) ## install optax and torch, whose optimisers the tests compare with step by step
	@$(BIN)/python -m pip install --quiet --no-compile --require-hashes -r tests/peers.lock
	@$(BIN)/python -m pip install --quiet --no-compile torch==2.13.0

bench: $(READY) ## print speed and accuracy beside other libraries
	@for script in benchmarks/[a-z]*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

lock: ## renew requirements.lock from pyproject.toml (needs uv); tests/book/test_pins.py then tells what to carry over
	uv pip compile --universal --fork-strategy fewest --generate-hashes --python-version 3.11 --all-extras \
		--no-header --no-annotate --quiet --upgrade pyproject.toml -o requirements.lock
	echo optax | uv pip compile --universal --generate-hashes --python-version 3.11 -c requirements.lock \
		--no-header --no-annotate --quiet --upgrade - -o tests/peers.lock
	echo cosmic-ray | uv pip compile --universal --generate-hashes --python-version 3.11 -c requirements.lock \
		--no-header --no-annotate --quiet --upgrade - -o tests/mutation.lock

house: $(READY) ## draw the rooms of the package into .github/house.svg
	@$(BIN)/python -m book house

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

portability: $(READY) ## run the suite as other processors, threads, locales and places would; ROWS=… CHAPTER=… choose
	@$(BIN)/python -m book portability --rows $(ROWS) --chapters $(CHAPTER) $(if $(RESUME),--resume)

RESOLUTION ?= highest
drift: $(READY) ## run the suite on the newest dependencies, or on the oldest: RESOLUTION=lowest-direct; ON=3.13 chooses a Python
	@$(BIN)/python -m book drift --resolution $(RESOLUTION) $(addprefix --python=,$(ON)) --allow $(ALLOW) --chapters $(CHAPTER)

SINCE ?= HEAD
cosmetic: $(READY) ## prove that the stored outputs differ from those of SINCE=HEAD in their looks alone
	@$(BIN)/python -m book cosmetic $(SINCE)

SEED ?= 1
MINUTES ?= 30
mutation: $(READY) ## plant faults in formulas and see who notices; SEED=… MINUTES=… MODULE=…, NOTEBOOKS=1 plants in derivations
	@$(BIN)/python -c "import cosmic_ray" 2>/dev/null || \
		$(BIN)/python -m pip install --quiet --no-compile --require-hashes -r tests/mutation.lock
	@$(BIN)/python -m book mutation --seed $(SEED) --minutes $(MINUTES) --modules $(MODULE) $(if $(NOTEBOOKS),--notebooks)
