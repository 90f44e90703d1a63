# SPDX-License-Identifier: GPL-3.0-or-later
# Each target is one small program under tools/ or tests/; run `make help` for what they do.
PYTHON ?= python3
VENV := .build/venv/bin
ARGS ?=

export PATH := $(CURDIR)/$(VENV):$(PATH)
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.build/collections

.DEFAULT_GOAL := help
.PHONY: help venv test unit lint sanity docs build demo cluster clean bench fuzz molecule

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

venv: ## the two virtual environments under .build (newest and oldest ansible-core)
	@$(PYTHON) -m tools.environment $(if $(filter venv,$(MAKECMDGOALS)),,--quiet)

test: venv ## every test this machine can run, with what was skipped and why
	@$(VENV)/python -m tools.run_tests $(ARGS)

unit: venv ## unit tests under both ansible-cores
	@$(VENV)/python -m tools.run_tests unit-newest unit-oldest

lint: venv ## every linter and check, in parallel
	@$(VENV)/python -m tools.lint $(ARGS)

sanity: venv ## ansible-test sanity under both ansible-cores
	@$(VENV)/python -m tools.lint sanity-newest sanity-oldest

docs: venv ## write the generated pages: role READMEs, docs/modules, docs/variables.md, README tables
	@$(VENV)/python -m tools.docs

build: venv ## the collection's artifact, in .build/artifact
	@$(VENV)/ansible-galaxy collection build --force --output-path .build/artifact

demo: venv ## three etcd members on this machine: a snapshot proven, a flipped byte found, a lost quorum rescued
	@PYTHONPATH=$(ANSIBLE_COLLECTIONS_PATH) $(VENV)/python -m tools.demo

cluster: venv ## five systemd nodes on this host and a highly available cluster on them (root, Debian family)
	@$(VENV)/python -m tools.make_cluster up $(ARGS)

clean: ## remove the cluster of `make cluster` with every trace of its nodes
	@$(PYTHON) -m tools.make_cluster down $(ARGS)

bench: venv ## benchmarks against plain shell, as ratios of one run
	@$(VENV)/python -m tests.benchmarks $(ARGS)

fuzz: venv ## a million mutated certificates, keys and kubeconfigs; ARGS="--inputs 10000 --seed 1"
	@$(VENV)/python -W ignore -m tests.fuzz $(ARGS)

molecule: venv ## the roles' scenarios on nodes of the lab (root); ARGS="-s node_prep" runs one
	@$(VENV)/molecule test $(or $(ARGS),--all)
