# The two that matter: `make demo` and `make test`. Both set up what they need.
PYTHON ?= python3
BIN := .venv/bin
# Python keeps what it has compiled: each start of a command from source alone takes twice as long.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test fast thorough e2e bench pictures faults mutants reference docker tailnet prometheus clean

demo: .venv/ready docker
	$(BIN)/fleet lab demo

test: fast thorough e2e

# No Docker needed: format, lint, types, import rules, unit, edge and contract tests.
fast: .venv/ready
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/pytest -q -n 2 --dist worksteal -m "not e2e and not thorough"

# Killed at every call, interleaved at every call, thousands of simulated histories. No Docker either.
thorough: .venv/ready
	$(BIN)/pytest -q -n 2 --dist worksteal -m thorough --timeout 600

# Real SSH, systemd, Docker and compose, on the lab: one for each process, each file of tests in one of them. Most of it
# is waiting, so that three of them fit two cores. Three labs on a busy computer may miss a limit of time: what failed is
# told, and must pass alone.
E2E := $(BIN)/pytest -q -m e2e --timeout 900
e2e: .venv/ready docker tailnet prometheus
	$(E2E) -n 3 --dist loadfile --no-loadscope-reorder --durations 10 || { [ $$? -eq 1 ] && \
		echo "end to end: what failed, once more and alone" && $(E2E) --last-failed --last-failed-no-failures none; }

bench: .venv/ready docker
	$(BIN)/python -m tests.bench

# The real commands over made-up fleets, as SVG; a fast test says when they are out of date.
pictures: .venv/ready
	$(BIN)/python -m tests.pictures

# Faults made on a machine of the lab: how long until each is found, and repaired. Writes docs/faults.md.
faults: .venv/ready docker
	$(BIN)/python -m tests.faults

# Deliberate faults in the code, each of which some test must catch.
mutants: .venv/ready
	$(BIN)/python -m tests.mutants

# docs/reference, and the words that completion knows: written from the program.
reference: .venv/ready
	$(BIN)/python -m tests.reference

docker:
	tools/ensure-docker

# Where they cannot be had, the tests that need them say so at the end.
tailnet:
	tools/ensure-tailnet || true

prometheus:
	tools/ensure-prometheus || true

.venv/ready: pyproject.toml uv.lock
	$(PYTHON) -m venv .venv || tools/ensure-venv $(PYTHON)
	$(BIN)/python -m pip install --quiet "uv>=0.9"
	$(BIN)/uv sync --quiet --frozen --all-extras --compile-bytecode
	touch $@

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
