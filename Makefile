# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
# The short way to everything. What happens is in tools/ and meson.build; NATIVE=1 uses the host's own
# compilers and libraries instead of the lab.

LAB = tools/lab
BUILD = $(if $(filter 1,$(NATIVE)),build-native,build-lab)
export NATIVE

help:
	@echo 'make demo         a virtual machine on virtiogpud: boots it, draws in it, saves the pictures'
	@echo '                  DEMO=vulkan: with Vulkan; DEMO=desktop: a desktop for VNC clients, until Ctrl-C'
	@echo 'make check        all checks and tests, as CI runs them'
	@echo 'make check-fast   those that take seconds'
	@echo 'make build        only build'
	@echo 'make breakout     tries to get out of the sandbox of each process, in every way we know'
	@echo 'make proofs       proves with CBMC what must hold for all input; ARGS=--bugs: that seeded bugs are found'
	@echo 'make bench        measures against QEMU'"'"'s own GPU'
	@echo 'make bench-vtest  measures without a virtual machine, against virglrenderer'"'"'s test server'
	@echo 'make bench-scanout measures pictures in shared memory against pixels by a socket'
	@echo 'make piglit       runs tests of OpenGL on virtiogpud; ARGS: tools/piglit --help, words of names'
	@echo 'make overhead     measures what the sandbox costs a guest that draws (no virtual machine needed)'
	@echo 'make bench-memory measures memory of Vulkan that guests map'
	@echo 'make conformance  judges our backend case by case; BACKEND="CMD {socket}": another one;'
	@echo '                  SANITIZED=1: ours with ASan and UBSan; ARGS: virtiogpu-conform --help'
	@echo 'make hostile      the same in bad faith: guests, VMMs and displays that break every rule (SANITIZED, ARGS)'
	@echo 'make kills        kills the renderer again and again under load: ARGS="--kills 1000 --within 1000"'
	@echo 'make soak         everything hostile at once to one daemon, with kills, for TIME=600 seconds'
	@echo 'make conformance-rust  the same for vhost-device-gpu, built with cargo'
	@echo 'make fuzz         fuzzes what reads the bytes of others, for TIME=5m in all, or TIME=15m (TARGET=…: only these)'
	@echo 'make shell        a shell in the lab'
	@echo 'make clean        remove what was built here (tools/lab clean: the lab too)'
	@echo 'NATIVE=1          without the lab, on what the host has'

build:
	$(LAB) run -- tools/check build

demo:
	$(LAB) run --guest -- tools/check build
	$(LAB) run --guest -- tools/demo $(DEMO) $(ARGS)

check:
	$(LAB) run --guest --stable-qemu --proofs -- tools/check $(ARGS)

check-fast:
	$(LAB) run -- tools/check --fast $(ARGS)

breakout:
	$(LAB) run -- tools/check build
	$(LAB) run -- $(BUILD)/tests/sandbox/breakout $(ARGS)

proofs:
	$(LAB) run --proofs -- tools/proofs $(ARGS)

bench:
	$(LAB) run --guest -- tools/check build
	$(LAB) run --guest -- tools/bench $(ARGS)

bench-memory:
	$(LAB) run --guest -- tools/check build
	$(LAB) run --guest -- tools/bench-memory $(ARGS)

bench-vtest:
	$(LAB) run -- tools/check build
	$(LAB) run -- tools/bench-vtest $(ARGS)

piglit:
	$(LAB) run -- tools/check build
	$(LAB) run -- tools/piglit $(ARGS)

overhead:
	$(LAB) run -- tools/check build
	$(LAB) run -- env 'BACKEND=$(BUILD)/virtiogpud --socket-path {socket} --renderer virgl' \
		$(BUILD)/tests/bench/overhead $(ARGS)

bench-scanout:
	$(LAB) run -- tools/check build
	$(LAB) run -- env 'BACKEND=$(BUILD)/virtiogpud --socket-path {socket} --renderer none' \
		$(BUILD)/tests/bench/scanout $(ARGS)

conformance:
	$(LAB) run -- tools/check build $(if $(SANITIZED),build-sanitizers)
	$(LAB) run -- tools/conformance $(if $(SANITIZED),--sanitized) $(ARGS)

hostile:
	$(LAB) run -- tools/check build $(if $(SANITIZED),build-sanitizers)
	$(LAB) run -- tools/conformance --hostile $(if $(SANITIZED),--sanitized) $(ARGS)

kills:
	$(LAB) run -- tools/check build
	$(LAB) run -- env 'BACKEND=$(BUILD)/virtiogpud --socket-path {socket} --renderer-restarts 64/1' \
		$(BUILD)/tests/soak/kills $(or $(ARGS),--kills 1000)

soak:
	$(LAB) run -- tools/check build
	$(LAB) run -- tools/soak --seconds $(or $(TIME),600) $(ARGS)

conformance-rust:
	$(LAB) run -- tools/check build
	tools/peer-rust tools/conformance $(ARGS)

fuzz:
	$(LAB) run -- tools/fuzz $(if $(TIME),--time $(TIME)) $(ARGS) $(TARGET)

shell:
	$(LAB) shell

clean:
	rm -rf build-lab* build-native*

.PHONY: help build demo check check-fast breakout proofs bench bench-memory bench-vtest piglit bench-scanout overhead conformance hostile kills soak conformance-rust fuzz shell clean
