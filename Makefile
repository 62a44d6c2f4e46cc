# One line each: what a person types. Nothing is assumed but Python 3.11+ (PYTHON names another one).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready-$(shell cksum requirements/dev.txt pyproject.toml | cksum | cut -d' ' -f1)
EXTENSION := setup.py $(wildcard worker/speedups/*.[ch])
RUN_STAMP := $(VENV)/.run-$(shell cat requirements/run.txt requirements/build.txt $(EXTENSION) | cksum | cut -d' ' -f1)
PEERS := .bench-peers
PEERS_STAMP := $(PEERS)/.ready-$(shell cksum bench/requirements.txt | cut -d' ' -f1)
MEASURED := .bench-worker
MEASURED_STAMP := $(MEASURED)/.ready-$(notdir $(RUN_STAMP))
NODE_PEERS := bench/peers/node_modules/.package-lock.json
TOOLS := .deploy-tools
TOOLS_STAMP := $(TOOLS)/.ready-$(shell cat requirements/deploy.txt tests/deploy/debian.sh | cksum | cut -d' ' -f1)
NODE_SERVERS := tests/contract/npm/node_modules/.package-lock.json
NODE_TOOLS := $(patsubst %/package-lock.json,%/node_modules/.package-lock.json,$(wildcard tests/deploy/npm/package-lock.json))
PIP := python -m pip install --quiet --disable-pip-version-check --no-deps
# What the benchmark measures with: the newest Python here, a distribution's before one of the same age that somebody
# compiled, because those lack the profile-guided optimization that it (and the image's) was built with, an eighth of
# the CPU. BENCH_PYTHON names another one.
BENCH_PYTHON ?= $(shell for p in /usr/bin/python3 $(PYTHON); do \
  $$p -c 'import sys, venv, ensurepip; print(sys.version_info[1], sys.executable)' 2>/dev/null; \
  done | sort -s -n -r -k1,1 | head -1 | cut -d' ' -f2)

PROFILE ?= smoke
SEEDS ?= 2000
# One more than there are cores: many tests wait for real processes.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(1 + (os.cpu_count() or 1))')
FROM ?= 0
PRE_COMMIT ?= pre-commit

# What `make test` runs, each to its end even if one before it is red.
RINGS := lint unit proof

.PHONY: demo setup help test lint unit proof hooks simulate chaos ablate mutants containers deploy-check cluster-check bench bench-sinks map pages version pins clean

##@ To begin

demo: $(RUN_STAMP) ## 100,000 messages from a queue into a database, every one accounted for
	$(BIN)/python -m worker demo

setup: $(STAMP) ## .venv with all that the tests need

$(RUN_STAMP): # what the worker itself needs, so that the demonstration starts soon
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) has no venv, which Debian and Ubuntu keep in a package of its own:"; \
	  echo "  sudo apt-get install python3-venv python3-dev   # the headers are optional: with them a message takes a fifth less CPU"; exit 1; }
	@echo "setting up $(VENV) for the worker, once: less than a minute"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/$(PIP) --require-hashes -r requirements/run.txt -r requirements/build.txt
	@$(BIN)/python setup.py --quiet build_ext --inplace
	@rm -f $(VENV)/.run-* && touch $@

$(STAMP): $(RUN_STAMP) # and what the tests need
	@echo "setting up $(VENV) for the tests, once: a minute or two"
	@$(BIN)/$(PIP) --require-hashes -r requirements/dev.txt
	@$(BIN)/$(PIP) --no-build-isolation -e .
	@rm -f $(VENV)/.ready-* && touch $@

help: ## this list
	@awk -F ':.*## ' '/^##@ / { printf "\n%s\n", substr($$0, 5) } /^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##@ Before a change lands

test: setup ## lint, unit and proof, each to its end even if one before it is red
	@red=; for ring in $(RINGS); do $(MAKE) --no-print-directory $$ring || red="$$red $$ring"; done; echo; \
	for ring in $(RINGS); do case "$$red " in *" $$ring "*) echo "$$ring: RED (make $$ring runs it alone)";; *) echo "$$ring: green";; esac; done; \
	test -z "$$red"

lint: setup ## style, format, types and the contracts between the rooms
	@red=; for check in "ruff check ." "ruff format --check ." mypy lint-imports; do \
	  echo "$$check"; $(BIN)/$$check || red="$$red [$$check]"; done; \
	test -z "$$red" || { echo "lint is red:$$red"; exit 1; }

unit: setup $(NODE_SERVERS) ## all tests but the simulation and the chaos, with coverage
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup --cov --cov-report=term --ignore=tests/model --ignore=tests/system/chaos

proof: setup ## the simulation and the chaos; coverage would make them five times slower
	$(BIN)/pytest -n auto --dist loadgroup tests/model tests/system/chaos

$(NODE_SERVERS): tests/contract/npm/package-lock.json # what the sinks' tests run of npm; moto stands in for it
	@if command -v node >/dev/null && command -v npm >/dev/null && (cd tests/contract/npm && npm ci --ignore-scripts --loglevel=error); then touch $@; \
	  else echo "NO NODE, NO NPM, OR NOTHING TO BE HAD BY IT: SINK=dynamodb is tested on moto, and what only dynalite knows is skipped"; fi

hooks: setup ## lint before every commit: by pre-commit where it is installed, else by a plain hook of git
	@if command -v $(PRE_COMMIT) >/dev/null; then $(PRE_COMMIT) install; else \
	  hook=$$(git rev-parse --git-path hooks)/pre-commit; \
	  if test -e "$$hook" && ! grep -q 'make.* lint$$' "$$hook"; then echo "$$hook is not ours, and is left as it is: let it call make lint"; exit 1; fi; \
	  mkdir -p "$$(dirname "$$hook")" && printf '#!/bin/sh\n# written by make hooks; remove this file to be rid of it\nexec make --no-print-directory lint\n' > "$$hook" && \
	  chmod +x "$$hook" && echo "pre-commit is not installed: $$hook runs make lint"; fi

##@ Deeper, when the core has changed

simulate: setup ## the whole core in simulated time: SEEDS=50000 FROM=n, or SEED=n to replay one
	$(BIN)/python -m tests.model.simulate $(if $(SEED),--seed $(SEED),--seeds $(SEEDS) --from $(FROM))

chaos: setup ## workers killed, stopped and misled at random: PROFILE=smoke|gate|soak, SEED=n, SABOTAGE=name|all
	$(BIN)/python -m tests.system.chaos.run --profile $(PROFILE) $(if $(SEED),--seed $(SEED)) \
	  $(if $(SABOTAGE),--sabotage $(SABOTAGE))

ablate: setup ## defects put in on purpose, and the invariant that sees each: the proof of the proof
	$(BIN)/python -m tests.model.ablate

mutants: setup ## the core with one thing changed at a time: what no unit test sees. Two hours; ONLY='worker.waiting.*'
	@$(BIN)/$(PIP) --require-hashes -r requirements/mutants.txt
	@echo "one to two hours on two idle cores for all; a part of it takes minutes: make mutants ONLY='worker.pipeline.room.*' (module.class and function)"
	@echo "what was decided is kept in mutants/, so it goes on where it was stopped; $(BIN)/mutmut show NAME says what a survivor changed"
	@set -f; $(BIN)/mutmut run $(ONLY); ended=$$?; $(BIN)/mutmut results | grep -v ': not checked'; exit $$ended

##@ Where it runs, and how fast

containers: ## docker-compose.yml with whatever engine is here: ENGINE=podman, SCENE=name
	$(PYTHON) -m tests.system.containers $(if $(ENGINE),--engine $(ENGINE)) $(if $(SCENE),--scene $(SCENE))

deploy-check: setup $(TOOLS_STAMP) $(NODE_TOOLS) ## k8s/ and ecosystem/ held to the tools of the platforms: ONLY=kubernetes
	PATH="$(CURDIR)/$(TOOLS)/bin:$(CURDIR)/$(TOOLS)/debian/bin:$(CURDIR)/tests/deploy/npm/node_modules/.bin:$$PATH" $(BIN)/pytest -n auto --dist loadgroup -m deploy tests/deploy $(if $(ONLY),-k '$(ONLY)')

cluster-check: setup $(TOOLS_STAMP) ## k8s/ on a real control plane of this machine, which needs Go: scaling, roll-out, drained node
	@if command -v go >/dev/null; then PATH="$(CURDIR)/$(TOOLS)/bin:$$PATH" $(BIN)/pytest -n 0 -v --durations=8 -m cluster tests/cluster $(if $(ONLY),-k $(ONLY)); \
	  else echo "NO GO HERE: the control plane could not be built, so k8s/ was run on no cluster; make deploy-check reads it all the same"; fi

$(TOOLS_STAMP):
	@echo "setting up $(TOOLS) for the tools of the platforms, once: a minute or two"
	@$(PYTHON) -m venv --clear $(TOOLS)
	@$(TOOLS)/bin/$(PIP) --require-hashes -r requirements/deploy.txt
	@tests/deploy/debian.sh $(TOOLS)/debian promtool amtool prometheus prometheus-alertmanager
	@touch $@

$(NODE_TOOLS): %/node_modules/.package-lock.json: %/package-lock.json
	@if command -v node >/dev/null && command -v npm >/dev/null; then cd $* && npm ci --ignore-scripts --loglevel=error && touch node_modules/.package-lock.json; \
	  else echo "NO NODE OR NO NPM HERE: the tools of npm are not there, and their checks say so"; fi

bench: setup $(MEASURED_STAMP) $(PEERS_STAMP) $(NODE_PEERS) ## ourselves and our peers on one loopback, 15 minutes: QUICK=1, ONLY=latency,far, ROUNDS=9, MINUTES=10
	$(BIN)/python -m bench $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY)) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(MINUTES),--minutes $(MINUTES))

bench-sinks: setup $(MEASURED_STAMP) ## what a sink costs, its destination beside it: ONLY=http
	$(BIN)/python -m bench.sinks $(ONLY)

$(MEASURED_STAMP):
	@echo "setting up $(MEASURED) for what the benchmark measures, once: a minute"
	@$(BENCH_PYTHON) -m venv --clear $(MEASURED)
	@$(MEASURED)/bin/$(PIP) --require-hashes -r requirements/run.txt -r requirements/build.txt
	@$(MEASURED)/bin/python setup.py --quiet build_ext --inplace
	@touch $@

$(PEERS_STAMP): bench/requirements.txt
	@echo "setting up $(PEERS) for the peers of the benchmark, once: a minute"
	@$(BENCH_PYTHON) -m venv --clear $(PEERS)
	@$(PEERS)/bin/$(PIP) --require-hashes -r bench/requirements.txt
	@rm -f $(PEERS)/.ready-* && touch $@

$(NODE_PEERS): bench/peers/package-lock.json
	@if command -v node >/dev/null && command -v npm >/dev/null; then cd bench/peers && npm ci --ignore-scripts --loglevel=error && touch node_modules/.package-lock.json; \
	  else echo "NO NODE OR NO NPM HERE: the benchmark goes on without sqs-consumer"; fi

##@ To keep house

map: setup ## the rooms of worker/, drawn from its imports into docs/internals.md
	$(BIN)/python -m tests.house.map

pages: map ## what programs write: tables of settings, metrics and the log, contracts, the drawing of the rooms
	$(BIN)/python -m worker config --markdown > docs/settings.md
	$(BIN)/python -m tests.words.exposition
	$(BIN)/python -m tests.words.events
	$(BIN)/python -m tests.house.architecture

version: setup ## the next version, everywhere where one stands: TO=0.2.0
	$(BIN)/python -m tests.house.version $(TO)

pins: setup ## exact versions and hashes of what requirements/*.in ask for
	$(BIN)/python -m pip install --quiet uv
	for name in run extras dev build mutants deploy; do $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-annotate requirements/$$name.in -o requirements/$$name.txt; done
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-annotate bench/requirements.in -o bench/requirements.txt

clean: ## away with all that these targets have set up
	rm -rf $(VENV) $(PEERS) $(MEASURED) $(TOOLS) bench/peers/node_modules tests/deploy/npm/node_modules tests/contract/npm/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage* dist build mutants worker/speedups/*.so
