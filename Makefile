# Everything here needs Python 3.11 or newer, git and make; the rest is installed into .venv, pinned and hash-checked.
.DEFAULT_GOAL := help
.PHONY: help demo demo-reset demo-loop test test-long clients bench chaos lint shell up down messages openapi lock image-digests sbom clean

PY := .venv/bin/python

help: ## List what make can do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## Start everything, post the sample selfies, print verdicts, URL and logins (Ctrl-C stops it, data stays)
	@tools/bootstrap.sh dev
	@$(PY) manage.py demo $(ARGS)

demo-reset: ## Stop the demo and delete all its data
	@tools/bootstrap.sh dev
	@$(PY) manage.py stack reset

demo-loop: ## Show the loop: a weakened champion, scripted reviewers, retraining, promotion by two admins, rollback (about 4 minutes)
	@tools/bootstrap.sh bench
	@$(PY) -m bench loop $(ARGS)

test: ## Run all tests with their own Postgres and Valkey (ARGS="-k name" narrows)
	@tools/bootstrap.sh dev
	@$(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

test-long: ## The tests with all their draws and combinations, twice as long
	@LONG_TESTS=1 $(MAKE) test

clients: ## Generate clients with six generators and use them, lint the OpenAPI documents (installs 700 MB into .clients)
	@tools/bootstrap.sh dev
	@tools/clients.sh all
	@LONG_TESTS=1 $(PY) -m pytest tests/live/clients $(ARGS)

bench: ## Measure throughput and latency against LitServe, and memory
	@tools/bootstrap.sh bench
	@$(PY) -m bench $(ARGS)

chaos: ## Ten minutes of faults under traffic, then everything is compared (ARGS="--minutes 2 --seed 7")
	@tools/bootstrap.sh bench
	@$(PY) -m bench chaos $(ARGS)

lint: ## Style, types, import contracts, missing migrations, OpenAPI drift
	@tools/bootstrap.sh dev
	@tools/lint.sh

shell: ## A Django shell in the environment of the embedded stack
	@tools/bootstrap.sh dev
	@$(PY) manage.py shell

up: ## Run the embedded stack alone, without sample data (same as manage.py stack up)
	@tools/bootstrap.sh dev
	@$(PY) manage.py stack up $(ARGS)

down: ## Stop a running stack from another terminal
	@$(PY) manage.py stack down

messages: ## Collect the texts to translate into locale/ and compile them
	@tools/bootstrap.sh dev
	@$(PY) tools/messages.py update

openapi: ## Rewrite docs/openapi.yaml and openapi-staff.yaml from the code
	@tools/bootstrap.sh dev
	@tools/openapi.sh docs

lock: ## Pin requirements/*.txt again from pyproject.toml (ARGS=--upgrade takes newer versions)
	@tools/lock.sh $(ARGS)

image-digests: ## Print the images of others by digest, for .env and Kubernetes (needs Docker)
	@python3 tools/image_digests.py

sbom: ## Write the bills of materials of both images into sbom/ (CycloneDX)
	@tools/bootstrap.sh dev
	@tools/sbom.sh

clean: ## Delete .venv and tool caches; keeps the data in .local
	@rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache staticfiles
