# Two commands do all the set-up: `make demo` and `make test`. The rest is for people who change railwatch.
VENV ?= .venv
# The newest Python (>= 3.11) this machine has, pyenv's included.
PYTHON ?= $(shell for v in 3.13 3.12 3.11; do \
  for p in $$HOME/.pyenv/versions/$$v.*/bin/python$$v $$(command -v python$$v); do \
    [ -x "$$p" ] && "$$p" -c 'import venv, ensurepip' 2>/dev/null && echo $$p && exit; done; done; echo python3)
BIN = $(VENV)/bin
READY = $(VENV)/.ready

# Without compiled modules beside the sources every start compiles 2,000 of them: `railwatch run` took
# 21 s of CPU instead of 10. Some images set this to keep their layers small.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help env demo test check format lint types layers quick docs evaluate bench torture licences audit live readers lock clean server deploy worker recovery infra emulated page operations cancels orchestration kills

help:  ## say what each target does
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

env: $(READY)  ## build the environment in $(VENV)
$(READY): pyproject.toml constraints.txt
	@echo "railwatch: building $(VENV) with $(PYTHON)"
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.5'
	@$(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt --group dev -e .
	@$(BIN)/python -m railwatch.testing.kernels  # numba's code, once and not in every process
	@touch $(READY)

demo: env  ## watch Tumangang over five rendered years and name the report to open
	@$(BIN)/python -m flows.demo

test: env  ## run every test
	@$(BIN)/python -m pytest -q

check: format lint types layers quick  ## what every commit passes, in under three minutes
format: env
	@$(BIN)/ruff format --check .
lint: env
	@$(BIN)/ruff check .
types: env
	@$(BIN)/mypy
layers: env
	@$(BIN)/lint-imports --no-cache
quick: env
	@$(BIN)/python -m pytest -q -m 'not slow and not server'

server: env  ## a Prefect server on this machine, as we ship it (infra/server.env)
	@env $$(grep -v '^#' infra/server.env) PREFECT_HOME=$${PREFECT_HOME:-$(CURDIR)/build/prefect} $(BIN)/prefect server start --host 127.0.0.1

deploy: env  ## set up the server that PREFECT_API_URL names, from infra/operations.yaml; twice is once
	@PREFECT_API_URL=$${PREFECT_API_URL:-http://127.0.0.1:4200/api} $(BIN)/railwatch ops setup

worker: env  ## run what the server schedules, on this machine
	@PREFECT_API_URL=$${PREFECT_API_URL:-http://127.0.0.1:4200/api} DO_NOT_TRACK=1 $(BIN)/python -m flows.worker --pool railwatch --type process

kills: env  ## kill -9 of `railwatch run` at ten random moments, then the same published bytes
	@RAILWATCH_KILLS=10 $(BIN)/python -m pytest -q -s tests/flows/test_kill.py

operations: env  ## the tests of operation that take minutes: cancel, suspend, audit, PostgreSQL, one kill -9
	@RAILWATCH_OPERATIONS=1 $(BIN)/python -m pytest -q tests/flows/operations

cancels: env  ## cancel a backfill at ten random moments on a real server: seconds until it is over; CANCELS=n
	@RAILWATCH_OPERATIONS=1 RAILWATCH_CANCELS=$${CANCELS:-10} RAILWATCH_CANCEL_SCENES=220 $(BIN)/python -m pytest -q -s tests/flows/operations/test_cancel.py

orchestration: env  ## what a Prefect server adds to a backfill of 700 scenes, in per cent; SCENES=n ROUNDS=n
	@$(BIN)/python -m benchmarks.orchestration --scenes $${SCENES:-700} --rounds $${ROUNDS:-3}

recovery: env  ## kill -9 of worker, server, Dask and runs, ten times in a backfill of 200 scenes
	@mkdir -p build; RAILWATCH_OPERATIONS=1 RAILWATCH_RECOVERY_ROUNDS=$${ROUNDS:-10} RAILWATCH_RECOVERY_SCENES=200 RAILWATCH_RECOVERY_LOG=$${LOG:-build/recovery.log} \
	  $(BIN)/python -m pytest -q -rP tests/flows/operations/test_recovery.py

infra: env  ## check image, compose, Kubernetes and policies by what runs without an engine
	@infra/check

docs: env  ## write docs/cli.md from the commands' own help
	@$(BIN)/python -m railwatch.cli.reference > docs/cli.md.new && mv docs/cli.md.new docs/cli.md

evaluate: env  ## render fresh places, count them, judge the figures; QUICK=1, SEED=n
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m benchmarks.evaluate --plots docs/method/plots $(if $(QUICK),--quick) $(if $(SEED),--seed $(SEED))

readers: env  ## 200 publications by a publisher killed at random, a reader beside it; S3=1
	@$(BIN)/python -m benchmarks.readers $(if $(S3),--s3)

emulated: env  ## five years of Tumangang through Sentinel Hub's emulator, against the archive; SCENES=n
	@$(BIN)/python -W ignore -m benchmarks.emulated_tumangang $(if $(SCENES),--scenes $(SCENES))

page: env  ## first paint and size of the page of five years in Chromium, and its pictures in docs/
	@$(BIN)/python -m benchmarks.page

torture: env  ## put faults in, each shown to have happened, and judge what came of them; QUICK=1, ONLY=suite
	@$(BIN)/python -m benchmarks.torture $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY))

bench: env  ## measure against what a user would pick instead, judge the ratios; QUICK=1, ONLY="D I4"
	@$(BIN)/python -m benchmarks.speed $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY))

licences: env  ## write docs/licences.md: of everything the environment holds
	@$(BIN)/python -m infra.licences > docs/licences.md.new && mv docs/licences.md.new docs/licences.md

audit: env  ## ask the advisory database about every pinned package; needs the network
	@$(BIN)/uv tool run pip-audit --strict --requirement constraints.txt --disable-pip --no-deps

live: env  ## the smallest paid round trip with a real Sentinel Hub account
	@$(BIN)/python -m benchmarks.live_sentinel_hub

lock: env  ## pin what pyproject.toml allows, for every supported Python
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-annotate --no-header \
	  --no-emit-index-url --group dev pyproject.toml --extra sentinelhub --extra osm --extra testing -o constraints.txt

clean:  ## remove the environment and build products
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache
