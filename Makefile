# Two commands do everything on a fresh machine: `make serve` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CACHE := .cache
# Container images of Python often set it; each of the many processes of a test run would then compile all sources again.
unexport PYTHONDONTWRITEBYTECODE
# Tests spend half of their time waiting for browsers, servers and processes, so run two for each core.
AT_ONCE ?= $(shell expr 2 \* "$$(getconf _NPROCESSORS_ONLN)")
# Each process gets at most sixty tests at a time: by default, the first of four gets a sixteenth of
# all, with every browser test, and ends last.
PYTEST = $(BIN)/pytest -n $(AT_ONCE) --maxschedchunk 60

# What reads and writes the database is tested on PostgreSQL as well, if there is one.
ON_POSTGRESQL := $(addprefix tests/,analytics experiments gaps insights jobs mail notifications people privacy problems programs subscriptions tickets webhooks worker)

.PHONY: serve test lock release clean help
help:
	@echo "make serve   set up, index content/ and serve the portal on http://127.0.0.1:8000"
	@echo "             SITE=FOLDER serves another support site, such as content/examples/site-manager"
	@echo "make test    set up and run every check and test, the browser's included"
	@echo "make lock    resolve pyproject.toml anew into requirements*.lock (needs uv)"
	@echo "make release build wheel, source archive, SBOM and checksums into dist/"

serve: $(VENV)/.serve
	@$(BIN)/kb index $(if $(SITE),--site "$(SITE)")
	@exec $(BIN)/kb serve --demo $(if $(SITE),--site "$(SITE)")

test: $(VENV)/.test
	@.ci/browser $(CACHE)/chromium
	@.ci/nginx
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -n 2
	CHROMIUM="$$(cat $(CACHE)/chromium)" $(PYTEST) --processor-time
	@if [ -n "$$ASKFIRST_TEST_POSTGRESQL" ]; then \
		ASKFIRST_TEST_DATABASE=postgresql $(PYTEST) $(ON_POSTGRESQL); \
	else echo 'Not run: the tests on PostgreSQL. For them: eval "$$(.ci/services start)"'; fi
	@if [ -z "$$ASKFIRST_TEST_OPENSEARCH" ]; then \
		echo 'Not run: the tests on OpenSearch. For them: eval "$$(.ci/services start)"'; fi

$(VENV)/.serve: requirements.lock pyproject.toml
	@.ci/venv $(PYTHON) $(VENV) requirements.lock
	@touch $@

$(VENV)/.test: requirements-dev.lock pyproject.toml
	@.ci/venv $(PYTHON) $(VENV) requirements-dev.lock
	@touch $@ $(VENV)/.serve

COMPILE := uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url
lock:
	$(COMPILE) --extra eval --extra meaning pyproject.toml .ci/build.in -o requirements.lock
	$(COMPILE) --extra eval --extra meaning --extra rst --extra pdf --extra docx --extra oidc --extra postgres --extra s3 --extra opensearch --extra mail --extra mcp --group dev -c requirements.lock pyproject.toml .ci/build.in -o requirements-dev.lock

# The commit's time stands for all times in the archives: two builds of one commit are the same bytes.
release: $(VENV)/.test
	rm -rf dist
	@export SOURCE_DATE_EPOCH="$$(git log -1 --format=%ct)" && \
	version="$$($(BIN)/python -m hatchling version)" && \
	$(BIN)/python -m hatchling build -d dist && \
	$(BIN)/python .ci/sbom "$$version" requirements.lock >"dist/askfirst-$$version.cdx.json"
	@cd dist && sha256sum * >SHA256SUMS && cat SHA256SUMS

clean:
	rm -rf $(VENV) $(CACHE) data dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
