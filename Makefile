# Each target does its own set-up in .venv: nothing is asked, nothing needs root.
#   make demo                              segment the bundled sample into out/demo
#   make demo INPUT=file MODEL=cardiac-mr  segment any volume
#   make test | lint | types | clean       tests, style, types (mypy), back to a fresh clone
#   make test-fast                         the daily round: all but what is slow or starts the simulated Slicer, a browser, an environment
#   make test-faults                       the fault suite alone: damaged files, kills, full disks, tampered models
#   make test-versions                     lowest and newest dependencies (torch as locked), other Pythons, viewers' readers of DICOM: needs the package indices
#   make python312                         an environment of Slicer's Python without PyTorch, for the tests marked python312
#   make coverage                          lines of engine, scene, batch and measure that tests run; which they miss
#   make screenshots                       write the images in Screenshots
#   make measure                           how fast the panel responds, on the simulated Slicer interface
#   make soak                              300 segmentations and 100 workers: memory growth and leftovers
#   make bench-env                         nnU-Net v2 and MONAI in .bench-env, for dinsegment bench --rivals
#   make system-packages                   Debian's libraries for offscreen rendering and Qt, a browser, DICOM tools, where you may install them
#   make dist                              the wheel, in dist
#   make lock                              write requirements.lock from .venv
# TORCH_INDEX=https://download.pytorch.org/whl/cpu takes torch from its publisher's CPU index.

INPUT :=
MODEL :=
TORCH_INDEX ?=
export INPUT MODEL TORCH_INDEX

VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
TORCH := $(shell grep '^torch==' requirements.lock)
SUPPORTED = import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON = $(firstword $(foreach p,python3.11 python3.12 python3.13 python3,$(shell $(p) -c '$(SUPPORTED)' 2>/dev/null && echo $(p))))
PIP = PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONNOUSERSITE=1 $(PY) -m pip install --quiet

# Tests find a home, caches and temporary files inside the checkout.
SCRATCH := $(CURDIR)/build
INSIDE := HOME="$(SCRATCH)/home" XDG_CACHE_HOME="$(SCRATCH)/home/.cache" XDG_CONFIG_HOME="$(SCRATCH)/home/.config" \
	TMPDIR="$(SCRATCH)/tmp" PYTHONNOUSERSITE=1

# A process for each core, each with one thread; the tests of one file stay together, and the panel's come last.
SPREAD := --dist loadfile --no-loadscope-reorder --tx '$(shell nproc 2>/dev/null || echo 2)*popen//python=$(PY) -X warn_default_encoding'

FAST := $(addprefix Testing/,architecture batch checks engine inputs io measure model network phantom pictures test_api.py \
	test_bounded.py test_messages.py test_runtime.py test_tabular.py)

SYSTEM_PACKAGES := python3-venv libosmesa6 libegl1 libegl-mesa0 libgl1-mesa-dri libgl1 libx11-6 libxkbcommon0 \
	libfontconfig1 libfreetype6 libglib2.0-0 libdbus-1-3 chromium poppler-utils dcmtk dicom3tools orthanc orthanc-dicomweb

.PHONY: demo dist test test-fast test-faults test-versions python312 coverage lint types lock screenshots measure soak bench-env system-packages clean
.DEFAULT_GOAL := demo

demo: $(READY)
	@$(PY) -m DINSegmentLib demo --output out/demo $${INPUT:+--input "$$INPUT"} $${MODEL:+--model "$$MODEL"}

test: $(READY)
	@mkdir -p "$(SCRATCH)/home" "$(SCRATCH)/tmp"
	@$(INSIDE) OMP_NUM_THREADS=1 $(PY) -m pytest $(SPREAD) --basetemp="$(SCRATCH)/pytest"

test-fast: $(READY)
	@mkdir -p "$(SCRATCH)/home" "$(SCRATCH)/tmp"
	@$(INSIDE) OMP_NUM_THREADS=1 $(PY) -m pytest $(SPREAD) -m "not slow and not versions and not faults" --basetemp="$(SCRATCH)/pytest" $(FAST)

test-faults: $(READY)
	@mkdir -p "$(SCRATCH)/home" "$(SCRATCH)/tmp"
	@$(INSIDE) OMP_NUM_THREADS=1 $(PY) -m pytest $(SPREAD) -m faults --basetemp="$(SCRATCH)/pytest"

test-versions: $(READY)
	@mkdir -p "$(SCRATCH)/tmp"
	@TMPDIR="$(SCRATCH)/tmp" $(PY) -m pytest -m versions --basetemp="$(SCRATCH)/pytest"

