# The project's commands. Each installs what it needs into .venv, and works a second time too.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BENCH := .bench
PACKAGES := . $(patsubst %/pyproject.toml,%,$(wildcard plugins/*/pyproject.toml))
EDITABLE := $(foreach package,$(PACKAGES),-e ./$(package))
SOURCES := $(shell find similubot_core plugins/*/src -name '*.py')
DESCRIPTIONS := $(foreach package,$(PACKAGES),$(package)/pyproject.toml)
INSTALL := pip --disable-pip-version-check --quiet install --constraint constraints.txt
PIP := $(BIN)/python -m $(INSTALL)
NEW_ENOUGH = @$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
  { echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12 …"; exit 1; }
CODE := similubot_core $(wildcard plugins/*/src plugins/*/tests) $(wildcard tests bench examples docs scripts) conftest.py

.PHONY: help demo test test-all lint types docs bench format clean

help:
	@echo "make demo      a MEGA link turned into a link, on servers of this machine"
	@echo "make test      the tests (under 8 minutes)"
	@echo "make test-all  the slow ones too: big files, many kills (half an hour or more)"
	@echo "make lint      ruff"
	@echo "make types     mypy"
	@echo "make docs      the guide, into site/"
	@echo "make bench     ours beside what one would use instead, into bench/RESULTS.md (10 minutes)"
	@echo "make format    let ruff format the code"
	@echo "make clean     remove what the others installed and built"

demo: $(VENV)/.bundle
	@echo "Running the demo: a video in a MEGA server of this machine becomes a link of a Catbox server of it."
	$(BIN)/similubot demo

# Twice as many at once as there are processors: nearly half of the time the tests wait for processes.
test: $(VENV)/.dev
	$(BIN)/python -m pytest --quiet --numprocesses $$(($$(getconf _NPROCESSORS_ONLN) * 2)) -m "not slow"

# Besides the slow tests, those with older FFmpegs, and (where npm is there) with foreign clients and servers, axe-core, and the real Synapse.
test-all: $(VENV)/.dev
	if command -v npm; then for folder in plugins/mega plugins/telegram plugins/web; do \
	  npm install --silent --prefix $$folder/tests/node; done; fi
	SIMILUBOT_TEST_FFMPEGS="$$($(BIN)/python plugins/ffmpeg/tests/fetch_ffmpegs.py $(VENV)/ffmpegs)" \
	  SIMILUBOT_TEST_SYNAPSE="$$($(BIN)/python plugins/matrix/tests/fetch_synapse.py $(VENV)/synapse)" \
	  $(BIN)/python -m pytest

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy $(CODE)

docs: $(VENV)/.dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# In an environment of its own: our packages as users get them, not editable, and the peers.
bench: $(BENCH)/.ours
	if command -v npm; then npm install --silent --prefix plugins/mega/tests/node; fi
	$(BENCH)/bin/python bench/all.py

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) $(BENCH) site .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(VENV)/.python:
	$(NEW_ENOUGH)
	$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.bundle: $(VENV)/.python $(DESCRIPTIONS) constraints.txt
	@echo "Installing SimiluBot and what it needs into $(VENV); the first time takes about a minute …"
	$(PIP) $(EDITABLE)
	@touch $@

$(VENV)/.dev: $(VENV)/.bundle requirements-dev.txt
	$(PIP) --requirement requirements-dev.txt
	@touch $@

$(BENCH)/.peers: bench/requirements.txt constraints.txt
	$(NEW_ENOUGH)
	$(PYTHON) -m venv --clear $(BENCH)
	$(BENCH)/bin/python -m $(INSTALL) --requirement bench/requirements.txt
	@touch $@

$(BENCH)/.ours: $(BENCH)/.peers $(SOURCES) $(DESCRIPTIONS)
	$(BENCH)/bin/python -m $(INSTALL) --no-build-isolation $(PACKAGES)
	@touch $@
