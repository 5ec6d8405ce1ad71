# `make run` and `make test` need Python 3.11 or newer and make, and install the rest themselves.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=
# Most tests wait for something: more workers than cores.
WORKERS ?= 3
PYTEST = -m pytest -n $(WORKERS) --dist worksteal

.PHONY: run test test-fast coverage check format bench wheel-test docker-test docs constraints clean

run: $(VENV)/installed
	$(BIN)/fake-apimart serve $(ARGS)

test: $(VENV)/installed-dev
	$(BIN)/python $(PYTEST) $(ARGS)

# All that starts no process: no server of its own, no MinIO, no curl, Node or Go.
test-fast: $(VENV)/installed-dev
	$(BIN)/python $(PYTEST) -m "not subprocess" $(ARGS)

# The same tests, half as long again, and what of the code they reach.
coverage: $(VENV)/installed-dev
	$(BIN)/python -m coverage erase
	$(BIN)/python -m coverage run $(PYTEST) $(ARGS)
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report

check: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy -p benchmarks
	$(BIN)/mypy examples/pytest
	$(BIN)/mypy tools

format: $(VENV)/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/installed-dev
	$(BIN)/python docs/generate.py

bench: $(VENV)/installed-dev
	$(BIN)/python -m benchmarks $(ARGS)

# The wheel, in an environment that has nothing else, serves an upload.
wheel-test: $(VENV)/installed-dev
	$(BIN)/python -m tests.wheel

# The image and docker-compose.yml, with a Docker engine and a MinIO of this machine.
docker-test: $(VENV)/installed-dev
	$(BIN)/python -m tests.containers

# The newest versions that go together, in constraints.txt. Run the tests before you commit it.
constraints: $(VENV)/installed-dev
	$(BIN)/python tools/constraints.py

clean:
	rm -rf $(VENV) build dist .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is older than Python 3.11: name a newer one, as in make run PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@
