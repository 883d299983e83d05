.DEFAULT_GOAL := help
PRESET ?= quick
REFERENCE ?= test/fixtures
DAAM = node dist/cli.js

.PHONY: help
help: ## list the targets
	@awk -F':.* ## ' '/^[a-z-]+:.* ## / { printf "%-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: reproduce
reproduce: build ## train, execute the notebooks, publish: [PRESET=smoke|quick|small|base|paper] [TASK=speech|text|vision] [JOBS=n] [ANEW=1] [RESUME=1] [LORA=1]
	@$(DAAM) run --notebooks --preset $(PRESET) $(if $(TASK),--task $(TASK)) $(if $(JOBS),--jobs $(JOBS)) $(if $(ANEW),--anew) $(if $(RESUME),--resume) $(if $(LORA),--lora)

# Left to itself, node keeps a core free: on two cores, one file at a time.
.PHONY: test
test: build ## run every test
	@rm -rf dist-test
	npm run --silent build:test
	node --test --test-concurrency=$$(node -p 'os.availableParallelism()') --test-reporter=spec $$(find dist-test -name '*.test.js' | sort)

.PHONY: build
build: dist/.built ## install packages and compile

# Folders among the prerequisites tell of deleted files, whose outputs must not stay importable.
dist/.built: node_modules/.package-lock.json tsconfig.json $(shell find src assembly)
	@node scripts/remove-stale.mjs
	npm run --silent build
	@touch $@

.PHONY: bench
bench: build ## training steps and extraction beside PyTorch (where Python has torch) and what the machine can: writes results/bench/cpu.md
	node dist/bench/main.js

.PHONY: bench-gpu
bench-gpu: build ## the paper's decoders and encoders on a graphics card, beside PyTorch: writes results/bench/gpu.md
	node dist/bench/gpu.js

.PHONY: parity
parity: build ## compare with the reference arrays: [REFERENCE=folder]
	@$(DAAM) parity $(REFERENCE)

.PHONY: data
data: build ## find or fetch the raw data sets
	@$(DAAM) data

.PHONY: fuzz
fuzz: build ## 1,000 damaged files for every parser
	node dist/fuzz/main.js

.PHONY: torture
torture: build ## kill and damage everything at random moments: [KILLS=50] [SEED=1] [MINUTES=n] [TABLE=file.md]
	@node dist/torture/main.js $(if $(KILLS),--kills $(KILLS)) $(if $(SEED),--seed $(SEED)) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(TABLE),--table $(TABLE))

.PHONY: package
package: build ## pack the layers alone, as a tarball in dist-package/
	node scripts/package-layers.mjs

.PHONY: site
site: build ## pages on the results, and one that trains in the browser, in site/
	node node_modules/typescript/bin/tsc -p src/site/page
	@node dist/site/build.js

.PHONY: lab
lab: build .venv/ready ## open the notebooks in JupyterLab (needs Python): [ARGS="--port 8890 --allow-root"]
	@echo 'Run All saves over the committed notebooks: git checkout notebooks brings them back'
	JUPYTER_PATH="$(CURDIR)/jupyter" .venv/bin/jupyter lab $(ARGS) notebooks

.PHONY: lint
lint: node_modules/.package-lock.json ## check style
	npx eslint .
	npx prettier --check .

.PHONY: clean
clean: ## remove what the other targets made; data/, runs/ and results/ stay
	rm -rf node_modules dist dist-test dist-package site .venv

# npm writes this file last: an install that broke off is tried again.
node_modules/.package-lock.json: package.json package-lock.json
	npm ci
	@touch $@

# An index that cannot be reached fails in seconds, not minutes.
.venv/ready: requirements.txt
	python3 -m venv .venv
	.venv/bin/pip install --disable-pip-version-check --retries 1 --timeout 15 -r requirements.txt
	@echo '{ "type": "commonjs" }' >.venv/package.json # JupyterLab runs a script by Node that is no module
	@touch $@
