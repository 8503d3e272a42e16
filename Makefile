# Every target does all the set-up it needs; run them from anywhere with -C.
PRESET ?= release
JOBS ?= $(shell nproc)
TASK ?=

.PHONY: all setup build wheel demo test unit test-asan bench soak dependents check clean
all: build

setup:
	@scripts/setup

build: setup
	@scripts/build $(PRESET) $(JOBS)

# build/wheels/carryall-*.whl, compiled apart from build/release.
wheel: setup
	@.venv/bin/python -m pip wheel . --no-deps -q -w build/wheels

demo: build
	@scripts/demo

# Unit, property, wire, Python, conformance, peer and command-line tests.
test: build
	@scripts/test

unit: build
	@ctest --test-dir build/$(PRESET) --output-on-failure -j $(JOBS)

# The C++ unit tests under the address and undefined-behaviour sanitizers.
test-asan: setup
	@scripts/build asan $(JOBS)
	@ASAN_OPTIONS=detect_container_overflow=0 UBSAN_OPTIONS=print_stacktrace=1 \
	  ctest --test-dir build/asan --output-on-failure -j $(JOBS)

bench: setup
	@scripts/bench $(TASK)

# Half an hour of live streams; SECONDS=... for another time.
SECONDS ?= 1800
soak: build
	@scripts/soak $(SECONDS)

# The suites of packages that are built on arrakis, on stock and on ours.
dependents: build
	@scripts/dependents

# Layers, formatting, documents against the tree.
check:
	@scripts/setup --check
	@scripts/check

clean:
	rm -rf build
