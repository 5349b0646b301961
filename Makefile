# `make run` and `make test` set everything up themselves; they need python3 (3.11 or newer) and make.
# NEURAL=0 leaves out PyTorch (on most machines it is a download of several gigabytes).
.DEFAULT_GOAL := help
.PHONY: help run test test-all lint format docs ui clean install

PYTHON ?= python3
NEURAL ?= 1
VENV := .venv
BIN := $(VENV)/bin
comma := ,
EXTRAS := dev$(if $(filter-out 0,$(NEURAL)),$(comma)neural)
STAMP := $(VENV)/.installed-$(EXTRAS)
DOCS_STAMP := $(VENV)/.installed-docs

help:
	@echo "make run       set up, then turn the sample scrapes into segment tables"
	@echo "make test      set up, then run the tests (make test-all: the slow ones and those in Chromium, too)"
	@echo "make lint      ruff and mypy"
	@echo "make docs      build the documentation in docs/_build/html"
	@echo "make ui        Dagster's UI on http://127.0.0.1:3000"
	@echo "make clean     remove .venv, caches and everything that the pipeline made in data/"
	@echo "NEURAL=0       with any of them: without PyTorch"

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || \
		{ echo "Python 3.11 or newer is needed; say which: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	@$(PYTHON) -c "import ensurepip, venv" || \
		{ echo "This Python cannot make virtual environments; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "Making the virtual environment $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@echo "Installing the packages of constraints.txt ($(EXTRAS)); the first time takes a few minutes ..."
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
	@$(BIN)/tiktok-pipeline refresh data/sample

test: $(STAMP)
	@echo "Running the tests ..."
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile -m "not slow and not browser"

test-all: $(STAMP)
	@$(BIN)/python -m pytest

lint: $(STAMP)
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

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage build *.egg-info
	rm -rf docs/_build docs/_generated docs/api docs/studies
	find data -mindepth 1 -maxdepth 1 ! -name sample -exec rm -rf {} +
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
