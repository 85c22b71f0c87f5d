# Every entry point of the project; `make` alone lists them. What they do stands in tools/.
PYTHON ?= /usr/bin/python3
SCENARIO ?= default
MINUTES ?= 60
LAB := python3 tests/lab --lab demo
PAGE := $(CURDIR)/demo.html
export PYTHON
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup setup-lab setup-tests demo demo-down test test-all lint unit sanity molecule faults faults-all faults-replay soak report bench-deploy bench-switchover bench-overhead bench-backup bench-databases build clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Ansible and the collections we depend on, in .venv and .ansible
	@tools/setup

setup-lab: ## the same, and what this machine needs to boot test hosts (root on Debian)
	@tools/setup lab

setup-tests: ## the same, and the linters and test tools
	@tools/setup tests

demo: setup-lab ## a cluster of test hosts on this machine, watched by one more; run again, it converges
	@$(LAB) up db1 db2 db3 watch1
	@ansible-playbook -i inventories/lab site.yml
	@ansible-playbook -i inventories/lab playbooks/status.yml -e html=$(PAGE)
	@echo "Prometheus and Alertmanager answer at http://127.0.0.1:9090 and http://127.0.0.1:9093 while this runs:"
	@echo "    $(LAB) ssh watch1 -N -L 9090:127.0.0.1:9090 -L 9093:127.0.0.1:9093"
	@echo "The cluster at one glance:"
	@echo "    file://$(PAGE)"

demo-down: ## remove the demo's hosts and its page
	@$(LAB) down --purge
	@rm -f $(PAGE)

test: setup-tests setup-lab ## all that CI runs: lint, unit, sanity, Molecule scenarios
	@python tools/run_tests.py ci

test-all: setup-tests setup-lab ## every test there is
	@python tools/run_tests.py all

lint: setup-tests ## ruff, mypy, yamllint, ansible-lint, changelog fragments
	@tools/lint

unit: setup-tests ## unit tests
	@pytest -n 2 -q

sanity: setup-tests ## ansible-test sanity and units
	@tools/ansible_test sanity
	@tools/ansible_test units

molecule: setup-tests setup-lab ## one Molecule scenario: make molecule SCENARIO=dedicated
	@tools/scenario $(SCENARIO)

faults: setup-tests setup-lab ## the faults that matter most on a cluster under load, each with its verdict
	@MATRIARCH_FAULTS=short tools/scenario faults

faults-all: setup-tests setup-lab ## all faults
	@MATRIARCH_FAULTS=all tools/scenario faults

faults-replay: setup-tests setup-lab ## random faults in the order of a seed: make faults-replay SEED=1
	@MATRIARCH_FAULTS=random MATRIARCH_FAULTS_SEED=$(SEED) tools/scenario faults

soak: setup-tests setup-lab ## random faults, also two at a time, for a time: make soak MINUTES=60 [SEED=1]
	@MATRIARCH_FAULTS=soak MATRIARCH_SOAK_MINUTES=$(MINUTES) MATRIARCH_FAULTS_SEED=$(SEED) tools/scenario faults

report: setup-tests ## all verdicts so far as a table and a page; KEEP=1 puts them into docs, too
	@PYTHONPATH=tests:tests/bench python -m faults.report $(if $(KEEP),--keep)

bench-deploy: setup-lab ## how long deployments take on bare hosts
	@python tests/bench/deploy.py

bench-switchover: setup-lab ## how long clients wait while leadership changes hands
	@python tests/bench/switchover.py

bench-overhead: setup-lab ## what synchronous replication and the proxies cost
	@MATRIARCH_BENCH_LAB=bench-overhead python tests/bench/overhead.py

bench-backup: setup-lab ## what backups and restores cost beside the bare engine
	@python tests/bench/backup.py

bench-databases: setup-lab ## what one more database costs on a cluster with fifty
	@python tests/bench/databases.py

build: setup ## the collection's tarball, checked as its user meets it
	@tools/build

clean: demo-down ## remove what the targets above made
	rm -rf .venv .ansible .cache matriarch-pgcluster-*.tar.gz
