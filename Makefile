# `make study` and `make test` set up .venv by themselves, once; ARGS passes options on.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python

.PHONY: study test lint clean

study: $(VENV)/.ready
	$(RUN) run_notebooks.py --jobs 2 $(ARGS)

test: $(VENV)/.ready
	OMP_NUM_THREADS=1 $(RUN) -m pytest -n auto --dist loadfile $(ARGS)

lint: $(VENV)/.ready
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/basedpyright --level error

$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "HandID needs Python 3.11 or newer: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[test,cnn]"
	@touch $@

clean:
	rm -rf runs reports/smoke reports/demo reports/full reports/paper
