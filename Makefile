# Every target sets up .venv itself; a second run needs no internet connection.
.PHONY: help demo gui test stress lint bench bench-speed bench-instructions bench-gui accuracy screenshots peers posttraining gpu-study conformance vectors fuzz edge-test clean
.DEFAULT_GOAL := help

# ONNX Runtime sends no usage events, also where a script imports it without spikelet
export ORT_DISABLE_TELEMETRY := 1

PYTHON := .venv/bin/python
SPIKELET := .venv/bin/spikelet
DEMO := build/vgg9-cifar10.snnb

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

demo: ## convert the shipped network, verify the bundle, classify the shipped images, compare copies, write a report
	@.ci/setup demo
	@mkdir -p build
	$(SPIKELET) convert assets/vgg9-cifar10.pt -o $(DEMO)
	$(SPIKELET) verify $(DEMO)
	$(SPIKELET) run $(DEMO) --steps 8 --engine numpy
	$(SPIKELET) run $(DEMO) --steps 8 --engine onnx
	$(SPIKELET) run $(DEMO) --steps 8 --engine native
	$(SPIKELET) plan $(DEMO) --copies 1,4=1 --steps 8 --no-early-exit --all --time
	$(SPIKELET) report $(DEMO) --steps 8 -o build/report.html

gui: ## open the shipped bundle in the inspector
	@.ci/setup gui
	$(SPIKELET) gui $(wildcard assets/spikelet_assets/vgg9-cifar10.snnb)

test: ## run all tests, on every core
	@.ci/setup dev
	$(PYTHON) -m pytest -q -n auto --dist worksteal

stress: ## run the tests that depend on the machine: seconds, resident memory, threads, blocking of the window
	@.ci/setup dev
	$(PYTHON) -m pytest -q tests/stress

lint: ## check style, types and import layers
	@.ci/setup dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy --no-error-summary
	.venv/bin/lint-imports --no-cache

bench: ## time engines, float networks and other frameworks (writes docs/results/benchmarks.md and the table of the README)
	@.ci/setup dev
	$(SPIKELET) bench assets/spikelet_assets/vgg9-cifar10.snnb
	$(PYTHON) tests/benchmarks/onnx_engine.py
	$(PYTHON) tests/benchmarks/counting.py
	PYTHONPATH=tests/support $(PYTHON) tests/benchmarks/brian2_validation.py
	@$(MAKE) --no-print-directory bench-speed
	$(PYTHON) tests/benchmarks/training.py

bench-speed: ## the part of bench that writes docs/results/benchmarks.md (with AVX-512), benchmarks-avx2.md, and the tables of speed.md and the README (eight minutes on an idle machine)
	@.ci/peers -c "" # install first: its messages do not belong in the table
	.ci/peers tests/benchmarks/pages.py

bench-instructions: ## count instructions of generated C per image, on x86-64 and emulated boards (writes docs/results/instructions.md; ARGS="--release NAME" stores the counts for comparison, "--threads" and "--deployed" count threads of one image and other runtimes too, "--networks NAME" keeps the counts of the others, "--only" those of all, "--x86" those of emulated processors)
	@.ci/setup edge
	PYTHONPATH=tests/support $(PYTHON) tests/benchmarks/instructions.py $(ARGS)

bench-gui: ## time the start of the window, and frames per second while the time cursor moves
	@.ci/setup dev
	PYTHONPATH=tests/support QT_QPA_PLATFORM=offscreen $(PYTHON) tests/benchmarks/inspector.py

docs: ## build the documentation site into build/site; every warning is an error
	@.ci/setup docs
	$(PYTHON) docs/drawings.py
	NO_MKDOCS_2_WARNING=1 $(PYTHON) -m mkdocs build --strict --quiet
	@echo build/site/index.html

accuracy: ## test the shipped networks on full test splits (CIFAR10=…, CIFAR100=…, FASHION_MNIST=…, TUNED=NAME=CHECKPOINT, ARGS=--missing; writes docs/results/accuracy.json and its tables)
	@.ci/setup dev
	$(PYTHON) tests/benchmarks/accuracy.py $(if $(CIFAR10),--cifar10 $(CIFAR10)) $(if $(CIFAR100),--cifar100 $(CIFAR100)) $(if $(FASHION_MNIST),--fashion-mnist $(FASHION_MNIST)) $(if $(TUNED),--tuned $(TUNED)) $(ARGS)

