# `make run` and `make test` set everything up themselves; they need python3 (3.11 or newer) and make.
# NEURAL=0 leaves out PyTorch (on most machines it is a download of several gigabytes). SAIL=1 adds the engine Sail,
# SPARK=1 Apache Spark: a download of 450 MB, which needs Java 17 or newer.
.DEFAULT_GOAL := help
.PHONY: help install run test test-slow test-all lint format docs ui ci clean

PYTHON ?= python3
NEURAL ?= 1
ENGINE ?=
SAIL ?= $(if $(filter sail,$(ENGINE)),1,0)
SPARK ?= $(if $(filter spark local[% spark://%,$(ENGINE)),1,0)
VENV := .venv
BIN := $(VENV)/bin
comma := ,
WITH_SAIL := $(filter-out 0,$(SAIL))
WITH_SPARK := $(filter-out 0,$(SPARK))
ENGINES := $(if $(and $(WITH_SAIL),$(WITH_SPARK)),engines,$(if $(WITH_SAIL),sail,$(if $(WITH_SPARK),spark)))
# Both packages bring the same client; with both, removing one would damage the other.
UNWANTED := $(if $(WITH_SPARK),pyspark-client,$(if $(WITH_SAIL),pyspark))
EXTRAS := dev$(if $(filter-out 0,$(NEURAL)),$(comma)neural)$(if $(ENGINES),$(comma)$(ENGINES))
STAMP := $(VENV)/.installed-$(EXTRAS)
DOCS_STAMP := $(VENV)/.installed-docs

help:
	@echo "make run        set up, then turn the sample scrapes into segment tables"
	@echo "make test       set up, then run the quick tests (COVERAGE=1: fail if too few lines are covered)"
	@echo "make test-slow  run the slow tests, those in Chromium, and the property tests with all examples"
	@echo "make test-all   run all tests, with all examples"
	@echo "make lint       check format and style (ruff) and types (mypy)"
	@echo "make format     format the code and fix what ruff can fix"
	@echo "make docs       build the documentation in docs/_build/html"
	@echo "make ui         start Dagster's UI on http://127.0.0.1:3000"
	@echo "make ci         run everything that a change must pass, in a new .venv"
	@echo "make install    only set up .venv"
	@echo "make clean      remove .venv, caches and everything that the pipeline wrote to data/"
	@echo "NEURAL=0        with any of them: without PyTorch"
	@echo "ENGINE=sail     with run: the tables are computed by Sail (docs/scaling.md); ENGINE=spark: by Apache Spark"
	@echo "SAIL=1          with any of them: with Sail, whose tests are skipped otherwise; SPARK=1: with Apache Spark"

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || \
		{ echo "Python 3.11 or newer is needed; name it: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	@$(PYTHON) -c "import ensurepip, venv" || \
		{ echo "This Python cannot create virtual environments; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "Creating the virtual environment $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@echo "Installing the packages of constraints.txt ($(EXTRAS)); the first time takes a few minutes ..."
	@$(if $(UNWANTED),$(BIN)/python -m pip uninstall --quiet --quiet --yes $(UNWANTED))
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[$(EXTRAS)]"
	@rm -f $(VENV)/.installed-*
	@touch "$@"

$(DOCS_STAMP): $(STAMP)
	@echo "Installing the packages that build the documentation ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[docs]"
	@touch "$@"

install: $(STAMP)

run: $(STAMP)
	@echo "Turning the sample scrapes in data/sample into segment tables ..."
	@$(if $(ENGINE),TIKTOK_PIPELINE_ENGINE="$(ENGINE)") $(BIN)/tiktok-pipeline refresh data/sample

# Files stay whole, so that each fixture of a module is made once; conftest.py puts the long files first.
PYTEST := $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

test: $(STAMP)
	@echo "Running the quick tests ..."
	@$(PYTEST) -m "not slow and not browser" $(if $(COVERAGE),--cov --cov-report=term:skip-covered)

test-slow: $(STAMP)
	@echo "Running the slow tests, those in Chromium, and the property tests with all examples ..."
	@$(PYTEST) -m "slow or browser or hypothesis" --hypothesis-profile=full

test-all: $(STAMP)
	@echo "Running all tests with all examples ..."
	@$(PYTEST) --hypothesis-profile=full

lint: $(STAMP)
	@echo "Checking style, format and types ..."
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(STAMP)
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: $(DOCS_STAMP)
	@echo "Building the documentation ..."
	@$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet docs docs/_build/html
	@echo "Documentation: docs/_build/html/index.html"

ui: $(STAMP)
	@$(BIN)/tiktok-pipeline ui

ci:
	@PYTHON="$(PYTHON)" NEURAL="$(NEURAL)" .ci/run

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage build *.egg-info
	rm -rf docs/_build docs/_generated docs/api docs/studies
	find data -mindepth 1 -maxdepth 1 ! -name sample -exec rm -rf {} +
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
