# `make demo` and `make test` each work on a fresh Debian 12 with Python 3.11; both build .venv first.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 3
# Set in many containers; each of some 200 processes would compile what it imports anew, 5 s of torch alone.
unexport PYTHONDONTWRITEBYTECODE

PYTEST = OMP_NUM_THREADS=1 $(BIN)/python -m pytest

.PHONY: demo test test-quick fuzz check format wheel constraints clean

demo: $(VENV)/.ready-demo
	@$(BIN)/synth demo

test: $(VENV)/.ready-dev
	$(PYTEST) -n $(WORKERS) --dist loadfile --no-loadscope-reorder --durations=10

# Without what takes more than some seconds: no network learns, no robot moves, nothing is rendered.
test-quick: $(VENV)/.ready-dev
	$(PYTEST) -m "not slow and not fuzz" -n $(WORKERS) --dist loadfile --durations=10

# Damaged data for every entry point that reads any; FUZZ_EXAMPLES=2000 for a night.
fuzz: $(VENV)/.ready-dev
	$(PYTEST) -m fuzz tests/fuzz -n $(WORKERS) -W ignore::RuntimeWarning

check: $(VENV)/.ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/check_tree.py

format: $(VENV)/.ready-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

wheel: $(VENV)/.ready-dev
	$(BIN)/python -m build --wheel --no-isolation

constraints: $(VENV)/.ready-dev
	$$(scripts/bootstrap.sh) pip compile -q pyproject.toml --extra dev --python-version 3.11 \
	  --no-header --no-annotate -o constraints.txt
	$$(scripts/bootstrap.sh) pip compile -q pyproject.toml --extra realsense --python-version 3.11 \
	  --no-header --no-annotate -o constraints-realsense.txt

clean:
	rm -rf $(VENV) .tools demo dist

# One environment; the stamp names the extras that stand in it. The demo's has all: what it ends with names
# networks as ONNX, and the pages that it leads to go on with synth export-model and synth dataset view.
$(VENV)/.ready-%: pyproject.toml constraints.txt scripts/bootstrap.sh
	@set -e; \
	case $* in dev) uv=$$(scripts/bootstrap.sh chromium) ;; *) uv=$$(scripts/bootstrap.sh) ;; esac; \
	[ -x $(BIN)/python ] || "$$uv" venv -q --python $(PYTHON) $(VENV); \
	case $* in demo) extras=all ;; *) extras=$* ;; esac; \
	echo "Installing synth[$$extras] into $(VENV) (the first time takes some minutes) ..."; \
	"$$uv" pip install -q --python $(BIN)/python -c constraints.txt -e ".[$$extras]"; \
	touch $@
