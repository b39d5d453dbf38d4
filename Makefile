# PIP_ARGS chooses PyTorch's wheels, for instance
#   make quickstart PIP_ARGS="--extra-index-url https://download.pytorch.org/whl/cpu"
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
PIP_ARGS ?=
QUICKSTART_ARGS ?=
OUT ?= quickstart-out

.PHONY: install quickstart test test-slow check docs benchmarks clean

install: $(VENV)/installed

quickstart: $(VENV)/installed
	$(VENV)/bin/t2t quickstart --out $(OUT) $(QUICKSTART_ARGS)

# A process of tests for each processor, at most 8; the models are tiny: a second thread in each
# only waits. worksteal keeps the tests of a file together, and gives an idle process others' last.
PYTEST = HF_HUB_OFFLINE=1 HF_EVALUATE_OFFLINE=1 OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -q \
	--numprocesses logical --maxprocesses 8

test: $(VENV)/installed
	$(PYTEST) --dist worksteal

# A file's tests share minutes of training, so that each file stays in one process.
test-slow: $(VENV)/installed
	$(PYTEST) --dist loadfile -m slow

check: $(VENV)/installed
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy --strict t2t tasks

docs: $(VENV)/installed
	$(VENV)/bin/python docs/generate.py

benchmarks: $(VENV)/installed
	OMP_NUM_THREADS=1 $(VENV)/bin/python benchmarks/denoising.py
	OMP_NUM_THREADS=1 $(VENV)/bin/python benchmarks/mixing.py
	OMP_NUM_THREADS=1 $(VENV)/bin/python benchmarks/optimizers.py
	OMP_NUM_THREADS=1 $(VENV)/bin/python benchmarks/attention.py
	OMP_NUM_THREADS=1 $(VENV)/bin/python benchmarks/train_step.py
	OMP_NUM_THREADS=1 $(VENV)/bin/python benchmarks/decoding.py

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "t2t needs Python 3.11 or newer: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --upgrade pip
	$(VENV)/bin/python -m pip install --quiet --constraint constraints.txt $(PIP_ARGS) --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) quickstart-out build dist
