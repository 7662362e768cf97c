# Everything runs in .venv, which each target builds when it is missing or older than its pins.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
BENCH ?=
QUICK ?=
FUZZ ?= 150000
SEED ?=

.PHONY: demo test fuzz lint bench docs gallery clean

demo: .venv/demo
	$(BIN)/divkit demo

test: .venv/dev
	$(BIN)/python -m pytest -n 2 --dist worksteal -q

fuzz: .venv/dev
	FUZZ=$(FUZZ) SEED=$(SEED) $(BIN)/python -m pytest -n 2 --dist worksteal tests/fuzz

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/bench
	cd benchmarks && ../$(BIN)/asv machine --yes && \
	  ../$(BIN)/asv run --python=same --show-stderr $(if $(BENCH),--bench '$(BENCH)',) $(if $(QUICK),--quick,)

docs: .venv/docs
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

gallery: .venv/dev
	mkdir -p docs/_build/pictures
	cd docs/_build/pictures && for script in ../../gallery/plot_*.py; do \
	  echo "$$script" && ../../../$(BIN)/python "$$script" || exit 1; done

clean:
	rm -rf .venv .asv docs/_build docs/_gallery docs/gallery/*.png divkit-report

.venv/demo: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) --editable '.[demo]'
	touch $@

.venv/dev: .venv/demo
	$(PIP) --editable '.[dev]'
	touch $@

.venv/bench: .venv/dev
	$(PIP) --editable '.[bench]'
	touch $@

.venv/docs: .venv/dev
	$(PIP) --editable '.[docs]'
	touch $@
