# `make study` and `make test` are all that a newcomer needs; `make help` lists the rest.
SHELL := /bin/bash
PYTHON ?= python3
# What a user gives reaches the recipes as environment variables alone: neither make nor a shell reads it as code.
GIVEN := A B PYTHON STUDY SET FRESH Q PLAN JOBS ALL BASES ARMS TRIALS MODEL SAMPLE EVERY RUN REWARD ACCURACY ITEMS LISTEN PORT CRON TIMEZONE
$(foreach name,$(GIVEN),$(if $(value $(name)),$(eval override export $(name) := $$(value $(name)))))
export PATH := $(CURDIR)/.venv/bin:$(value PATH)
export PYTHONUNBUFFERED := 1

.PHONY: help setup study quick base test test-slow bench bench-growth bench-eval calibrate league lint-rewards lint query findings compare experiments publish report tune contamination rescore warehouse watch audit server serve clean gc

help:            ## this list
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

setup: .venv/ready ## create .venv and install what requirements.lock pins
.venv/ready: requirements.lock
	@"$$PYTHON" -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.11 …") if sys.version_info < (3, 11) else None'
	"$$PYTHON" -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check -r requirements.lock
	touch $@

study: setup     ## run a study: make study STUDY=quick SET='rl.learning_rate=1e-5'; JOBS=1: one stage at a time; FRESH=1: without earlier changes; PLAN=1: only say what would run, and for how long
ifdef PLAN
	@python -m flows.plan $${FRESH:+--fresh} "$${STUDY:-default}" "$$SET"
else
	@python -m flows.parallel --study "$${STUDY:-default}" $${FRESH:+--fresh} $${JOBS:+--jobs "$$JOBS"} -- "$$SET"
	@echo "Read metrics/$${STUDY:-default}/report.md, open metrics/$${STUDY:-default}/samples.html, ask: make query Q=\"from accuracy\""
endif

quick: override export STUDY := quick
quick: study     ## a taste in two minutes: one model, samples of 100 and 1,000

base: setup      ## train the shipped base models again, and measure them (hours): make base BASES='tiny small'
	@python -m stages.base "$$BASES"
	@dvc repro competence
	@git status --short -- data/models/base metrics/competence
	@echo "What differs from git counts once it is added: git add data/models/base metrics/competence dvc.lock"

test: setup      ## run the tests, in two processes (JOBS=4: in four)
	python -m pytest -n "$${JOBS:-2}" --dist loadfile

test-slow: setup ## run the long tests: exactness, resume, coverage
	python -m pytest -m slow

bench: setup     ## time a training step of the engine, stock TRL and two rivals (on an idle machine)
	@python -m bench

bench-growth: setup ## time and memory of an RL step against group size, image tokens and batch
	@python -m bench.growth

bench-eval: setup ## time the evaluation of a suite against a plain generate loop
	@python -m bench.evaluation

calibrate: setup work/rivals/ready ## measure how often the verdict on a reward errs, on simulated curves, and how often honest runs show signs
	@python -m bench.calibration

league: setup work/rivals/ready ## set the verdict on a reward beside its rivals, on simulated curves
	@python -m bench.league

work/rivals/ready: bench/league/rivals.txt | setup
	@rm -rf work/rivals
	@pip install --quiet --disable-pip-version-check --target work/rivals --no-deps -r $<
	@touch $@

lint-rewards: setup ## what a lint of reward functions catches, beside rewardlint, on the same functions
	@test -d work/rewardlint || pip install --quiet --disable-pip-version-check --target work/rewardlint --no-deps rewardlint==0.1.0
	@python -m bench.reward_lint

lint: setup      ## ruff
	ruff check .
	ruff format --check .

query: setup     ## ask the results: make query Q="select …", or the name of a published query; STUDY=published: of another study
	@python -m stages.query "$$Q" $${STUDY:+--study "$$STUDY"}

findings: setup  ## print the findings of the study; ALL=1: the secondary ones too; STUDY=published: of another study
	@python -m stages.findings $${ALL:+--all} $${STUDY:+--study "$$STUDY"}

compare: setup   ## set two studies side by side: make compare A=quick B=published
	@python -m stages.compare "$$A" "$$B"

experiments: setup ## list DVC's experiments by what differs between them
	@dvc exp show --only-changed --drop '^(counterpoint|stages|data|metrics/)|grid|runs\.|bases|suites'

publish: setup   ## copy the study's tables, report and pictures to metrics/published, to be committed: make publish STUDY=quick
	@python -m stages.publish --name "$${STUDY:-default}"
	@python -m stages.report --study "$${STUDY:-default}"

report: setup    ## write report and pictures again, from the tables; STUDY=published: of another study
	@python -m stages.report $${STUDY:+--study "$$STUDY"}

tune: setup      ## tune hyperparameters, equally many trials for every arm: make tune ARMS=sft,rl TRIALS=8; of the study in params.yaml, or STUDY=…, SET=…
	@if [ -n "$$STUDY$$SET" ]; then python -m counterpoint.params "$${STUDY:-default}" "$$SET"; fi
	@python -m stages.tune $${ARMS:+--arms "$$ARMS"} $${TRIALS:+--trials "$$TRIALS"} $${MODEL:+--model "$$MODEL"} $${SAMPLE:+--sample "$$SAMPLE"} $${JOBS:+--jobs "$$JOBS"}

contamination: setup ## list what the training pool shares with the test suites: near-equal questions, similar pictures
	@python -m stages.contamination

rescore: setup   ## judge stored answers again, without a model, and list the verdicts that changed
	@python -m stages.rescore

watch: setup     ## print the verdicts on the rewards of runs that train now: make watch EVERY=60
	@if [ -n "$$EVERY" ]; then python -m flows.watch --every "$$EVERY"; else python -m flows.watch --once; fi

audit: setup     ## audit a run made elsewhere (docs/audit.md: which): make audit RUN=path/to/run [REWARD=NAME ACCURACY=NAME ITEMS=N]
	@python -m counterpoint.cli audit $${REWARD:+--reward "$$REWARD"} $${ACCURACY:+--accuracy "$$ACCURACY"} $${ITEMS:+--items "$$ITEMS"} -- "$$RUN"

server: setup    ## start a Prefect server on loopback
	@python -m flows.server $${LISTEN:+--host "$$LISTEN"} $${PORT:+--port "$$PORT"}

serve: setup     ## run a study on a schedule: make serve STUDY=quick CRON='0 2 * * *'
	@python -m flows.serve $${STUDY:+--study "$$STUDY"} $${CRON:+--cron "$$CRON"} $${TIMEZONE:+--timezone "$$TIMEZONE"} -- "$$SET"

clean:           ## remove what runs left behind (DVC's cache keeps data and models of finished runs)
	rm -rf work logs data/problems data/samples data/runs data/traces/*
	find metrics -mindepth 1 -maxdepth 1 -type d ! -name competence ! -name tuning ! -name published -exec rm -rf {} +
	cd metrics/published && rm -rf tables plots rewards *.* */results.duckdb
	find data/models -mindepth 1 -maxdepth 1 ! -name base -exec rm -rf {} +

gc: setup        ## remove from DVC's cache what the current dvc.lock does not name
	dvc gc --workspace --force
