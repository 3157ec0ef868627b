# The front door. Each target is a thin line over a Python entry point; `make help` lists them.
# Settings come from MOTCUA_ variables (see README.md), e.g. MOTCUA_PORT_BASE=8200 MOTCUA_STATE_DIR=.local-2 make up

PY := .venv/bin/python
RUN := $(PY) -m
# A program of our own: Ctrl-C ends it with a sentence.
OURS := $(RUN) deploy.local.command
# One that speaks of the stack in the state directory: its ports, its clock, its servers, its live generation.
HERE := $(OURS) deploy.local.here
# Each test process has a set of servers, and much of a test is waiting: three keep two cores busy. Servers that somebody
# lends are one set, and tests empty it.
PROCESSES := $(if $(MOTCUA_KAFKA),0,3)

# What is fetched before the tests; none with `make test WANTED=`.
WANTED := wanted

# Whatever the shell says: what is compiled once is kept, tests' modules among it, which take ten seconds to read otherwise.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup up prometheus wanted drill down wipe status logs demo demo-correction verify test test-fast test-all test-containers test-wires lint format dashboards load bench reference-check reference-activate rejected generation rebuild-counters recover faults

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-19s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## make .venv as uv.lock says; needs a Python 3.11 to 3.13 with venv (README.md), costs nothing when nothing changed
	@sh deploy/local/setup
	@$(if $(filter setup,$(MAKECMDGOALS)),echo 'All is set up: `make demo` and `make up` are next; `make help` lists the rest.')

up: setup ## start the local stack, or what is missing of it, and wait until it is ready
	@$(OURS) deploy.local.main up $(if $(ONLY),--only $(ONLY))

prometheus: setup ## fetch Prometheus, Alertmanager, promtool, amtool into the user's cache (Debian's packages, no root)
	@$(OURS) deploy.local.debs

wanted: setup ## fetch what the tests want besides: Prometheus, Chromium, Go and Toxiproxy, into the user's cache (Debian's packages, no root)
	@$(OURS) tests.wanted

down: setup ## stop the local stack; what it stored stays
	@$(OURS) deploy.local.main down

generation: setup ## a second generation beside the live one (ARGS=start|status|compare|switch|drop|abort; docs/GENERATIONS.md)
	@$(OURS) deploy.local.generation $(or $(ARGS),status)

rebuild-counters: setup ## the counters once more from the log, compared with those that are shown, then switched (ARGS=abort)
	@$(OURS) deploy.local.counters $(ARGS)

recover: setup ## put the newest dump of Redis back and catch up from the logs (ARGS=--list, ARGS='--dump NAME')
	@$(OURS) deploy.local.recovery $(ARGS)

wipe: setup ## stop the local stack and remove its state directory whole
	@$(OURS) deploy.local.main wipe

status: setup ## what runs, where, whether it is ready, how much memory it holds
	@$(OURS) deploy.local.main status

logs: setup ## the last lines of the logs (SERVICE=kafka for one of them; SERVICE=supervisor: how each of them ended)
	@$(OURS) deploy.local.main logs $(SERVICE)

demo: setup ## the Huế fortnight through the whole system, the published figures beside its own (ARGS='--facts other.toml')
	@$(OURS) lab.demo $(ARGS)

demo-correction: setup ## on the running demo: a day off in hindsight, which figures move, and the day taken back
	@$(OURS) lab.correction

verify: setup ## recount the logs of the running stack and compare every stage with the next
	@$(HERE) services.audit.main verify $(ARGS)

test: $(WANTED) lint ## lint, then all tests but those marked containers, wires or long, with a smoke of faults; fetches what they want
	@$(RUN) pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder -m "not containers and not wires and not long"

test-fast: setup ## the pure tests, no servers: seconds
	@MOTCUA_TEST_QUICK=1 $(RUN) pytest tests/unit tests/contract -m "not kafka and not faults and not slow" -n 3 -p no:schemathesis

test-all: $(WANTED) lint ## every test, also containers, wires and long, the faults in full; wants a Docker engine, root and npm, too
	@MOTCUA_TEST_FULL=1 $(RUN) pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder

test-containers: setup ## docker-compose.yml on a real engine: built, fed, killed, verified, removed
	@$(RUN) pytest -n 0 tests/containers

test-wires: setup ## the load lab's lines as real wires: a rate that several share, packets that are lost; wants root
	@$(RUN) pytest -n 0 -m wires

lint: setup ## ruff, mypy --strict, layers
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .
	@$(RUN) mypy
	@.venv/bin/lint-imports

format: setup ## put the code into the one form, mend what can be mended
	@$(RUN) ruff check --fix .
	@$(RUN) ruff format .

dashboards: setup ## write deploy/grafana/dashboards anew from the Python that makes them
	@$(OURS) deploy.grafana.main

drill: prometheus ## breaks a link, a worker, Redis, Kafka, the city, a centre; when each alert comes and goes (fetches Prometheus first; at ports that are free, whatever MOTCUA_PORT_BASE says; REPORT=1, ARGS=--unshortened)
	@$(OURS) deploy.drill.main $(if $(REPORT),--write) $(ARGS)

load: setup ## a scenario on a city of its own, verdicts, a report; wants Go, or toxiproxy-server (SCENARIO=mountain-link ARGS='--with-paper'; docs/LOAD.md)
	@$(OURS) lab.load.main $(if $(SCENARIO),run $(SCENARIO),list) $(ARGS)

bench: setup ## measure every stage, memory, a rebuild, and Quix Streams and Bytewax on the same records
	@$(OURS) benchmarks

reference-check: setup ## check the reference files (DIR=other/files for others) and say their digest
	@$(OURS) deploy.operators.main check $(if $(DIR),"$(DIR)")

reference-activate: setup ## let the reference files rule from here on (DIR=other/files, ARGS='--digest FORMER'), wait until all is folded anew
	@$(HERE) deploy.operators.main activate $(if $(DIR),"$(DIR)") $(ARGS)

rejected: setup ## dead letters by code, unit and week (ARGS='show 3:17', ARGS='replay --code too_many'; docs/DEAD_LETTERS.md)
	@$(HERE) deploy.operators.main rejected $(ARGS)

faults: setup ## kills, freezes, cuts off everything in turn, then counts; goes on where it stopped (SEED= ROUND= MINUTES=; docs/RELIABILITY.md)
	@$(OURS) tests.faults $(if $(SEED),--seed $(SEED)) $(if $(ROUND),--round $(ROUND)) $(if $(MINUTES),--minutes $(MINUTES)) \
		$(if $(REPORT),--report)
