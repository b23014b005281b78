# Everything starts here: `make demo` to see it, `make unit` for a minute's check, `make test` for everything. Needs Python 3.11 or newer and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
.PHONY: demo unit test lint pages services bench chaos quality prior clean
.DEFAULT_GOAL := demo

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit("siphonwatch needs Python 3.11 or newer: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || bash tests/services/install.sh venv
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.demo: $(VENV)/.made pyproject.toml setup.py
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[demo]'
	@touch $@

$(VENV)/.test: $(VENV)/.made pyproject.toml setup.py
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@ $(VENV)/.demo

.cache/peers/.made: $(VENV)/.made tests/services/peers.txt pyproject.toml
	$(PYTHON) -m venv .cache/peers
	.cache/peers/bin/python -m pip install --quiet --disable-pip-version-check -r tests/services/peers.txt --editable '.[litellm]'
	@touch $@

.cache/ray/.made: $(VENV)/.made pyproject.toml
	$(PYTHON) -m venv .cache/ray
	.cache/ray/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[ray]'
	@touch $@

.cache/streaming/.made: $(VENV)/.made tests/benchmarks/peers/requirements.txt pyproject.toml
	$(PYTHON) -m venv .cache/streaming
	.cache/streaming/bin/python -m pip install --quiet --disable-pip-version-check -r tests/benchmarks/peers/requirements.txt --editable '.[worker]'
	@touch $@

.cache/grafana/.made: tests/services/install.sh
	bash tests/services/install.sh
	npm install --silent --no-fund --no-audit --prefix .cache/grafana @grafana/schema@13.2.3 typescript@5.9 @elastic/ecs@9.4 axe-core@4.14
	@touch $@

demo: $(VENV)/.demo
	@$(BIN)/siphonwatch demo

services: .cache/peers/.made .cache/ray/.made .cache/grafana/.made
	bash tests/services/install.sh

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@mkdir -p .cache/typing/siphonwatch && ln -sfn ../../../detector ../../../streams .cache/typing/siphonwatch/
	$(BIN)/mypy
	$(BIN)/python -m tests.docs.site .cache/docs

unit: $(VENV)/.test
	$(BIN)/python -m pytest -m "not slow" tests/unit tests/property tests/formats

pages: $(VENV)/.test
	$(BIN)/python -m tests.docs.pages
	$(BIN)/python -m tests.browser.picture

test: $(VENV)/.test services lint
	$(BIN)/python -m pytest

bench: $(VENV)/.test .cache/streaming/.made
	bash tests/services/install.sh
	$(BIN)/python -m tests.benchmarks.bench $(if $(SHORT),--short)

chaos: $(VENV)/.test
	bash tests/services/install.sh
	$(BIN)/python -m tests.chaos.chaos --write $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED))
	$(BIN)/python -m tests.chaos.crowd

quality: $(VENV)/.test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,quality]'
	$(BIN)/python -m tests.quality.quality $(ONLY)

prior: $(VENV)/.test
	$(BIN)/siphonwatch prior detector/scoring/prior.json

clean:
	rm -rf $(VENV) .cache build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
