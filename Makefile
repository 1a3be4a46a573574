# Every target does its own set-up in .venv; a second run needs no network.
.PHONY: help demo gui test stress lint bench bench-gui screenshots peers posttraining conformance fuzz edge-test clean
.DEFAULT_GOAL := help

PYTHON := .venv/bin/python
SPIKELET := .venv/bin/spikelet
DEMO := build/vgg9-cifar10.snnb

help: ## say what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

demo: ## convert the shipped network, verify the bundle, classify the shipped images, report what it costs
	@.ci/setup demo
	@mkdir -p build
	$(SPIKELET) convert assets/vgg9-cifar10.pt -o $(DEMO)
	$(SPIKELET) verify $(DEMO)
	$(SPIKELET) run $(DEMO) --steps 8 --engine numpy
	$(SPIKELET) run $(DEMO) --steps 8 --engine onnx
	$(SPIKELET) run $(DEMO) --steps 8 --engine native
	$(SPIKELET) report $(DEMO) --steps 8 -o build/report.html

gui: ## look into the shipped bundle, in a window
	@.ci/setup gui
	$(SPIKELET) gui $(wildcard assets/spikelet_assets/vgg9-cifar10.snnb)

test: ## run all tests, on every core
	@.ci/setup dev
	$(PYTHON) -m pytest -q -n auto --dist worksteal

stress: ## measure what depends on the machine: seconds, resident memory, threads, how long the window is blocked
	@.ci/setup dev
	$(PYTHON) -m pytest -q tests/stress

lint: ## style, types, who imports whom
	@.ci/setup dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy --no-error-summary
	.venv/bin/lint-imports --no-cache

bench: ## time the engines, their float networks and peers (writes docs/benchmarks.md and the README's table), counting, Brian2
	@.ci/setup dev
	$(SPIKELET) bench assets/spikelet_assets/vgg9-cifar10.snnb
	$(PYTHON) tests/benchmarks/onnx_engine.py
	$(PYTHON) tests/benchmarks/counting.py
	$(PYTHON) tests/benchmarks/brian2_validation.py
	@.ci/peers -c "" # what it says when it installs them belongs to no table
	.ci/peers tests/benchmarks/speed.py >build/benchmarks.md
	@mv build/benchmarks.md docs/ && cat docs/benchmarks.md && $(PYTHON) tests/benchmarks/readme.py
	$(PYTHON) tests/benchmarks/training.py

bench-gui: ## start of the window, and frames a second while the time cursor is scrubbed
	@.ci/setup dev
	QT_QPA_PLATFORM=offscreen $(PYTHON) tests/benchmarks/inspector.py

screenshots: ## draw the pictures of the documentation anew
	@.ci/setup dev
	$(PYTHON) docs/screenshots.py

edge-test: ## the same bundle on emulated boards, bit for bit: aarch64 (IMAGES=…), Cortex-M4, Cortex-M7, riscv64, s390x
	@.ci/setup edge
	$(PYTHON) tests/edge/run.py --images $(or $(IMAGES),500)

peers: ## networks of snnTorch, SpikingJelly, sinabs, Norse and Brevitas, there and here: the same spikes, ties listed
	@.ci/peers -m pytest -q -W default -o addopts=--import-mode=importlib tests/peers

posttraining: ## a plain ReLU network converted here and by SpikingJelly, at T = 8, 16, 32 (DATA=…, ARGS="--epochs 20")
	@.ci/peers tests/benchmarks/posttraining.py $(DATA) $(ARGS)

conformance: ## every engine and Brian2 over 5,000 random networks, and all shipped images: the long form of what make test does
	@.ci/setup dev
	SPIKELET_CONFORMANCE=5000 $(PYTHON) -m pytest -q tests/conformance

fuzz: ## read 1,000,000 mutated bundles under limits (COUNT=…), then let coverage guide (SECONDS=…)
	@.ci/setup dev
	PYTHONPATH=tests/support nice -n 10 $(PYTHON) tests/stress/fuzz.py --count $(or $(COUNT),1000000) --seconds 1
	PYTHONPATH=tests/support nice -n 10 $(PYTHON) tests/stress/fuzz_coverage.py --seconds $(or $(SECONDS),600)

.PHONY: faults soak wheel audit
faults: ## kill commands 200 times (KILLS=…); full disks, closed folders, too little memory
	@.ci/setup dev
	PYTHONPATH=tests/support nice -n 5 $(PYTHON) tests/stress/faults.py --limits --kills $(or $(KILLS),200)

soak: ## a stream of 1,000,000 time-steps on every engine (STEPS=…); threads and processes at once
	@.ci/setup dev
	PYTHONPATH=tests/support $(PYTHON) tests/stress/soak.py --steps $(or $(STEPS),1000000)

wheel: ## build the wheel; the same commit gives the same bytes
	@.ci/setup dev
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(PYTHON) -m pip --disable-pip-version-check wheel -q --no-deps --no-build-isolation -w dist .
	sha256sum dist/*.whl

audit: ## hold the pinned versions against known vulnerabilities (needs the network)
	python3 -m venv build/audit
	build/audit/bin/python -m pip install -q pip-audit
	build/audit/bin/pip-audit --strict --no-deps --disable-pip -r .ci/lock.txt

clean: ## remove what was built, and .venv
	rm -rf .venv build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