screenshots: ## write the screenshots of the documentation
	@.ci/setup dev
	$(PYTHON) docs/screenshots.py
	$(PYTHON) docs/web_screenshot.py

edge-test: ## compare every spike of one bundle (IMAGES=…) and of random networks (NETWORKS=…) on emulated aarch64, riscv64, s390x, Cortex-M4 and M7
	@.ci/setup edge
	$(PYTHON) tests/edge/run.py --images $(or $(IMAGES),500)
	PYTHONPATH=tests/support $(PYTHON) tests/edge/random_networks.py --count $(or $(NETWORKS),50)

peers: ## compare networks of snnTorch, SpikingJelly, sinabs, Norse and Brevitas with their imported graphs, spike by spike, and NIR files with their readers
	@.ci/peers -m pytest -q -W default -o addopts=--import-mode=importlib tests/peers

posttraining: ## compare the conversion of a plain ReLU network with that of SpikingJelly, at T = 8, 16, 32 (DATA=…, ARGS="--epochs 20")
	@.ci/peers tests/benchmarks/posttraining.py $(DATA) $(ARGS)

GPU_STUDIES ?= $(addprefix docs/studies/,resnet18-cifar100.toml resnet18-cifar10.toml vgg16-cifar100.toml vgg16-cifar10.toml)

gpu-study: ## train the next networks of a list for at most 570 s, with torch and NumPy alone (OUT=…, ARGS="--parallel 4")
	PYTHONPATH=runtime:converters python -m spikelet_converters.study.remote.device train $(GPU_STUDIES) --out $(OUT) --compile $(ARGS)

conformance: ## compare every engine, exported C, Brian2 and two readers on 5,000 random networks and all shipped images (make test: a sample)
	@.ci/setup dev
	SPIKELET_CONFORMANCE=5000 $(PYTHON) -m pytest -q -n auto --dist worksteal tests/conformance tests/runtime/c

vectors: ## write the conformance vectors, docs/vectors/ and docs/vectors.md
	@.ci/setup dev
	PYTHONPATH=tests/support $(PYTHON) -m conformance_vectors.generate

fuzz: ## read 1,000,000 mutated bundles under limits (COUNT=…), 200,000 with two readers (NETWORKS=…), 100,000 files of data, checkpoints and settings (FILES=…), then coverage-guided (SECONDS=…)
	@.ci/setup dev
	PYTHONPATH=tests/support nice -n 10 $(PYTHON) tests/stress/fuzz.py --count $(or $(COUNT),1000000) --seconds 1
	PYTHONPATH=tests/support nice -n 10 $(PYTHON) tests/stress/two_readers_campaign.py --count $(or $(NETWORKS),200000)
	PYTHONPATH=tests/support nice -n 10 $(PYTHON) tests/stress/data_campaign.py --count $(or $(FILES),100000)
	PYTHONPATH=tests/support nice -n 10 $(PYTHON) tests/stress/fuzz_coverage.py --seconds $(or $(SECONDS),600)

.PHONY: faults soak wheel audit docs
faults: ## kill commands 200 times at random (KILLS=…) and 100 times at file operations; full disks, too little memory
	@.ci/setup dev
	PYTHONPATH=tests/support nice -n 5 $(PYTHON) tests/stress/faults.py --limits --memory --kills $(or $(KILLS),200)

soak: ## stream 1,000,000 time-steps on every engine (STEPS=…), then run threads and processes at the same time
	@.ci/setup dev
	PYTHONPATH=tests/support $(PYTHON) tests/stress/soak.py --steps $(or $(STEPS),1000000)

wheel: ## build the wheel; the same commit gives the same bytes
	@.ci/setup dev
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(PYTHON) -m pip --disable-pip-version-check wheel -q --no-deps --no-build-isolation -w dist .
	sha256sum dist/*.whl

audit: ## check the pinned versions for known vulnerabilities (requires a network)
	python3 -m venv build/audit
	build/audit/bin/python -m pip install -q pip-audit
	build/audit/bin/pip-audit --strict --no-deps --disable-pip -r .ci/lock.txt

clean: ## remove .venv and all build products
	rm -rf .venv build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
