# The chain: each stage is a target, each result a file. `make` alone tells what there is.
#
#   make download train predict submit           the contest in this folder
#   make ROOT=examples/NAME download train ...   another contest folder
#   make PIPELINES="cnn" train                   one model
#   make JOBS=2 DEVICES=cuda:0,cuda:1 train      two folds side by side, a GPU each
#   make PROCESSES=2 train                       one fold at a time on two GPUs
#   make PIPELINE=lightgbm TRIALS=50 tune        search its parameters; JOBS=4 for four fits at a time
#
# What must be run is found by tools/plan.py: a stage whose files differ, in size or time, from what it found when it last
# made or confirmed its result, and the stages after it. The stage itself compares fingerprints, and does nothing where they
# agree. No result is a target, so that make never removes one.

space := $(subst x,,x x)
quote = '$(subst ','\'',$(1))'
# a path as make's own lists need it
path = $(subst $(space),\$(space),$(1))

REPO := $(shell cd "$$(dirname $(call quote,$(subst ^ ,,^$(MAKEFILE_LIST))))" && pwd)
ROOT ?= .
VENV ?= $(REPO)/.venv
PYTHON ?= python3

R := $(value ROOT)
READY := $(call path,$(VENV))/.ready
RUN = PYTHONPATH=$(call quote,$(REPO)/src) $(call quote,$(VENV)/bin/outfold) --root $(call quote,$(R))

# the plan is made for the goals that need it
CHAIN := download split train predict ensemble submit tune report
ifneq ($(filter $(CHAIN),$(MAKECMDGOALS)),)
PLAN := $(shell $(PYTHON) -B $(call quote,$(REPO)/tools/plan.py) $(call quote,$(R)) || echo error)
$(if $(filter error,$(PLAN)),$(error nothing was run))
endif
STALE := $(patsubst stale:%,%,$(filter stale:%,$(PLAN)))
ALL := $(patsubst all:%,%,$(filter all:%,$(PLAN)))
PIPELINES ?= $(ALL)
NEEDS := $(patsubst need:%,%,$(filter need:%,$(PLAN)))
ifneq ($(PLAN),)
UNKNOWN := $(filter-out $(ALL),$(PIPELINES))
$(if $(UNKNOWN),$(error PIPELINES: no such pipeline: $(UNKNOWN); there are: $(ALL)))
endif

# tests side by side, one thread each; a worker that is done takes over from one that is not
SIDE_BY_SIDE = --numprocesses=logical --maxprocesses=8 --dist=worksteal

.DEFAULT_GOAL := help
.PHONY: help setup download split train predict ensemble submit check tune report lint test test-slow bench clean clean-all

help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(call quote,$(REPO)/Makefile)
	@echo
	@echo "  From nothing to a scored submission:  make download train predict submit"

setup: $(READY) ## Make .venv (or VENV=...) with the pinned packages.

download: $(READY) ## Bring the contest's files to inputs/, verified.

split: download ## Assign every training row to a fold.

train: $(PIPELINES:%=train/%) ## Train every model in pipelines/ on every fold.

predict: $(PIPELINES:%=predict/%) ## Predict the test set with every model.

ensemble: predict ## Blend the models, and score the blend honestly.

submit: ensemble ## Build and check the file, send it once, record its score.

check: $(READY) ## Find what would stop a run. FIX=1 moves junk images aside.
	@$(RUN) check $(if $(FIX),--fix)

tune: split ## Search parameters: make PIPELINE=lightgbm TRIALS=50 tune.
	@$(RUN) tune $(call quote,$(PIPELINE))$(if $(TRIALS), --trials $(call quote,$(TRIALS)))$(if $(TIMEOUT), --timeout $(call quote,$(TIMEOUT)))$(if $(JOBS), --jobs $(call quote,$(JOBS)))$(if $(SHARED), --shared)

report: ensemble ## Write artifacts/report.html: scores, weights, worst rows.
	@$(RUN) report

lint: $(READY) ## Style, types and the order of imports.
	cd $(call quote,$(REPO)) && $(call quote,$(VENV))"/bin/ruff" check . && $(call quote,$(VENV))"/bin/ruff" format --check .
	cd $(call quote,$(REPO)) && $(call quote,$(VENV))"/bin/mypy"
	cd $(call quote,$(REPO)) && PYTHONPATH=src $(call quote,$(VENV))"/bin/lint-imports"

test: $(READY) ## The test suite, on up to 8 cores (8 minutes on 2).
	cd $(call quote,$(REPO)) && PYTHONPATH=src $(call quote,$(VENV))"/bin/python" -m pytest $(SIDE_BY_SIDE)

test-slow: $(READY) ## The longer tests, too.
	cd $(call quote,$(REPO)) && PYTHONPATH=src $(call quote,$(VENV))"/bin/python" -m pytest $(SIDE_BY_SIDE) -m "slow or not slow"

bench: $(READY) ## Measure what the README states.
	cd $(call quote,$(REPO)) && PYTHONPATH=src $(call quote,$(VENV))"/bin/python" benchmarks/chain.py

clean: ## Remove caches; models and predictions stay.
	rm -rf -- $(call quote,$(R)/artifacts/cache)
	cd $(call quote,$(REPO)) && rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis

clean-all: clean ## Remove artifacts/ too: all models and predictions.
	rm -rf -- $(call quote,$(R)/artifacts)

$(READY): $(call path,$(REPO)/requirements.lock) $(call path,$(REPO)/pyproject.toml)
	@VENV=$(call quote,$(VENV)) PYTHON="$(PYTHON)" sh $(call quote,$(REPO)/tools/setup.sh)

.PHONY: $(ALL:%=train/%) $(ALL:%=predict/%)

# who must come first; these targets have a recipe only where the stage must be run
$(foreach name,$(ALL),$(eval train/$(name): split))
$(foreach name,$(ALL),$(eval predict/$(name): train/$(name)))
$(foreach need,$(NEEDS),$(eval train/$(firstword $(subst :, ,$(need))): $(lastword $(subst :, ,$(need)))))

ifneq ($(filter download,$(STALE)),)
download:
	@$(RUN) download
endif

ifneq ($(filter split,$(STALE)),)
split:
	@$(RUN) split
endif

ifneq ($(filter train/%,$(STALE)),)
$(filter train/%,$(STALE)): train/%:
	@$(RUN) train $*$(if $(JOBS), --jobs $(call quote,$(JOBS)))$(if $(DEVICES), --devices $(call quote,$(DEVICES)))$(if $(PROCESSES), --processes $(call quote,$(PROCESSES)))
endif

ifneq ($(filter predict/%,$(STALE)),)
$(filter predict/%,$(STALE)): predict/%:
	@$(RUN) predict $*
endif

ifeq ($(ALL),)
train predict: # says that there are no pipelines
	@$(RUN) $@
endif

ifneq ($(filter ensemble,$(STALE)),)
ensemble:
	@$(RUN) ensemble
endif

ifneq ($(filter submit,$(STALE)),)
submit:
	@$(RUN) submit
endif
