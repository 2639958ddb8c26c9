# Every target sets up what it needs; `.ci/bootstrap` needs nothing but Python 3.11 or later.
.DEFAULT_GOAL := help
.PHONY: help demo test test-quick test-browser bench bench-sync soak crash-matrix danger-table test-oldest test-matrix lint format docs lock clean release-check

dev = $$(sh .ci/bootstrap dev)
# Tests wait more than they compute; what shares a stack stays together (tests/conftest.py).
side = -n 4 --dist loadgroup

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## refresh both vendors on a real Airflow, against the sandbox (KEEP=1 leaves it up, DAG=… runs another)
	@python=$$(sh .ci/bootstrap wheel) && exec "$$python" -m tests.system.demo $(if $(KEEP),--keep) $(if $(DAG),--dag-id $(DAG))

test: ## unit, integration and system tests, side by side
	@python=$(dev) && exec "$$python" -m pytest $(side) tests/unit tests/integration tests/system

test-quick: ## the tests that need neither a socket nor a stack
	@python=$(dev) && exec "$$python" -m pytest $(side) -q tests/unit

test-browser: ## what a person sees in Airflow's UI, in Chromium (CHROMIUM=… names it, SCREENSHOTS=docs/images keeps the pictures, AIRFLOW=3.1.8)
	@python=$(dev) && $(if $(AIRFLOW),other=$$(sh .ci/bootstrap airflow $(AIRFLOW)) && export STACK_PYTHON="$$other" &&) \
	  exec "$$python" -m pytest tests/browser

crash-matrix: ## kill real processes between every two steps, break the vendors in every way; one table each
	@python=$$(sh .ci/bootstrap wheel) && { "$$python" -m tests.system.crash; wrong=$$?; } \
	  && python=$(dev) && { "$$python" -m tests.integration.faults || wrong=1; } \
	  && "$$python" -m tests.integration.kills && exit $$wrong

danger-table: ## what happens to those who sync, done to LangChain's index and to ours; one table
	@python=$(dev) && exec "$$python" -m tests.danger

test-oldest: ## the unit tests on the oldest Airflow supported
	@python=$$(sh .ci/bootstrap airflow 3.1.8) && exec "$$python" -m pytest $(side) -W default tests/unit

test-matrix: ## the tests on Airflow 3.1.8, 3.2.2 and 3.4.0b2, and all of them on the one of requirements.lock
	@set -e; for version in 3.1.8 3.2.2 3.4.0b2; do \
	  python=$$(sh .ci/bootstrap airflow $$version); echo "Airflow $$version"; \
	  "$$python" -m pytest $(side) -W default tests/unit tests/integration; \
	done
	@$(MAKE) --no-print-directory test

bench: ## the tables of docs/performance.md, some 47 minutes (ONLY=imports,tls-1000 for some, REPEATS=1)
	@python=$(dev) && exec "$$python" -m tests.benchmarks $(if $(ONLY),--only $(ONLY)) $(if $(REPEATS),--repeats $(REPEATS))

bench-sync: ## what a synced knowledge base costs: requests, seconds, memory; some 15 minutes (ONLY=requests,apply)
	@python=$(dev) && exec "$$python" -m tests.benchmarks.sync $(if $(ONLY),--only $(ONLY)) $(if $(REPEATS),--repeats $(REPEATS))

soak: ## waits that come and go for half an hour: nothing may grow (SECONDS=300 for less)
	@python=$(dev) && exec "$$python" -m tests.benchmarks.soak $(SECONDS)

lint: ## format, lint, types and import contracts
	@python=$(dev) && "$$python" -m ruff format --check . && "$$python" -m ruff check . \
	  && "$$python" -m mypy && "$$(dirname "$$python")/lint-imports"

format: ## format and sort imports
	@python=$(dev) && "$$python" -m ruff format . && "$$python" -m ruff check --fix .

release-check: ## build what would be published, twice, and look at it as an index and a user would
	@python=$(dev) && exec "$$python" -m tests.release

docs: ## the pages of docs/ and the API as a site in site/; warnings are errors
	@python=$(dev) && rm -rf site && export AIRFLOW_HOME="$$PWD/.cache/docs" \
	  && "$$python" -m sphinx -q -E -W --keep-going -d .cache/docs/doctrees docs site && echo site/index.html

lock: ## renew requirements.lock
	@sh .ci/bootstrap lock

clean: ## remove environments, caches and builds
	rm -rf .venv .cache build dist site .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
