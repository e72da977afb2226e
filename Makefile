# Everything needs only Python 3.11 or newer and make: the first target to run sets the rest up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test lint types layers pytest spark floor data bench zoo power benchmark calibrate clean help

help:            ## what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test,lint]'
	@touch $(READY)

demo: $(READY)   ## run the two worked studies and say where their pages are
	$(BIN)/deepvalue run analyses/synthetic_employment/plan.toml --output reports/synthetic_employment
	$(BIN)/deepvalue run analyses/help_primary_care/plan.toml --output reports/help_primary_care

test: lint types layers pytest   ## all checks

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

layers: $(READY)
	$(BIN)/lint-imports

pytest: $(READY)
	$(BIN)/python -m pytest

spark: $(READY)  ## the cases and laws of the clock on Spark, and a study from end to end (Java 17)
	$(PYTHON) -m venv .venv-spark
	.venv-spark/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test,spark]'
	DEEPVALUE_TEST_ENGINE=spark .venv-spark/bin/python -m pytest tests/spark tests/unit/test_linkage_cases.py tests/unit/test_linkage_episodes.py tests/unit/test_linkage_exposure.py tests/unit/test_linkage_outcomes.py tests/unit/test_linkage_durations.py tests/unit/test_linkage_waves.py tests/property/test_linkage_laws.py

floor:           ## the tests on the oldest versions that pyproject.toml allows (Python 3.11)
	$(PYTHON) -m venv .venv-floor
	.venv-floor/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints-floor.txt --editable '.[test]'
	.venv-floor/bin/python -m pytest

data: $(READY)   ## make the synthetic extracts and their dictionary anew
	$(BIN)/deepvalue simulate everyday --area employment --services 24 --practitioners 5 --caseload 45 --seed 20110523 --output synthetic_data/employment --replace
	$(BIN)/deepvalue simulate everyday --area debt --services 24 --practitioners 5 --caseload 45 --seed 20110524 --output synthetic_data/debt --replace
	$(BIN)/deepvalue simulate everyday --area health --services 24 --practitioners 5 --caseload 45 --seed 20110525 --output synthetic_data/health --replace
	$(BIN)/deepvalue simulate-families everyday --seed 20110526 --output synthetic_data/debt_families --replace
	$(BIN)/python -m deepvalue_stats.simulate.dictionary synthetic_data/README.md

bench: $(READY)  ## what every estimator says of every planted service (long; resumes where it was stopped)
	$(BIN)/python -m deepvalue_stats.bench --replicates 1000

zoo: $(READY)    ## one service of each kind, read, linked, fitted and judged; a page about all of them
	$(BIN)/python analyses/bias_zoo/run.py

benchmark: $(READY)  ## speed and memory of reading, models, scales and effects beside other packages (long)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[benchmark]'
	$(BIN)/python benchmarks/multilevel.py --million --memory
	$(BIN)/python benchmarks/validation.py
	$(BIN)/python benchmarks/measurement.py
	$(PYTHON) -m venv .venv-peer
	.venv-peer/bin/python -m pip install --quiet --disable-pip-version-check --requirement benchmarks/peer-requirements.txt
	$(BIN)/python benchmarks/effects.py --peer-python .venv-peer/bin/python
	$(BIN)/python benchmarks/panel.py --peer-python .venv-peer/bin/python
	$(BIN)/python benchmarks/panel_gee.py

power: $(READY)  ## simulated power beside the closed forms (long)
	$(BIN)/python benchmarks/check_power.py

calibrate: $(READY)  ## coverage of the multilevel intervals with few practitioners (long)
	$(BIN)/python benchmarks/calibrate_multilevel.py

clean:
	rm -rf $(VENV) .venv-floor .venv-spark .venv-peer build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
