# What one does with this project; `make help` lists it. Python 3.11 or 3.12 and make are all that must be there.

VENV ?= .venv
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3 python,$(shell $(name) -c \
	"import sys; print('$(name)' if (3, 11) <= sys.version_info[:2] <= (3, 12) else '')" 2>/dev/null)))
HOST ?= 127.0.0.1
PORT ?= 3000
BACKEND ?= docker
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
BIN := $(VENV)/bin
RUN := $(BIN)/python -m

export BENTOML_DO_NOT_TRACK := True
unexport PYTHONDONTWRITEBYTECODE # without bytecode on disk, each import of TensorFlow takes minutes

.DEFAULT_GOAL := help
.PHONY: help serve test test-unit lint lock build containers secrets bench drill environment install python

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

serve: environment ## start the server on http://HOST:PORT (default 127.0.0.1:3000)
	@echo "IMIP starts on http://$(HOST):$(PORT); it is ready when /readyz answers, and Ctrl+C stops it."
	@echo "For research and teaching only, never for diagnosis."
	@$(RUN) bentoml serve service:service --host $(HOST) --port $(PORT)

test: environment ## run all tests; PYTEST="-k dicom" passes options
	$(RUN) pytest $(PYTEST)

test-unit: environment ## run the tests that need no server and no database, in a minute
	$(RUN) pytest tests/unit $(PYTEST)

lint: environment ## check style, types, and who imports whom
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(BIN)/lint-imports --no-cache --no-logo

build: environment ## pack both Bentos: the API, and the drift monitor with its TensorFlow
	IMIP_DRIFT_MONITOR=off $(RUN) bentoml build
	IMIP_DRIFT_MONITOR=beside $(RUN) bentoml build --bentofile bentofile-monitor.yaml

# BentoML reads a recipe of ours, deploy/Dockerfile.template, only below the folder that it is called in.
containers: private export TMPDIR = $(CURDIR)/build/containers
containers: build ## make both images for docker-compose.yml; BACKEND=podman makes them with Podman
	mkdir -p $(TMPDIR)
	$(RUN) bentoml containerize imip:latest --image-tag imip:$(VERSION) --backend $(BACKEND)
	$(RUN) bentoml containerize imip_drift_monitor:latest --image-tag imip-drift-monitor:$(VERSION) --backend $(BACKEND)

secrets: ## make the passwords that docker-compose.yml asks for
	@deploy/compose/secrets.sh

bench: environment ## measure what HTTP adds to the analysis, throughput, memory and start, and what each module costs
	$(RUN) tools.benchmarks.serving $(BENCH)
	$(RUN) tools.benchmarks.modules

drill: environment ## cause a drift, garbage, a flood and an outage, and see what alerts; DRILL="--data DIR"
	$(RUN) tools.benchmarks.drill $(DRILL)

COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock" $(UPGRADE)

lock: environment ## resolve the locks again; UPGRADE=--upgrade takes newer versions
	$(COMPILE) pyproject.toml --all-extras --output-file requirements.lock
	$(COMPILE) pyproject.toml --constraint requirements.lock --no-annotate --output-file requirements-serving.lock
	$(COMPILE) pyproject.toml --extra monitor --extra report --constraint requirements.lock --no-annotate --output-file requirements-monitor.lock
	echo uv | $(COMPILE) - --constraint requirements.lock --no-annotate --output-file requirements-uv.lock

environment: # a copy of the lock in the environment says what it was made from; its `imip` is this checkout's
	@cmp -s requirements.lock $(VENV)/requirements.lock || $(MAKE) --no-print-directory install
	@printf '#!/bin/sh\nPYTHONPATH="%s" exec "%s" -m imip "$$@"\n' "$(CURDIR)" "$(abspath $(BIN))/python" > $(BIN)/imip
	@chmod 755 $(BIN)/imip

install: ## create the environment from the lock, whether it is there or not
	@test -n "$(PYTHON)" || { echo "Python 3.11 or 3.12 is needed; name it with PYTHON=..."; exit 1; }
	@echo "Setting up $(VENV) with $(PYTHON): some 2 GB, once and after each change of the lock."
	$(PYTHON) -m venv $(VENV)
	$(RUN) pip install --disable-pip-version-check --require-hashes --requirement requirements-uv.lock
	$(BIN)/uv pip sync --python $(BIN)/python --require-hashes requirements.lock
	@$(BIN)/python -c "import cv2" || { \
		echo "OpenCV lacks libraries of the system; on Debian or Ubuntu: apt-get install libgl1 libglib2.0-0"; exit 1; }
	@cp requirements.lock $(VENV)/requirements.lock

python: # which Python an environment would be made with
	@echo $(PYTHON)
