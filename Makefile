# Every target does all the set-up it needs; run them from anywhere with -C.
PRESET ?= release
JOBS ?= $(shell nproc)
TASK ?=

.PHONY: all setup build demo test unit test-asan bench check clean
all: build

setup:
	@scripts/setup

build: setup
	@scripts/build $(PRESET) $(JOBS)

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

# Layers, formatting, documents against the tree.
check:
	@scripts/setup --check
	@scripts/check

clean:
	rm -rf build
