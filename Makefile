# `make` alone lists the targets. Every target first makes sure of what it needs; when that is there, it takes no time.

STACK ?= local
ARGS ?=
PYTHON3 ?= python3
PYTHON := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help up preview refresh destroy status test e2e control-plane watch-release lint types check config readme lock \
	tools clean environment pulumi-cli

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo '  STACK=dev|prod works on AWS with the official Pulumi CLI; STACK=local, the default, needs no account.'
	@echo '  ARGS="…" is handed on to the command behind the target.'

up: ## Create or update the platform
preview: ## Show what `make up` would change
refresh: ## Read the real state of every resource back into the stack
destroy: ## Remove the platform; nothing is left behind
status: ## Show the stack's outputs and resources

ifeq ($(STACK),local)
up preview refresh destroy status: environment
	@$(PYTHON) -m simulator $@ $(ARGS)
else
up preview refresh destroy: environment pulumi-cli
	@pulumi $@ --stack $(STACK) $(ARGS)

status: environment pulumi-cli
	@pulumi stack --stack $(STACK) $(ARGS)
endif

pulumi-cli:
	@command -v pulumi >/dev/null || \
		{ echo 'error: STACK=$(STACK) needs the official Pulumi CLI on PATH: https://www.pulumi.com/docs/install/' >&2; exit 1; }
	@pulumi whoami --non-interactive >/dev/null 2>&1 || \
		{ echo 'error: Pulumi is not logged in to the state of STACK=$(STACK): pulumi login s3://BUCKET' >&2; exit 1; }

test: environment ## Run every test that needs no control plane
	@$(PYTHON) tools/build.py pulumi kustomize
	@$(PYTHON) -m pytest --numprocesses 2 --dist loadfile $(ARGS)

e2e: environment ## Run the tests on a real Kubernetes control plane
	@$(PYTHON) -m controlplane build
	@$(PYTHON) -m pytest -m e2e $(ARGS)

control-plane: environment ## Run that control plane until interrupted and print how to reach it
	@$(PYTHON) -m controlplane up $(ARGS)

watch-release: environment ## Follow a release on the control plane in this terminal
	@$(PYTHON) -m controlplane watch $(ARGS)

lint: environment ## Check style: Python, YAML, shell
	@$(PYTHON) -m ruff check $(ARGS)
	@$(PYTHON) -m ruff format --check
	@$(PYTHON) -m yamllint --strict .
	@bash -n .ci/run

types: environment ## Check types, strictly
	@$(PYTHON) -m basedpyright --level error $(ARGS)

check: lint types test ## Lint, types and tests; CI goes on with e2e

config: environment ## List every configuration key, its default and its meaning
	@$(PYTHON) -m plan.config_table

readme: environment ## Bring the generated part of README.md up to date
	@$(PYTHON) -m plan.config_table --write

lock: environment ## Resolve pyproject.toml's dependencies into requirements.lock
	@$(PYTHON) -m piptools compile --quiet --extra dev --generate-hashes --strip-extras --no-annotate --allow-unsafe \
		--no-emit-index-url --no-emit-find-links --output-file requirements.lock $(ARGS) pyproject.toml

tools: environment ## Build the command-line tools that are missing (ARGS="NAME …" for others)
	@$(PYTHON) tools/build.py $(or $(ARGS),pulumi kustomize)
	@$(PYTHON) tools/build.py --list

clean: ## Remove the environment, the built tools and every cache (the local stack's state stays)
	@rm -rf .venv .tools .pytest_cache .hypothesis .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

environment:
	@command -v $(PYTHON3) >/dev/null || { echo 'error: $(PYTHON3) is not on PATH; Python 3.11 or newer is needed' >&2; exit 1; }
	@$(PYTHON3) tools/environment.py
