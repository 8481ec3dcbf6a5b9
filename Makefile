# `make` lists the targets. PYTHON=... chooses the interpreter of the environment, and ARGS=... is passed on:
# make sweep ARGS="--data promoters.csv --preset small".

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip --disable-pip-version-check
# Two test files at a time with one thread each, because threads of torch wait for each other by spinning.
TEST := OMP_NUM_THREADS=1 $(RUN) -m pytest -n 2 --dist loadfile --no-loadscope-reorder
STAMP := $(VENV)/.installed
CHAOS := lost_processes.py lost_services.py lost_hosts.py partition.py killed_sweep.py killed_shap.py killed_in_process.py tracking_server.py
BENCHMARKS := tokenizing train unpadding sweep search shap_speed shap_fidelity scan variants long_rows

.PHONY: help setup sweep test test-all chaos rehearsal rehearsal-slurm fresh-check wheel-check image pages-check fuzz gpu-check nulls docs lint types format bench clean

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

setup: $(STAMP) ## Create .venv and install everything at the versions of constraints.txt

$(STAMP): pyproject.toml constraints.txt
	@python='$(PYTHON)'; \
	new_enough='import sys; sys.exit(sys.version_info < (3, 11))'; \
	if [ -z "$$python" ]; then \
		for candidate in python3.11 python3.12 python3.13 python3; do \
			if "$$candidate" -c "$$new_enough" >/dev/null 2>&1; then python=$$candidate; break; fi; \
		done; \
	fi; \
	if [ -z "$$python" ] || ! "$$python" -c "$$new_enough" >/dev/null 2>&1; then \
		echo "make: no Python 3.11 or newer$${python:+ at $$python}." \
			"Install one, or name it: make setup PYTHON=/path/to/python3.11" >&2; \
		exit 2; \
	fi; \
	echo "Making $(VENV) with $$("$$python" --version)"; \
	"$$python" -m venv $(VENV)
	@echo "Installing torch (1 of 2)"
	@# torch first and by its exact version, so that no other step can choose another build of it;
	@# setuptools beside it, so that the build needs nothing outside the constraints.
	@$(PIP) install -qq -c constraints.txt \
		"$$(grep '^pip==' constraints.txt)" \
		"$$(grep '^setuptools==' constraints.txt)" \
		"$$(grep '^torch==' constraints.txt)"
	@echo "Installing everything else (2 of 2; a few minutes)"
	@$(PIP) install -qq -c constraints.txt --no-build-isolation -e '.[dev]'
	@touch $(STAMP)
	@echo "Installed. Next: make sweep, make test, or: source $(VENV)/bin/activate"

sweep: setup ## Run the main sweep on the built-in data (ARGS="--data my.csv ...")
	@$(RUN) sweeps/tokenizer_grid.py $(ARGS)

test: setup ## Run all tests except the slow ones (ARGS="tests/unit -k masking")
	@$(TEST) -m "not slow" $(ARGS)

test-all: setup ## Run all tests
	@$(TEST) $(ARGS)

# One at a time, so the time that a fault costs can be measured.
chaos: setup ## Disturb a sweep by failures of every kind, and print the cost of each
	@OMP_NUM_THREADS=1 $(RUN) -m pytest -q --tb=short $(addprefix tests/chaos/test_,$(CHAOS)) $(ARGS)

rehearsal: setup ## As root: `ray up`, jobs and `ray down` on three hosts simulated on this machine
	@command -v sshd >/dev/null || { apt-get update -q && \
		apt-get install -y -q --no-install-recommends openssh-server iproute2 util-linux; }
	@$(PIP) install -qq -c constraints.txt --no-build-isolation -e '.[dev,onprem]'
	@$(RUN) -m pytest -q -m "" --ignore-glob '*/test_slurm*.py' tests/cluster $(ARGS)

rehearsal-slurm: setup ## As root: sweeps with clusters/slurm.sh on three simulated hosts with SLURM
	@command -v slurmctld >/dev/null || { apt-get update -q && \
		apt-get install -y -q --no-install-recommends slurm-wlm slurmctld slurmd slurm-client munge openssh-server; }
	@$(RUN) -m pytest -q -m "" tests/cluster/test_slurm.py tests/cluster/test_slurm_faults.py $(ARGS)

fresh-check: ## As root: run both commands of the README on a bare Debian made by debootstrap
	@tests/fresh/check.sh

wheel-check: setup ## Build sdist and wheel, and test the wheel in an empty environment (PYTHON=/path/to/python3.13)
	@tests/wheel/check.sh $(PYTHON)

image: ## Build the container image with podman, docker or buildah (DEVICE=cuda BASE=... ARGS=...)
	@tool=$$(command -v podman || command -v docker || command -v buildah) || { \
		echo "make image: install podman, docker or buildah" >&2; exit 2; }; \
	version=$$(sed -n 's/^__version__ = "\(.*\)"/\1/p' platform/dnasweep/__init__.py); \
	"$$tool" build --build-arg DEVICE=$(or $(DEVICE),cpu) $(if $(BASE),--build-arg BASE=$(BASE)) $(ARGS) \
		-t "dnasweep:$$version-$(or $(DEVICE),cpu)" .

pages-check: setup ## Test the pages of reports in a real browser, Chromium (ARGS="page.html ...")
	@command -v chromium >/dev/null || { apt-get update -q && apt-get install -y -q chromium; }
	@$(RUN) tests/pages/check_pages.py $(ARGS)

fuzz: setup ## Read damaged files of every kind for 10 minutes; none may be misread (ARGS="--minutes 60")
	@OMP_NUM_THREADS=1 $(RUN) tests/fuzz/run.py $(ARGS)

gpu-check: setup ## Check that a GPU gives the results of the CPU, and measure its speed (without one: the CPU part)
	@$(RUN) benchmarks/gpu_check.py $(ARGS)

nulls: setup ## Check every p-value and interval on simulations under the null hypothesis
	@OMP_NUM_THREADS=1 $(RUN) benchmarks/null_simulations.py $(ARGS)

docs: setup ## Build the documentation in docs/_build/html; warnings are errors
	@$(PIP) install -qq -c constraints.txt --no-build-isolation -e '.[dev,docs]'
	@$(RUN) -m sphinx -W --keep-going -q -b html -d docs/_build/doctrees docs docs/_build/html
	@echo "Open docs/_build/html/index.html"

lint: setup ## Check formatting and lint
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .

types: setup ## Check types
	@$(RUN) -m mypy

format: setup ## Format, and fix what lint can fix automatically
	@$(RUN) -m ruff check --fix .
	@$(RUN) -m ruff format .

bench: setup ## Run the benchmarks; each prints a ratio (BENCHMARKS=sweep ARGS="--cells 6")
	@for name in $(BENCHMARKS); do $(RUN) benchmarks/$$name.py $(ARGS); done

clean: ## Remove .venv and caches, but not runs/
	rm -rf $(VENV) docs/_build docs/reference/commands docs/reference/generated .pytest_cache .ruff_cache .mypy_cache .hypothesis build dist platform/*.egg-info
