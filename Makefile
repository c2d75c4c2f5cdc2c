# The commands of this checkout. Each does its own set-up (scripts/setup.sh), so
# that on Debian or Ubuntu make, git and ca-certificates are enough to begin with.

CARGO := scripts/cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
# sudo where it is needed and there is one; without it the agent says what it may not do.
SUDO := $(shell [ "$$(id -u)" = 0 ] || command -v sudo)

# Of test-kernels: kernels of tests/kernels/suites, parts of names of tests, KEY=VALUE for the agent in there.
KERNELS :=
ONLY :=
SET :=
RUN_KERNELS = tests/kernels/run $(ONLY:%=--only %) $(SET:%=--set %)

.DEFAULT_GOAL := help
.PHONY: help build run test test-e2e test-deploy test-guide docs test-kernels test-kernels-nobtf docs-kernels bench bench-kernel bench-peers footprint fuzz soak check dist dist-arm64 test-packages test-image test-clean test-not-linux clean

help: ## this list
	@awk -F ':[^#]*## ' '/^[a-z][a-z0-9-]*:[^#]*## / { printf "  make %-18s %s\n", $$1, $$2 }' Makefile

build: ## builds ./build/tfo-agent
	@scripts/setup.sh build
	$(CARGO) build --release --locked -p tfo-agent
	@install -D -m 755 $(TARGET)/release/tfo-agent build/tfo-agent

run: build ## builds the agent and starts pipelines/default.yaml
	@scripts/setup.sh run
	@echo
	@echo "The figures of this machine, from another terminal:"
	@echo "    curl -s http://localhost:8888/metrics | grep tfo_ebpf"
	@echo "Ctrl-C ends the agent."
	@echo
	@$(SUDO) ./build/tfo-agent start --config pipelines/default.yaml

test: ## all tests of the workspace, those of the kernel as root
	@scripts/setup.sh test
	TFO_AS_ROOT=1 $(CARGO) test --workspace --locked

test-e2e: build ## the agent against a real OpenTelemetry Collector, a real Prometheus and a real browser
	@scripts/setup.sh e2e
	@tests/e2e/build-collector
	@tests/compat/record --check
	$(CARGO) build --locked --workspace --example known_histograms --example random_pages
	@tests/e2e/pages $(TARGET)/debug/examples/random_pages
	@tests/e2e/histograms $(TARGET)/debug/examples/known_histograms
	@$(SUDO) tests/e2e/run
	@$(SUDO) tests/e2e/sidecar
	@$(SUDO) tests/e2e/zpages
	@$(SUDO) tests/e2e/watched
	@tests/e2e/compose ./build/tfo-agent

test-deploy: ## what deploy/ gives to a cluster, by the API server's own code; two minutes at the first time
	@scripts/setup.sh deploy
	@tests/deploy/run

test-guide: build ## follows docs/operations.md from the top, typing what it says
	@scripts/setup.sh guide
	@$(SUDO) tests/guide/run

dist: build ## what a release holds, in build/dist: tar, deb, rpm, list of what is inside, checksums
	@scripts/setup.sh dist
	@scripts/dist build/tfo-agent

dist-arm64: build ## the same for 64-bit ARM, cross-built in a clean root file system, run in an emulated machine
	@scripts/setup.sh arm64
	@$(SUDO) scripts/cross build/tfo-agent-arm64
	@$(SUDO) tests/roots/arm64 build/tfo-agent-arm64
	@scripts/setup.sh dist
	@scripts/dist build/tfo-agent-arm64 aarch64-unknown-linux-gnu

test-packages: dist ## installs and removes deb and rpm in clean root file systems
	@scripts/setup.sh roots
	@$(SUDO) tests/roots/packages

test-image: ## builds docker/Dockerfile with an engine and runs what comes out; a quarter of an hour
	@scripts/setup.sh image
	@$(SUDO) tests/roots/image

test-clean: ## make run and make test in a clean Debian, where each is the only command; half an hour
	@scripts/setup.sh roots
	@$(SUDO) tests/roots/clean

test-not-linux: ## the agent as it is where there is no Linux
	@scripts/setup.sh build
	$(CARGO) test --workspace --locked --features tfo-agent/stub --test not_linux

soak: ## ten minutes of processes and connections that come and go: the agent neither grows nor errs
	@scripts/setup.sh test
	TFO_AS_ROOT=1 TFO_SOAK_SECONDS=600 $(CARGO) test --locked -p tfo-agent --test soak -- --nocapture

test-kernels: ## the tests of the kernel inside Debian's kernels, emulated; KERNELS="5.10 6.12" for some
	@scripts/setup.sh kernels
	@$(RUN_KERNELS) $(KERNELS)

test-kernels-nobtf: ## the same inside a small kernel without BTF, which is built first: a quarter of an hour
	@scripts/setup.sh nobtf
	@$(RUN_KERNELS) nobtf

docs: docs-configuration ## writes what is made of the code: tables of docs/, the schema, dashboards
	@build/tfo-agent components --schema >docs/tfo-agent.schema.json.part
	@mv docs/tfo-agent.schema.json.part docs/tfo-agent.schema.json
	TFO_WRITE=1 $(CARGO) test --locked -q -p tfo-agent --bin tfo-agent generated

docs-configuration: build ## writes the tables of docs/configuration.md from what the agent says of itself
	@scripts/docs-configuration build/tfo-agent

docs-kernels: ## writes docs/kernels.md from the last runs of test-kernels
	@tests/kernels/table >docs/kernels.md.part
	@mv docs/kernels.md.part docs/kernels.md

bench: ## writing, reading and filtering a batch and its page, the first two beside opentelemetry-proto
	@scripts/setup.sh build
	$(CARGO) bench --locked -p otlp --bench encode
	$(CARGO) bench --locked -p exporter-prometheus --bench stages

bench-peers: build ## our agent and the real Collector on the same work, on one CPU each in turn; ten minutes
	@scripts/setup.sh e2e
	@tests/peers/build-collector
	$(CARGO) build --release --locked -p receiver-otlp --example peers
	@tests/peers/run ./build/tfo-agent target/peers/otelcol $(TARGET)/release/examples/peers $(BENCH)

fuzz: ## looks for what harms readers of OTLP and configurations, or a page; five minutes a target; FUZZ=20 for 20 seconds
	@scripts/setup.sh build
	fuzz/run $(or $(FUZZ),300)

bench-kernel: build ## what the kernel programs cost, beside the seed's way and bpftrace; BENCH=--quick for a look
	@scripts/setup.sh bench
	@$(SUDO) python3 -B crates/receiver-ebpf/benches/kernel $(BENCH)

footprint: build ## memory and CPU of the agent with a thousand live processes; six minutes
	@scripts/setup.sh check
	@$(SUDO) scripts/footprint

check: ## format, lints, docs, crate arrows, files
	@scripts/setup.sh check
	$(CARGO) fmt --all --check
	scripts/check-files --self-test
	scripts/check-files
	scripts/check-arrows --self-test
	scripts/check-arrows
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps --locked

clean: ## removes all that was built or fetched
	rm -rf build $(TARGET) target
