# Every target sets up what it needs; on a fresh machine python3, make and git are enough.
SHELL := /bin/sh
python := .venv/bin/python
# Most tests wait for a server, a process or a clock: more workers than cores keep the cores busy.
side_by_side = -n $(or $(WORKERS),$(shell expr $(1) \* $$(nproc))) --dist worksteal
all_at_once = $(MAKE) --no-print-directory --jobs --keep-going $(if $(filter output-sync,$(.FEATURES)),--output-sync)
buf := .venv/buf/node_modules/.bin/buf
# What Python compiles is kept, away from the sources, whatever the caller wants elsewhere: without that each process
# that a test starts compiles all that it imports anew, which takes longer than all else that it does.
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX := $(CURDIR)/.venv/bytecode

.DEFAULT_GOAL := help
.PHONY: help setup run up upgrade down images test test-deploy nightly check quick count figures chaos bench lint style types imports contract protos locks clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup:
	@sh deploy/local/setup.sh

run: setup ## Run the whole system on this machine until Ctrl-C
	@$(python) -m deploy.local

images: ## Build a container image for each service (IMAGES='billing notify': only these)
	@sh deploy/images.sh $(IMAGES)

up: images ## Start it in containers; asks what it must know (TRY=1: with simulators, asks nothing)
	@sh deploy/up.sh $(if $(TRY),--try)

upgrade: images ## As up, for what runs: one container after the other is replaced, and payments are taken all the while
	@sh deploy/init.sh
	@sh deploy/rolling.sh

down: ## Stop the containers; what they keep stays
	@cd deploy && docker compose --env-file "$${REJESHA_HOME:-.}/.env" --profile '*' down

test: setup ## Run all tests but test-deploy's, with a real MySQL where Docker is (ARGS='tests/gateway -k spool': only these, one after the other)
	@$(python) -m pytest $(or $(ARGS),$(call side_by_side,2) --share-servers --ignore=tests/deploy)

test-deploy: setup ## Build the images, start them with Compose and test what then runs
	@$(python) -m pytest tests/deploy -m "not nightly" # one installation for all of them, so in one process

nightly: setup ## The tests that take too long for every change: replicas that are added under load get their share
	@$(python) -m pytest tests/deploy -m nightly -rP

check: setup $(buf) ## Before a commit: lint, types, and the tests that need no server and no process
	@$(all_at_once) types style imports contract quick

quick:
	@$(python) -m pytest $(call side_by_side,3) -q -m "not mysql and not mariadb and not processes"

count: setup ## Count the files on the way from a payment to its line, and each service's modules
	@$(python) -m pytest -q -rP tests/system/test_files_on_the_way.py

figures: setup ## Print how large the images and containers are, and how soon a new installation takes payments
	@$(python) -m pytest -q -rP tests/deploy/test_figures.py

bench: setup ## Measure us beside our peers (QUICK=1: short; CASE=name: only that one)
	@$(python) -m benchmarks

chaos: setup ## Kill, cut and starve the running system, and check that the promise held (QUICK=1 SCENARIO=name SEED=n LANES=n)
	@$(python) -m chaos $(if $(QUICK),--quick) $(if $(SCENARIO),--scenario $(SCENARIO)) $(if $(SEED),--seed $(SEED)) --lanes $(or $(LANES),$(if $(QUICK),3,1))

lint: setup $(buf) ## Check style, types, import directions and the protos
	@$(all_at_once) types style imports contract

style:
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .

types:
	@.venv/bin/mypy

imports:
	@.venv/bin/lint-imports

contract:
	@cd protos && ../$(buf) lint
	@sh deploy/local/breaking.sh $(buf)
	@sh deploy/local/protos.sh --check

protos: setup ## Generate the code beside the protos
	@sh deploy/local/protos.sh

locks: setup ## Pin the dependencies anew
	@sh deploy/local/lock.sh

clean: ## Remove everything that was set up or left behind by a run
	rm -rf .venv var .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(buf): deploy/local/buf/package-lock.json
	@sh deploy/local/buf/install.sh
