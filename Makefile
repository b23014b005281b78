# Everything starts here: `make demo` to see it, `make test` to check it. Needs Python 3.11 or newer and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test lint services bench quality prior clean
.DEFAULT_GOAL := demo

$(INSTALLED): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "siphonwatch needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV) || { echo "no venv module: apt-get install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[demo,test]'
	touch $@

demo: $(INSTALLED)
	@$(BIN)/siphonwatch demo

services:
	bash tests/services/install.sh

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: $(INSTALLED) services lint
	$(BIN)/python -m pytest

bench: $(INSTALLED) services
	$(BIN)/python -m tests.benchmarks.bench

quality: $(INSTALLED)
	$(BIN)/python -m tests.quality.quality

prior: $(INSTALLED)
	$(BIN)/siphonwatch prior detector/prior.json

clean:
	rm -rf $(VENV) .cache build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
