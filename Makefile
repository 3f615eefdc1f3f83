# `make run` sets up and starts the service; `make test` sets up and passes all tests.
# Needs Python 3.10 or newer, and gcc with the Python headers for durable-rules.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8080

.PHONY: run test lint bench clean

run: $(VENV)/.installed
	$(BIN)/cds serve --port $(PORT)

test: $(VENV)/.tested
	$(BIN)/cds lint
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile

lint: $(VENV)/.installed
	$(BIN)/cds lint

bench: $(VENV)/.tested
	$(BIN)/python -m benchmarks.run

# durable-rules is built first, from source: with the flag it also compiles on Python 3.13 and newer, and without the cache a
# wheel that was once built without the flag cannot come back.  Where it cannot be built the service runs without it and says so.
$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip wheel setuptools
	CPPFLAGS='-DPyEval_CallObject=PyObject_CallObject' $(BIN)/python -m pip install --quiet --no-cache-dir durable-rules==2.0.28 \
		|| echo "durable-rules could not be built; the service will run on the reference evaluator alone"
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.tested: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@

clean:
	rm -rf $(VENV)
