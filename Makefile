# make run   start the service with the demonstration patients on http://127.0.0.1:$(PORT)
# make test  everything that must hold before a change is accepted
# Both set up what is missing first. See CONTRIBUTING.md for the others.

HOST ?= 127.0.0.1
PORT ?= 8000
HAPI_PORT ?= 8080
WORKERS ?= 2
CORPUS ?= ../shared/corpus
COVERAGE_FLOOR ?= 97
FUZZ_SECONDS ?= 60
PYTHON_FILES := cds_service cards fhir_fixtures scripts tests
IN_VENV := .venv/bin/python -m

.PHONY: bench-replay run setup test lint format types imports unit full conformance compiled test-compiled bench accuracy compare hooks knowledge-docs screenshots lock sbom audit fuzz tools hapi stack clean

run: setup
	@exec $(IN_VENV) cds_service serve --demo --host "$(HOST)" --port "$(PORT)"

setup:
	@bash scripts/setup.sh

test: lint types imports unit

lint: setup
	$(IN_VENV) ruff format --check $(PYTHON_FILES)
	$(IN_VENV) ruff check $(PYTHON_FILES)

types: setup
	$(IN_VENV) mypy

imports: setup
	.venv/bin/lint-imports --no-cache

unit: setup
	$(IN_VENV) pytest -n $(WORKERS) --cov --cov-branch --cov-report=term --cov-fail-under=$(COVERAGE_FLOOR)

full: setup
	$(IN_VENV) pytest -n $(WORKERS) --full

# Every requirement of CDS Hooks with its result; writes docs/conformance.md.
conformance: setup
	$(IN_VENV) tests.conformance

format: setup
	$(IN_VENV) ruff format $(PYTHON_FILES)
	$(IN_VENV) ruff check --fix $(PYTHON_FILES)

# The wheel with reader, rules and cards compiled by mypyc, unpacked: PYTHONPATH=build/compiled .venv/bin/marrow-cds ... runs it.
compiled: build/compiled/.made

build/compiled/.made: pyproject.toml requirements.lock scripts/compile_hot_path.py $(shell find cds_service cards fhir_fixtures -type f -not -name '*.pyc')
	@bash scripts/setup.sh
	rm -rf build/compiled build/compiled-wheel
	HATCH_BUILD_HOOK_ENABLE_CUSTOM=1 $(IN_VENV) hatchling build --target wheel --directory build/compiled-wheel
	$(IN_VENV) zipfile -e build/compiled-wheel/*.whl build/compiled
	@touch $@

test-compiled: compiled
	HOT_PATH_FORM=compiled PYTHONPATH=build/compiled PYTHONSAFEPATH=1 \
		$(IN_VENV) pytest -n $(WORKERS) tests/reading tests/rules tests/cards tests/architecture/test_form.py

bench: setup compiled
	$(IN_VENV) pip --disable-pip-version-check install --quiet --no-build-isolation --editable '.[bench]'
	.venv/bin/python scripts/bench.py
	.venv/bin/python scripts/bench_preview.py
	.venv/bin/python tests/bench/bench_reader.py
	PYTHONPATH=build/compiled .venv/bin/python tests/bench/bench_reader.py --plot build/reader-time-compiled.svg
	.venv/bin/python tests/bench/bench_hostile.py
	$(IN_VENV) tests.bench.bench_page
	$(IN_VENV) pytest -q -o addopts=--import-mode=importlib --benchmark-columns=min,median,iqr,rounds \
		--benchmark-json=build/bench-stages.json tests/bench/bench_stages.py tests/bench/bench_rules.py
	$(IN_VENV) tests.bench.bench_service
	$(IN_VENV) tests.bench.bench_growth
	$(IN_VENV) tests.bench.bench_start
	$(IN_VENV) tests.bench.bench_memory
	$(IN_VENV) tests.bench.bench_steady

# Replay synthetic cohorts of growing size; WITH=--spark measures Spark in local mode as well.
bench-replay: setup
	.venv/bin/python tests/bench/bench_replay.py $(WITH)

# Score the reading against annotated reports; the corpus is not part of this repository.
accuracy: setup
	@mkdir -p build
	.venv/bin/marrow-cds read <"$(CORPUS)/reports-dev.jsonl" >build/predictions.jsonl
	.venv/bin/python "$(CORPUS)/score.py" "$(CORPUS)/reports-dev.jsonl" build/predictions.jsonl

# The same beside public text pipelines; needs the extra "compare", best in a checkout of its own.
compare: setup
	.venv/bin/python tests/bench/compare_pipelines.py "$(CORPUS)"

# Bill of materials of what runs, as CycloneDX JSON.
sbom: tools
	@mkdir -p build
	build/tools/bin/cyclonedx-py requirements requirements-run.lock --pyproject pyproject.toml \
		--output-reproducible --of JSON -o build/sbom.json
	@echo "build/sbom.json"

# Known weaknesses of every pinned package. Fails as well when the advisory service could not be asked.
audit: tools
	.venv/bin/python scripts/audit.py

# Coverage-guided fuzzing of the text reader and the attachment decoder, so many seconds each.
fuzz: tools
	PYTHONPATH=. build/tools/bin/python scripts/fuzz.py reader $(FUZZ_SECONDS)
	PYTHONPATH=. build/tools/bin/python scripts/fuzz.py attachment $(FUZZ_SECONDS)

tools: setup
	@bash scripts/tools.sh

# An empty FHIR R4 server, HAPI FHIR, at http://127.0.0.1:$(PORT)/fhir, 8080 unless told; needs Java 17 and Maven.
hapi: PORT := $(if $(filter command% environment,$(origin PORT)),$(PORT),8080)
hapi: setup
	@exec $(IN_VENV) tests.hapi.server "$(PORT)"

# Service with two workers, PostgreSQL, Redis and HAPI FHIR together, from the packages of the system; HAPI at HAPI_PORT.
stack: setup
	@exec $(IN_VENV) tests.servers.stack "$(PORT)" "$(HAPI_PORT)"

hooks: setup
	.venv/bin/python scripts/write_hooks.py

# Write the documents on the knowledge that are kept in the repository.
knowledge-docs: setup
	.venv/bin/marrow-cds knowledge --write docs/clinical

# The pictures of the pages in docs/images, taken by the browser tests.
screenshots: setup
	$(IN_VENV) pytest -q tests/browser/test_screenshots.py --screenshots

lock: setup
	$(IN_VENV) pip install --quiet 'uv>=0.8'
	.venv/bin/uv pip compile --quiet --upgrade --universal --generate-hashes --no-header --no-annotate \
		--python-version 3.11 --extra dev --output-file requirements.lock pyproject.toml
	.venv/bin/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate \
		--python-version 3.11 --extra postgresql --extra redis --extra telemetry --constraint requirements.lock \
		--output-file requirements-run.lock pyproject.toml
	.venv/bin/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate \
		--python-version 3.11 --extra supply --extra fuzz --extra spark --constraint requirements.lock \
		--output-file scripts/tools.lock pyproject.toml

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage build dist
