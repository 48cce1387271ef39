# One line a target; `make help` lists them. The order of work stands in CONTRIBUTING.md.
PY := .venv/bin/python
SUDO := $(shell [ "$$(id -u)" -eq 0 ] || echo sudo)

.PHONY: attacks deb fuzz help setup setup-tests run service stop uninstall test shake test-real test-runtimes test-vm unit lint bench conformance generate lock
help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/ -/' | sort

setup-tests:
	@tools/setup --tests

setup: ## install what is missing: system packages and .venv from the lock file
	@tools/setup

run: setup ## start the agent and the article's MySQL as a static pod, and query it (IMAGE=FILE.tar: from a docker save)
	@$(SUDO) $(PY) -m demo run $(if $(IMAGE),--image '$(IMAGE)')

service: setup ## make the agent a service of systemd that starts at every boot; what `make run` started runs on
	@$(SUDO) $(PY) -m demo service

stop: ## end what `make run` started, pods included; data stays
	@$(SUDO) $(PY) -m demo stop

uninstall: ## remove what `make run` made; packages stay
	@$(SUDO) $(PY) -m demo uninstall

# Machines and the package first, beside the fast rings; the real ring last (tests/support/beside.py).
test: setup-tests lint ## everything: linters, types, import contracts, all rings with real containerd; of test-vm a short form
	@$(SUDO) env CI=$(CI) PYTHONDONTWRITEBYTECODE=1 $(PY) -m pytest -n 2 --short-vm

shake: setup ## the functional and the real ring in a random order beside a busy loop a core (SEED=N: that order; RING=path)
	@$(SUDO) env CI=$(CI) PYTHONDONTWRITEBYTECODE=1 tools/shake $(or $(RING),tests/functional tests/real) $(if $(SEED),--randomly-seed=$(SEED))

CONTAINERD := 1.6
OCI := crun
test-real: setup ## the whole real ring on CONTAINERD=1.6, 1.7 or 2 and OCI=crun or runc, recorded for README's support table
	@$(SUDO) env CI=$(CI) PYTHONDONTWRITEBYTECODE=1 $(PY) -m pytest tests/real tests/contract -m real -n 2 --containerd=$(CONTAINERD) --oci=$(OCI) --record-support
	@$(MAKE) --no-print-directory generate

# What differs between runtimes most: every call, the kernel's view of containers, volumes, restarts of containerd.
RUNTIMES := 1.6/runc 1.6/crun 1.7/runc 1.7/crun 2/runc 2/crun
ROUTINE := tests/contract tests/real/test_cri_fields.py tests/real/test_cri_restart.py tests/real/test_private_containerd.py tests/real/test_agent_life.py tests/real/test_agent_newer_runtime.py tests/real/test_agent_security.py tests/real/test_agent_volumes.py
test-runtimes: setup ## a part of the real ring on containerd 1.6, 1.7 and 2, each with runc and crun (a quarter of an hour)
	@for pair in $(RUNTIMES); do \
	  echo "== containerd $${pair%/*}, $${pair#*/}"; \
	  $(SUDO) env CI=$(CI) PYTHONDONTWRITEBYTECODE=1 $(PY) -m pytest -q -m real -n 2 $(ROUTINE) --containerd=$${pair%/*} --oci=$${pair#*/} --record-support || exit 1; \
	done
	@$(MAKE) --no-print-directory generate

test-vm: setup-tests ## Debian 12 and 13 in virtual machines: boots, reboots, power cuts (K=trixie: a part; ALL=1: everything on both)
	@$(SUDO) env CI=$(CI) PYTHONDONTWRITEBYTECODE=1 $(PY) -m pytest tests/vm -v -p no:randomly -n 2 --record-support $(if $(K),-k '$(K)') $(if $(ALL),--every-release)
	@$(MAKE) --no-print-directory generate

unit: ## the fast ring: no root, no network, no runtime
	@$(PY) -m pytest tests/unit -q -n 2

lint: ## format, linters, types, import contracts
	@.venv/bin/ruff format --check -q . && .venv/bin/ruff check -q . && .venv/bin/lint-imports --no-cache >/dev/null && .venv/bin/mypy --no-error-summary

bench: setup ## measure against the bare CRI calls and podman: ratios within one run
	@$(SUDO) $(PY) -m bench

conformance: setup ## run the tests of the kubelet's behaviours and write docs/conformance.md
	@$(SUDO) env PYTHONDONTWRITEBYTECODE=1 $(PY) -m pytest -m conformance --conformance

attacks: setup ## run the tests of attacks and write docs/attacks.md
	@$(SUDO) env PYTHONDONTWRITEBYTECODE=1 $(PY) -m pytest -m attack --attack

SECONDS := 600
fuzz: setup ## give each reader of outside bytes changed inputs for SECONDS=600, from another SEED= each time
	@$(PY) -m pytest tests/fuzz -q -n 2 --fuzz-seconds=$(SECONDS) --fuzz-seed=$(or $(SEED),$(shell date +%s))

deb: setup ## build the Debian package into dist/ (VERSION=1.2.3: another version)
	@$(PY) -m deb $(if $(VERSION),--version '$(VERSION)')

generate: ## write the generated modules again
	$(PY) tools/generate_core_v1.py && .venv/bin/ruff format -q src/podstead/k8s/core_v1.py
	$(PY) tools/generate_cri.py
	PYTHONPATH=. $(PY) tools/generate_docs.py

lock: ## resolve the lock files again (needs uv)
	tools/lock