python312:
	@python=$$(ls $(HOME)/.pyenv/versions/3.12.*/bin/python 2>/dev/null | tail -n 1); python=$${python:-$$(command -v python3.12)}; \
	if ! $$python -c 'import venv, ensurepip' 2>/dev/null; then \
		echo "There is no Python 3.12 here: the tests marked python312 will skip."; exit 0; fi; \
	mkdir -p build && $$python -m venv build/python312 && \
	grep -E '^[A-Za-z]' requirements.lock | grep -vE '^(torch|triton|nvidia-)' > build/python312/lock.txt && \
	build/python312/bin/python -m pip install --quiet --no-deps --requirement build/python312/lock.txt && \
	build/python312/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .

coverage: export COVERAGE_FILE := $(SCRATCH)/coverage/data
coverage: $(READY)
	@mkdir -p "$(SCRATCH)/home" "$(SCRATCH)/tmp" "$(SCRATCH)/coverage"
	@$(PY) -m coverage erase
	@$(INSIDE) $(PY) -m coverage run -m pytest --basetemp="$(SCRATCH)/pytest" \
		Testing/engine Testing/scene Testing/batch Testing/measure Testing/cli Testing/io
	@$(PY) -m coverage combine --quiet
	@for floor in engine scene batch measure; do echo; echo "$$floor:"; \
		$(PY) -m coverage report --include="*/DINSegmentLib/$$floor/*" --fail-under=90 || exit 1; done

screenshots: $(READY)
	@mkdir -p "$(SCRATCH)/home" "$(SCRATCH)/tmp"
	@$(INSIDE) PYTHONPATH=Testing $(PY) -m desk.screenshots

measure: $(READY)
	@PYTHONPATH=Testing $(PY) -m desk.measure

soak: $(READY)
	@PYTHONPATH=Testing $(PY) -m desk.soak

bench-env:
	@$(PYTHON) -m venv .bench-env
	@PIP_NO_INPUT=1 .bench-env/bin/python -m pip install --quiet $(if $(TORCH_INDEX),--extra-index-url "$(TORCH_INDEX)") \
		$(TORCH) nnunetv2==2.8.1 monai einops

lint: $(READY)
	@$(PY) -m ruff check .
	@$(PY) -m ruff check --quiet --preview --select PLW1514 .  # a text file is opened with its encoding named
	@$(PY) -m ruff format --check --quiet .

types: $(READY)
	@$(PY) -m mypy

lock: $(READY)
	@{ head -n 1 requirements.lock; $(PY) -m pip freeze --all --exclude pip --exclude-editable | sed 's/+cpu$$//'; } \
		> requirements.lock.new && mv requirements.lock.new requirements.lock

# A checkout that was moved is set up again: the environment names its old place.
ifneq ($(shell cat $(READY) 2>/dev/null),$(CURDIR))
.PHONY: $(READY)
endif

$(READY): requirements.lock pyproject.toml
	@command -v git >/dev/null || { echo "git is missing: install it (Debian: apt-get install git)."; exit 1; }
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is missing: install it (Debian 12: apt-get install python3 python3-venv)."; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
		{ echo "Python's venv module is missing: install it (Debian: apt-get install python3-venv)."; exit 1; }
	@echo "Setting up $(VENV) with $(PYTHON): some minutes the first time."
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) --no-deps $(if $(TORCH_INDEX),--index-url "$(TORCH_INDEX)") $(TORCH)
	@$(PIP) --requirement requirements.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@printf '%s\n' "$(CURDIR)" > $@

system-packages:
	@missing=; for p in $(SYSTEM_PACKAGES); do \
		dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; done; \
	if [ -z "$$missing" ]; then echo "All system packages are installed."; exit 0; fi; \
	if [ "$$(id -u)" = 0 ]; then root=; elif sudo -n true 2>/dev/null; then root="sudo -n"; else root=no; fi; \
	if [ "$$root" != no ] && $$root apt-get -q update && \
		$$root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $$missing; then exit 0; fi; \
	echo "Skipped, not installed:$$missing. Tests that need them will skip; as root: apt-get install$$missing"

dist: $(READY)
	@$(PY) -m pip wheel --quiet --no-build-isolation --no-deps --wheel-dir dist . && ls dist/*.whl

clean:
	rm -rf $(VENV) .bench-env build dist out *.egg-info .pytest_cache .ruff_cache .mypy_cache
	find DINSegment DINSegmentLib Testing -name __pycache__ -prune -exec rm -rf {} +
