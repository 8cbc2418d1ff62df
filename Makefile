# SampleRNN for Pure Data. `make` alone lists the targets.
# PYTHON=/path/to/python3 chooses the Python (3.10 to 3.13), TESTS=tests/unit/test_x.py the tests,
# TIME=60 the seconds of `make fuzz` and `make soak`.

SAMPLERNN := .venv/bin/samplernn
TESTS ?= tests
TIME ?= 60
export PYTHON

.DEFAULT_GOAL := help
.PHONY: help install demo play test test-fast fuzz soak lint format deken clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' Makefile

install: ## install what is missing: Pd, .venv and the project in it
	@sh install.sh

demo: install ## 4 seconds from the bundled model, in a real Pd: demo.wav and demo.png
	@$(SAMPLERNN) demo

play: install ## open the patch
	@$(SAMPLERNN) play

test: ## run all tests, those in a real Pd included; those that play live run alone, at the end
	@sh install.sh test
	@sh tests/run.sh $(TESTS)

test-fast: ## run the tests that need neither Pd nor TensorFlow
	@sh install.sh test
	@.venv/bin/python -m pytest -q -m "not pd and not tensorflow and not slow" $(TESTS)

fuzz: ## feed hostile models, files and frames to the readers for TIME seconds
	@sh install.sh test
	@sh tests/fuzz/run.sh $(TIME)

soak: ## send random messages to a real Pd for TIME seconds: soak.json and soak.png
	@sh install.sh test
	@PYTHONPATH=.:tests/support .venv/bin/python -m bench.soak --time $(TIME)

lint: ## check style, types, C++ format and workflows
	@sh install.sh test
	@sh lint.sh

format: ## format Python, C and C++
	@sh install.sh test
	@sh lint.sh format

deken: install ## build a package for Pd's "Find externals", in dist/
	@sh pd/deken/package.sh

clean: ## remove everything that these targets created
	rm -rf .venv build dist *.egg-info demo.json demo.wav demo.png soak.json soak.png pd/pyext..pd_* pd/pyext/pyext*.pd_* samplernn_pd/worker_python.txt
	find . -name __pycache__ -prune -exec rm -rf {} +
	rm -rf .pytest_cache .ruff_cache .mypy_cache
