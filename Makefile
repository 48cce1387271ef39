# One line a target; `make help` lists them. The order of work stands in CONTRIBUTING.md.
PY := .venv/bin/python

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/ -/' | sort

.PHONY: lint
lint: ## format check, linters, types, import contracts
	.venv/bin/ruff format --check . && .venv/bin/ruff check . && .venv/bin/lint-imports && .venv/bin/mypy

.PHONY: generate
generate: ## write the generated modules again
	$(PY) tools/generate_core_v1.py && .venv/bin/ruff format -q src/podstead/k8s/core_v1.py
