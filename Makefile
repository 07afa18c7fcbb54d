# `make study` and `make test` set up .venv by themselves, once; ARGS passes options on.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip install --quiet --disable-pip-version-check
EXTRAS := --extra test --extra cnn --extra cluster --extra gallery --extra app --extra tuning

.PHONY: study app test test-lowest lint constraints licences clean

study: $(VENV)/.ready
	$(RUN) run_notebooks.py --jobs 2 $(ARGS)

# A page of this machine alone: drop photographs, see who would be named, move the threshold.
app: $(VENV)/.ready
	$(RUN) run_notebooks.py --app $(ARGS)

test: $(VENV)/.ready
	OMP_NUM_THREADS=1 $(RUN) -m pytest -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

lint: $(VENV)/.ready
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/basedpyright --level error

$(VENV)/.ready: pyproject.toml constraints.txt jupyter_lab_config.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "HandID needs Python 3.11 or newer: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) --require-hashes --no-deps -r constraints.txt
	$(PIP) --no-deps --no-build-isolation -e .
	@mkdir -p $(VENV)/etc/jupyter && cp jupyter_lab_config.py $(VENV)/etc/jupyter/
	@touch $@

# The newest versions within pyproject.toml's ranges, with the digests of all their files.
constraints: $(VENV)/.ready
	$(PIP) uv
	head -3 constraints.txt > $(VENV)/constraints
	echo setuptools | $(VENV)/bin/uv pip compile pyproject.toml - $(EXTRAS) --universal --python-version 3.11 \
		--generate-hashes --upgrade --no-header --no-annotate --quiet >> $(VENV)/constraints
	mv $(VENV)/constraints constraints.txt

# A table of every dependency's licence, from what the packages say of themselves.
licences: $(VENV)/.ready
	$(RUN) benchmarks/licences.py > docs/licences.md

# The tests with the lowest versions of pyproject.toml, in a virtual environment of their own (8 GB).
LOWEST := $(VENV).lowest
test-lowest:
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check uv
	$(LOWEST)/bin/uv pip compile pyproject.toml $(EXTRAS) --python $(LOWEST)/bin/python --resolution lowest-direct \
		--no-header --no-annotate --quiet > $(LOWEST)/versions
	$(LOWEST)/bin/uv pip install --quiet --python $(LOWEST)/bin/python -r $(LOWEST)/versions
	$(LOWEST)/bin/python benchmarks/lowest.py
	PYTHONPATH=$(CURDIR) OMP_NUM_THREADS=1 $(LOWEST)/bin/python -m pytest -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

clean:
	find reports -mindepth 1 -maxdepth 1 -type d ! -name example -exec rm -rf {} +
	rm -rf runs
