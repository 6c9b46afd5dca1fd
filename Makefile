# Each target is the script of the same name, for machines without make. ARGS reach the script:
# make test ARGS="-k cart"
.DEFAULT_GOAL := help

help:  ## what there is to make
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' Makefile | expand -t 18

setup:  ## set everything up in .venv
	@scripts/setup $(ARGS)
demo: ## three devices in the browser, one basket, on an embedded broker
	@scripts/demo $(ARGS)
test:  ## the tests, under 10 minutes
	@scripts/test $(ARGS)
test-all:  ## the long tests as well
	@scripts/test-all $(ARGS)
chaos:  ## seeded faults on a real Kafka: RUNS=200 SEED=0, or one SEED by itself
	@scripts/chaos $(if $(RUNS),--runs $(RUNS)) $(if $(SEED),--seed $(SEED)) $(ARGS)
compile: ## the hot path as machine code, into build/compiled
	@scripts/compile $(ARGS)
check:  ## lint, format, types, layers, schemas, generated files
	@scripts/check $(ARGS)
generate:  ## write the files that are made from the code
	@scripts/generate $(ARGS)
audit:  ## a bill of materials, and what is known against what it lists
	@scripts/audit $(ARGS)
deploy-tools:  ## helm, kubeconform and Strimzi's definitions, for the tests of the chart
	@scripts/deploy-tools $(ARGS)
bench:  ## measure, beside Kafka Streams, Quix Streams and Faust, some 20 minutes
	@scripts/bench $(ARGS)
bench-full:  ## measure what takes hours, resumable file by file
	@scripts/bench-full $(ARGS)
play:  ## a year of public retail data, on a real Kafka
	@scripts/play $(ARGS)

.PHONY: help setup demo test test-all chaos compile check generate audit deploy-tools bench bench-full play
