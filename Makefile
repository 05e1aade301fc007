# The chain: each stage is a target, each result a file. `make` alone tells what there is.
#
#   make download train predict submit           the contest in this folder
#   make ROOT=examples/NAME download train ...   another contest folder
#   make PIPELINES="cnn" train                   one model
#   make JOBS=2 DEVICES=cuda:0,cuda:1 train      two folds side by side, a GPU each
#   make PROCESSES=2 train                       one fold at a time on two GPUs
#   make PIPELINE=lightgbm TRIALS=50 tune        search its parameters; JOBS=4 for four fits at a time
#
# A result depends on the files that it is made of: contest, hooks, pipeline, folds and data. The toolkit's own code enters
# by the revision numbers of its learners, so that an upgrade alone retrains nothing.

REPO := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
ROOT ?= .
VENV ?= $(REPO)/.venv
PYTHON ?= python3

A := $(ROOT)/artifacts
CONTEST := $(ROOT)/competition/competition.yaml $(wildcard $(ROOT)/competition/*.py)
INPUTS := $(wildcard $(ROOT)/inputs/*)
WEIGHTS := $(wildcard $(ROOT)/weights/*)
REVISIONS := $(REPO)/src/outfold/learners/revisions.json
PIPELINES ?= $(filter-out blend,$(basename $(notdir $(wildcard $(ROOT)/pipelines/*.yaml))))
READY := $(VENV)/.ready
LEDGER := $(ROOT)/submissions/ledger.csv
# pipeline/oof.parquet:other/test.parquet where a pipeline learns from another's results (pseudo)
LEARNS := $(if $(wildcard $(ROOT)/pipelines/*.yaml),$(shell $(PYTHON) "$(REPO)/tools/needs.py" "$(ROOT)/pipelines"))

RUN = PYTHONPATH="$(REPO)/src" "$(VENV)/bin/outfold" --root "$(ROOT)"

# tests side by side, one thread each; a worker that is done takes over from one that is not
SIDE_BY_SIDE = --numprocesses=logical --maxprocesses=8 --dist=worksteal

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup download split train predict ensemble submit check tune report lint test test-slow bench clean clean-all

help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' "$(REPO)/Makefile"
	@echo
	@echo "  From nothing to a scored submission:  make download train predict submit"

setup: $(READY) ## Make the virtual environment (.venv, or VENV=...) with the pinned packages.

download: $(A)/data.json ## Bring the contest's files to inputs/, verified.

split: $(A)/folds.parquet ## Assign every training row to a fold.

train: $(PIPELINES:%=$(A)/%/oof.parquet) ## Train every model in pipelines/ on every fold.

predict: $(PIPELINES:%=$(A)/%/test.parquet) ## Predict the test set with every model.

ensemble: $(A)/blend/test.parquet ## Blend the models, and score the blend honestly.

submit: $(LEDGER) ## Build the submission file, check it, send it once, record its score.

check: $(READY) ## Read contest, images and pipelines; find what is wrong. FIX=1 moves junk images aside.
	@$(RUN) check $(if $(FIX),--fix)

tune: $(A)/folds.parquet ## Search parameters: PIPELINE=lightgbm TRIALS=50 writes pipelines/lightgbm-tuned.yaml.
	@$(RUN) tune $(PIPELINE)$(if $(TRIALS), --trials $(TRIALS))$(if $(TIMEOUT), --timeout $(TIMEOUT))$(if $(JOBS), --jobs $(JOBS))$(if $(SHARED), --shared)

report: $(A)/blend/test.parquet ## Write artifacts/report.html: scores, weights, worst rows.
	@$(RUN) report

lint: $(READY) ## Style, types and the order of the rooms.
	cd "$(REPO)" && "$(VENV)/bin/ruff" check . && "$(VENV)/bin/ruff" format --check .
	cd "$(REPO)" && "$(VENV)/bin/mypy"
	cd "$(REPO)" && PYTHONPATH=src "$(VENV)/bin/lint-imports"

test: $(READY) ## The test suite, on up to 8 cores (4 minutes on 2).
	cd "$(REPO)" && PYTHONPATH=src "$(VENV)/bin/python" -m pytest $(SIDE_BY_SIDE)

test-slow: $(READY) ## The longer tests, too.
	cd "$(REPO)" && PYTHONPATH=src "$(VENV)/bin/python" -m pytest $(SIDE_BY_SIDE) -m "slow or not slow"

bench: $(READY) ## Measure what the README states.
	cd "$(REPO)" && PYTHONPATH=src "$(VENV)/bin/python" benchmarks/chain.py

clean: ## Remove caches; models and predictions stay.
	rm -rf "$(A)/cache" "$(REPO)/.pytest_cache" "$(REPO)/.mypy_cache" "$(REPO)/.ruff_cache" "$(REPO)/.hypothesis"

clean-all: clean ## Remove artifacts/ too: every model and prediction of this contest.
	rm -rf "$(A)"

$(READY): $(REPO)/requirements.lock $(REPO)/pyproject.toml
	@VENV="$(VENV)" PYTHON="$(PYTHON)" sh "$(REPO)/tools/setup.sh"

$(A)/data.json: $(CONTEST) $(INPUTS) | $(READY)
	@$(RUN) download

$(A)/folds.parquet: $(A)/data.json $(CONTEST)
	@$(RUN) split

$(A)/%/oof.parquet: $(ROOT)/pipelines/%.yaml $(A)/folds.parquet $(A)/data.json $(CONTEST) $(WEIGHTS) $(REVISIONS)
	@$(RUN) train $*$(if $(JOBS), --jobs $(JOBS))$(if $(DEVICES), --devices $(DEVICES))$(if $(PROCESSES), --processes $(PROCESSES))

$(A)/%/test.parquet: $(A)/%/oof.parquet
	@$(RUN) predict $*

# what a teacher leaves stays, though only its student was asked for
.PRECIOUS: $(A)/%/oof.parquet $(A)/%/test.parquet

define needs
$(A)/$(firstword $(1)): $(A)/$(lastword $(1))
endef
$(foreach pair,$(LEARNS),$(eval $(call needs,$(subst :, ,$(pair)))))

$(A)/blend/test.parquet: $(PIPELINES:%=$(A)/%/test.parquet) $(wildcard $(ROOT)/pipelines/blend.yaml) $(CONTEST)
	@$(RUN) ensemble

$(LEDGER): $(A)/blend/test.parquet
	@$(RUN) submit
