# make demo | make test | make check | make bench - each makes the environment first; nothing else is needed.
PYTHON ?= $(shell for p in python3.12 python3.11 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null \
	&& command -v $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test check lint bench bench-people drill reference journeys lock audit clean

help:
	@echo 'make demo    5,000 invented people, 90 virtual days, one report (a minute or two; sends nothing)'
	@echo 'make test    all tests'
	@echo 'make check   ruff, mypy --strict, all tests: what CI and pre-commit run'
	@echo 'make reference  docs/reference.md, from the tables that journeys are read with'
	@echo 'make journeys   docs/journeys.md and its pictures, from the starters of sojourn new'
	@echo 'make drill   the proofs: kills, freezes, hostile servers, broken files (about ten minutes; JSON=1)'
	@echo 'make audit   known holes in what is locked, by the public index (SBOM=FILE writes the list, CycloneDX)'
	@echo 'make bench   the engine beside a bare pipeline, CPU per contact; then events a second that come in (JSON=1)'
	@echo 'make bench-choice  the choice beside other learners, about 10 minutes (FULL=1 all seeds; DATA=DIR real logs; JSON=1)'
	@echo 'make bench-people  targeting, plan, value, recommendations: each aim and what was measured (DATA=DIR real logs; ONLY=G14; JSON=1)'

$(READY): requirements.lock pyproject.toml
	@if [ -z "$(PYTHON)" ]; then echo "sojourn needs Python 3.11 or 3.12; found: $$(python3 --version 2>&1 || echo none). Install one, or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; fi
	@[ -x $(BIN)/python ] || "$(PYTHON)" -m venv $(VENV) || { echo "python3 cannot make an environment; install its venv module (Debian: apt-get install python3-venv)" >&2; exit 1; }
	@echo 'installing what sojourn needs into $(VENV) (once)'
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY)
	@$(BIN)/sojourn demo --keep sojourn-demo $(ARGS)

test: $(READY)
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

lint: $(READY)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

check: lint test
	@$(BIN)/python -m pytest tests/core --cov --cov-report=term-missing:skip-covered --cov-fail-under=100 -q

bench: $(READY)
	@$(BIN)/python -m benchmarks.bench $(if $(JSON),--json) $(ARGS)

reference: $(READY)
	@$(BIN)/python -m journeys.reference > docs/reference.md

journeys: $(READY)
	@$(BIN)/python -m journeys.gallery docs

bench-choice: $(READY)
	@$(BIN)/python -c 'import mabwiser' 2>/dev/null || $(BIN)/python -m pip install --quiet $$($(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["choice"])' | tr -d ' ') || echo 'mabwiser could not be installed: its rows are left out' >&2
	@$(BIN)/python -m benchmarks.choice $(if $(JSON),--json) $(if $(FULL),--full) $(if $(DATA),--data $(DATA)) $(ARGS)

bench-people: $(READY)
	@$(BIN)/python -m benchmarks.people $(if $(JSON),--json) $(if $(DATA),--data $(DATA)) $(if $(ONLY),--only $(ONLY)) $(ARGS)

drill: $(READY)
	@$(BIN)/sojourn drill $(if $(JSON),--json) $(ARGS)

lock: $(READY)
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile --quiet pyproject.toml --all-extras --group dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-annotate --no-header -o requirements.lock

# Asks the public index what is known of every locked version; fails where the index does not know one (a mirror, no
# network): nothing that was not looked at is called sound. Not a part of `make check`, which must pass offline.
audit: $(READY)
	@[ -x $(VENV)/audit/bin/pip-audit ] || { $(BIN)/python -m venv $(VENV)/audit && $(VENV)/audit/bin/pip install --quiet pip-audit; } \
		|| { rm -rf $(VENV)/audit; echo 'pip-audit cannot be installed: the package index does not answer; nothing was looked at' >&2; exit 1; }
	@$(VENV)/audit/bin/pip-audit --strict --require-hashes --disable-pip -r requirements.lock \
		$(if $(SBOM),--format cyclonedx-json --output $(SBOM)) $(ARGS)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
