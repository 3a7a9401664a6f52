# Every target sets up what it needs. Stamps in .venv/.stamps remember what is done, so that a second call does no work.
#   make run ARGS="--port 9000"     make test ARGS="-k stream"     make test SAN=1 (AddressSanitizer)     make VENV=/tmp/venv …

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV ?= .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/.stamps
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install
COMPILED := $(wildcard src/omniroute/_fast/*.pyx src/omniroute/_fast/*.pxd)
PAGES := $(shell find dashboard -type f -not -path '*/node_modules/*')
ARGS ?=
SAN ?=

ifeq ($(SAN),)
PACKAGE := $(STAMPS)/package
OTHER_PACKAGE := $(STAMPS)/package-asan
BUILD_ENV :=
RUN_ENV :=
TESTS :=
else
PACKAGE := $(STAMPS)/package-asan
OTHER_PACKAGE := $(STAMPS)/package
BUILD_ENV := CFLAGS="-O1 -g -fsanitize=address -fno-omit-frame-pointer" LDFLAGS="-fsanitize=address"
# The interpreter itself is not instrumented: the runtime must be there first, and CPython's own arenas are not leaks.
RUN_ENV = LD_PRELOAD=$$($${CC:-cc} -print-file-name=libasan.so) ASAN_OPTIONS=detect_leaks=0 PYTHONMALLOC=malloc
# A browser with that runtime in it does not start.
TESTS := --ignore=tests/browser
endif

.PHONY: help run test fuzz lint bench bench-peers soak agents dashboard docs screenshots wheel clean

help:
	@echo 'make run     start the server on http://127.0.0.1:20128 (ARGS="--port 9000" passes flags)'
	@echo 'make test    run every test (ARGS="-k name" passes pytest arguments)'
	@echo 'make fuzz    fuzz the decoders under AddressSanitizer (ARGS="--seconds 600 --only stream"), see docs/fuzzing.md'
	@echo 'make lint    ruff, mypy --strict, cython-lint, Cython warnings as errors'
	@echo 'make bench   measure the server beside nginx on this machine (ARGS="--quick"; make bench-peers: beside other proxies)'
	@echo 'make soak    half an hour of mixed traffic: is memory flat, does the ledger agree with the bill (ARGS="--minutes 5")'
	@echo 'make agents  run Claude Code, Codex and Gemini CLI through a tool loop against every other dialect'
	@echo 'make dashboard  build the dashboard alone (make run and make test do it when its sources changed)'
	@echo 'make docs    write the settings tables of docs/configuration.md, the routes of docs/admin-api.md, the dashboard'\''s types'
	@echo 'make screenshots  take the pictures of docs/images anew (needs Chromium)'
	@echo 'make wheel   build the source archive, and the wheel from it, into dist/'
	@echo 'make clean   remove everything make made; your data directory is not touched'

run: $(PACKAGE) $(STAMPS)/dashboard
	@exec env $(RUN_ENV) $(BIN)/omniroute serve --no-open $(ARGS)

test: $(PACKAGE) $(STAMPS)/dashboard $(STAMPS)/test
	@.ci/chromium $(BIN)/python
	$(RUN_ENV) $(BIN)/python -m pytest $(TESTS) $(ARGS)

# Needs Clang; builds its own extensions below build/fuzz. Not part of the gate.
fuzz: $(STAMPS)/venv
	$(BIN)/python tests/fuzz/run.py $(ARGS)

lint: $(PACKAGE) $(STAMPS)/lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/cython-lint $(COMPILED)
	@mkdir -p build/cython
	$(BIN)/python hatch_build.py check
	$(BIN)/cython -3 -Werror -I src --output-file build/cython $(filter %.pyx,$(COMPILED))

bench: $(PACKAGE)
	$(BIN)/python benchmarks/suite.py $(ARGS)

# What other proxies cost, on the same scenarios. They are installed under build/peers; what cannot be is said and left out.
bench-peers: $(PACKAGE)
	$(BIN)/python benchmarks/peers.py install
	$(BIN)/python benchmarks/suite.py --peers --rounds 3 $(ARGS)

soak: $(PACKAGE)
	$(BIN)/python benchmarks/soak.py $(ARGS)

# Needs npm and the registry; installs the agents below build/agents. Not part of the gate.
agents: $(PACKAGE) $(STAMPS)/test
	$(BIN)/python tests/agents/run.py $(ARGS)

dashboard: $(STAMPS)/dashboard

docs: $(PACKAGE)
	$(BIN)/python docs/settings_table.py
	$(BIN)/python docs/api_reference.py

screenshots: $(PACKAGE) $(STAMPS)/dashboard $(STAMPS)/test
	@.ci/chromium $(BIN)/python
	$(BIN)/python docs/screenshots.py

# The source archive first, then the wheel from the unpacked archive: nothing of this tree slips in. -g0: no debug information.
wheel: $(PACKAGE)
	@rm -rf dist && mkdir -p build
	@CFLAGS="$$CFLAGS -g0" $(BIN)/python -m build --no-isolation --outdir dist . >build/wheel.log 2>&1 || { cat build/wheel.log; exit 1; }
	@ls -l dist

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis src/omniroute/catalog/catalog.json
	rm -rf dashboard/node_modules src/omniroute/server/static
	rm -f src/omniroute/_fast/*.so src/omniroute/_fast/*.c
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMPS)/venv: .ci/venv
	@.ci/venv $(VENV)
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/build $(STAMPS)/test $(STAMPS)/lint: $(STAMPS)/%: pyproject.toml $(STAMPS)/venv
	@echo 'Installing the packages of the "$*" group'
	@$(PIP) --group $*
	@touch $@

$(STAMPS)/dashboard: $(PAGES) hatch_build.py $(STAMPS)/build
	@echo 'Building the dashboard'
	@$(BIN)/python hatch_build.py
	@touch $@

$(PACKAGE): pyproject.toml setup.cfg $(COMPILED) $(STAMPS)/build
	@echo 'Building the extensions and installing OmniRoute into $(VENV)'
	@if [ -e $(OTHER_PACKAGE) ]; then rm -f $(OTHER_PACKAGE) src/omniroute/_fast/*.so; fi
	@$(BUILD_ENV) $(PIP) --no-build-isolation --editable .
	@touch $@
