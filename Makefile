# Two commands matter: `make demo` and `make test`. Both make the environment first.
SHELL := /bin/sh
BIN := .venv/bin
# CLOUD=localstack (started here), ENDPOINT=http://... (a LocalStack that runs already) or
# CLOUD=aws; STACK names the stack on the last two. Without any of them: MiniStack.
CLOUD ?= $(if $(ENDPOINT),localstack)
ENDPOINT ?=
STACK ?=
INSTANCE ?= $(or $(filter-out ministack,$(CLOUD)),demo)
ARGS ?=
WHERE = --instance $(INSTANCE) $(addprefix --cloud ,$(CLOUD)) \
	$(addprefix --endpoint ,$(ENDPOINT)) $(addprefix --stack ,$(STACK))
FAST := tests/unit tests/contract tests/integration tests/architecture
# With ARGS a tier may have nothing to run, which pytest reports as 5.
NONE_IS_FINE = $(if $(strip $(ARGS)),|| test $$? -eq 5,)

.DEFAULT_GOAL := help
.PHONY: help setup demo up down test test-slow bench lint checkov targets fmt lock

help: ## Show what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

setup: ## Make or repair .venv from infra/locks/dev.lock
	@sh infra/bootstrap.sh dev

demo: setup ## Train, release and serve two models; CLOUD=localstack or aws
	@$(BIN)/servery demo $(WHERE)

up: setup ## Start the local cloud and deploy
	@$(BIN)/servery up $(WHERE)

down: setup ## Stop the local cloud
	@$(BIN)/servery down --instance $(INSTANCE)

test: setup ## Run every tier; on another CLOUD, the e2e tier; ARGS="-k word" goes to pytest
	$(if $(filter-out ministack,$(CLOUD)),,$(BIN)/python -m pytest -n 2 -m "not slow" $(FAST) $(ARGS) $(NONE_IS_FINE))
	SERVERY_CLOUD=$(or $(CLOUD),ministack) SERVERY_ENDPOINT=$(ENDPOINT) \
		$(BIN)/python -m pytest $(if $(filter-out ministack,$(CLOUD)),,-n 2 --dist loadfile) \
		-m "not slow" tests/e2e $(ARGS) $(NONE_IS_FINE)

test-slow: setup ## Run the tests that take minutes
	$(BIN)/python -m pytest -n 2 --dist loadfile -m slow tests $(ARGS)

bench: setup ## Print the figures of tests/benchmarks; ARGS="chunk_memory" the slow one
	PYTHONPATH=tests $(BIN)/python -m benchmarks $(ARGS)

lint: setup ## Run ruff, mypy, import-linter, cfn-lint and checkov
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/cfn-lint template.yaml
	@$(MAKE) --no-print-directory checkov

# In an environment of its own: what it needs does not go with what the SAM CLI needs.
checkov:
	@sh infra/bootstrap.sh checkov
	.venv-checkov/bin/checkov --file template.yaml --quiet --compact --skip-download

targets: setup ## Write infra/docs/targets.md from the reports of the e2e runs
	PYTHONPATH=tests $(BIN)/python -m targets page

fmt: setup ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: setup ## Resolve the locks again (UPGRADE=1 takes newer versions)
	$(BIN)/uv pip compile --system-certs --quiet --universal --generate-hashes --no-header --python-version 3.11 \
		$(if $(UPGRADE),--upgrade,) --extra boosting --extra search --extra devkit --extra test --extra bench --no-emit-package servery \
		--output-file infra/locks/dev.lock pyproject.toml
	$(BIN)/uv pip compile --system-certs --quiet --universal --generate-hashes --no-header --python-version 3.11 \
		$(if $(UPGRADE),--upgrade,) --output-file infra/locks/checkov.lock infra/locks/checkov.in
	$(BIN)/uv pip compile --system-certs --quiet --universal --generate-hashes --no-header --python-version 3.11 \
		$(if $(UPGRADE),--upgrade,) --output-file infra/locks/servers.lock infra/locks/servers.in
	$(BIN)/uv pip compile --system-certs --quiet --generate-hashes --no-header --python-version 3.13 \
		--exclude-newer 2026-03-01 --output-file infra/locks/localstack.lock infra/locks/localstack.in
