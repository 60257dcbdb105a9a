# SPDX-License-Identifier: MIT
# Builds, runs and tests Capricorn; "make help" lists the targets.
#
#   make SAN=asan ...    the same in build/asan, under AddressSanitizer and UBSan
#   make SAN=tsan ...    the same in build/tsan, under ThreadSanitizer
#   make test T=word     only the tests whose file or name has that word

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

SAN      ?=
BUILD    ?= build$(if $(SAN),/$(SAN))
# One folder has one name: what an object depends on is noted under it.
override BUILD := $(subst $(CURDIR)/,,$(BUILD))
T        ?=
VERSION  := 0.1.0
PYTHON   ?= /usr/bin/python3
JOBS     := $(shell nproc 2>/dev/null || echo 1)
# make V=1 shows the commands.
Q         = $(if $(V),,@echo "  $@"; )

# "default" is make's own idea of a compiler, which says less than we need to know.
CC       := $(if $(filter default,$(origin CC)),$(if $(filter fuzz,$(SAN)),clang,gcc),$(CC))
CXX      := $(if $(filter default,$(origin CXX)),g++,$(CXX))
HAS_CXX  := $(shell command -v $(CXX) 2>/dev/null)
OPT      ?= $(if $(SAN),-O1,-O2) -g

WARNINGS_BOTH := -Wall -Wextra -Wshadow -Wconversion -Wpointer-arith -Wwrite-strings -Wvla -Werror
WARNINGS := $(WARNINGS_BOTH) -Wstrict-prototypes -Wmissing-prototypes
ifeq ($(SAN),fuzz)
WARNINGS := -w # clang's; gcc has judged the same sources
endif

SAN_asan := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
SAN_tsan := -fsanitize=thread -fno-omit-frame-pointer
SAN_fuzz := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined \
            -fno-omit-frame-pointer
SANFLAGS := $(SAN_$(SAN))

PKGS     := libuv zlib libbrotlidec openssl
# Debian 13 has llhttp as a library; Debian 12 has its source, which is compiled as it is.
LLHTTP_SOURCE := $(wildcard /usr/share/llhttp/llhttp.c)
LLHTTP_PKG    := $(shell pkg-config --exists libllhttp 2>/dev/null && echo libllhttp)
ifneq ($(LLHTTP_PKG),)
PKGS += $(LLHTTP_PKG)
else ifneq ($(LLHTTP_SOURCE),)
LLHTTP_OBJS   := $(patsubst %,$(BUILD)/llhttp/%.o,api http llhttp)
LLHTTP_CFLAGS := -isystem /usr/share/include/llhttp
endif
PKG_CFLAGS := $(subst -I/,-isystem /,$(shell pkg-config --cflags $(PKGS) 2>/dev/null))
PKG_LIBS   := $(shell pkg-config --libs $(PKGS) 2>/dev/null)

# The server is optimised across its files when it is linked, which saves a tenth of a request's
# instructions and costs 10 s; "make LTO= ..." goes without. Tests link the same objects as they are.
LTO      ?= $(if $(SAN)$(findstring clang,$(CC)),,-flto=auto)
FAT_LTO  := $(if $(LTO),$(LTO) -ffat-lto-objects)
NO_LTO   := $(if $(LTO),-fno-lto)
COMMON   := $(OPT) $(SANFLAGS) -fvisibility=hidden -pthread
CFLAGS_ALL := -std=gnu11 $(COMMON) -MMD -MP $(WARNINGS)
CPPFLAGS_ALL := -Iserver -Isdk/include -I$(BUILD)/generated -D_GNU_SOURCE \
                -DCAPRICORN_VERSION='"$(VERSION)"' $(LLHTTP_CFLAGS) $(PKG_CFLAGS)
LIBS     := $(PKG_LIBS) -l:libboost_context.a -ldl -pthread

# ---- what there is to build: found by its place in the tree ----

FOLDERS     ?= $(notdir $(patsubst %/,%,$(wildcard server/*/)))
SERVER_SRCS := $(sort $(foreach f,$(FOLDERS),$(wildcard server/$(f)/*.c)))
SERVER_OBJS := $(patsubst %.c,$(BUILD)/%.o,$(filter-out server/cli/main.c,$(SERVER_SRCS)))
SDK_OBJS    := $(patsubst %.c,$(BUILD)/%.o,$(wildcard sdk/src/*.c))
UNIT_SRCS   := $(sort $(foreach f,$(FOLDERS) sdk,$(wildcard tests/unit/$(f)/test_*.c)))
UNIT_TESTS  := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(UNIT_SRCS))
BENCHES     := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(wildcard tests/bench/*.c))
FUZZ_TARGETS := $(patsubst tests/fuzz/%.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))
TEST_PLUGINS := $(wildcard tests/integration/plugins/*.c tests/integration/plugins/*.cc \
                           tests/bench/plugins/*.c)

# Folders with sources; those in C++ are left out, with a word, where there is no C++ compiler.
folders_in   = $(sort $(foreach s,$(wildcard $(1)/*/*.c $(1)/*/*.cc),$(word 2,$(subst /, ,$(s)))))
sources_of   = $(filter-out $(1)/test_%,$(wildcard $(1)/*.c $(1)/*.cc))
is_buildable = $(if $(filter %.cc,$(1)),$(HAS_CXX),yes)
# What a folder needs beyond that, as pkg-config calls it; without it the folder is left out too.
LIBRARY_examples/postgres := libpq
LIBRARY_examples/redis    := hiredis
library_of   = $(LIBRARY_$(patsubst %/,%,$(dir $(firstword $(1)))))
has_library  = $(if $(call library_of,$(1)),$(shell pkg-config --exists $(call library_of,$(1)) && echo yes),yes)
so_of        = $(BUILD)/$(1).so
test_so_of   = $(BUILD)/test-plugins/$(notdir $(basename $(1))).so

PLUGIN_DIRS  := $(foreach d,$(addprefix plugins/,$(call folders_in,plugins)) \
                            $(addprefix examples/,$(call folders_in,examples)),$(d))
SKIPPED_DIRS := $(foreach d,$(PLUGIN_DIRS),$(if $(and \
                    $(call is_buildable,$(call sources_of,$(d))),$(call has_library,$(d)/)),,$(d)))
PLUGIN_SOS   := $(foreach d,$(filter-out $(SKIPPED_DIRS),$(PLUGIN_DIRS)),$(call so_of,$(d)))
TEST_SOS     := $(foreach s,$(TEST_PLUGINS),$(if $(call is_buildable,$(s)),$(call test_so_of,$(s))))

.PHONY: all server plugins examples
all: server plugins examples ## build the server, the plugins and the examples
all: $(if $(SAN),,$(BUILD)/pkgconfig/csgi.pc $(addprefix $(BUILD)/completion/,bash zsh fish))
server: $(BUILD)/capricorn
plugins: $(filter $(BUILD)/plugins/%,$(PLUGIN_SOS))
examples: $(filter $(BUILD)/examples/%,$(PLUGIN_SOS))
	@$(foreach d,$(SKIPPED_DIRS),echo "$(d) is left out: it takes $(or $(LIBRARY_$(d)),$(CXX)), which is not installed";)true

# ---- the server ----

$(BUILD)/capricorn: $(BUILD)/server/cli/main.o $(BUILD)/libcapricorn.a
	$(Q)$(CC) $(COMMON) $(LTO) -pie -Wl,-z,relro,-z,now -o $@ $^ $(LIBS)

$(BUILD)/libcapricorn.a: $(SERVER_OBJS) $(LLHTTP_OBJS)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/server/%.o: server/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) $(FAT_LTO) -fPIE $(CPPFLAGS_ALL) -c -o $@ $<

# The templates of "capricorn new" as C strings, a line each.
TEMPLATES := $(patsubst sdk/template/%.in,$(BUILD)/generated/cli/%.inc,$(wildcard sdk/template/*.in)) \
             $(BUILD)/generated/cli/pool.c.inc $(BUILD)/generated/cli/pool.h.inc
AS_STRING := sed 's/\\/\\\\/g; s/"/\\"/g; s/^/"/; s/$$/\\n"/'
$(BUILD)/server/cli/new.o: $(TEMPLATES)
$(BUILD)/generated/cli/%.inc: sdk/template/%.in
	@mkdir -p $(@D)
	$(Q)$(AS_STRING) $< > $@
$(BUILD)/generated/cli/pool.%.inc: examples/postgres/pool.%
	@mkdir -p $(@D)
	$(Q)$(AS_STRING) $< > $@

# The dashboard's files, likewise.
DASHBOARD := $(patsubst server/%,$(BUILD)/generated/%.inc,$(wildcard server/worker/dashboard/*))
$(BUILD)/server/worker/dashboard.o: $(DASHBOARD)
$(BUILD)/generated/worker/dashboard/%.inc: server/worker/dashboard/%
	@mkdir -p $(@D)
	$(Q)sed 's/\\/\\\\/g; s/"/\\"/g; s/^/"/; s/$$/\\n"/' $< > $@

$(BUILD)/llhttp/%.o: /usr/share/llhttp/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(OPT) $(SANFLAGS) $(FAT_LTO) -w -fPIE -DLLHTTP_STRICT_MODE=1 $(LLHTTP_CFLAGS) -c -o $@ $<

# ---- the framework: position-independent, since it is linked into plugins ----

$(BUILD)/libcsgi_web.a: $(SDK_OBJS)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# For plugins built elsewhere with this tree: PKG_CONFIG_PATH=$(BUILD)/pkgconfig.
$(BUILD)/pkgconfig/csgi.pc: sdk/csgi.pc.in Makefile $(BUILD)/libcsgi_web.a
	@mkdir -p $(@D)
	$(Q)sed -e 's|^includedir=.*|includedir=$(CURDIR)/sdk/include|' \
	    -e 's|^libdir=.*|libdir=$(abspath $(BUILD))|' -e 's|^datadir=.*|datadir=$(CURDIR)/sdk|' \
	    -e 's|@PREFIX@|$(CURDIR)|; s|@VERSION@|$(VERSION)|' $< > $@

$(BUILD)/sdk/%.o: sdk/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -fPIC -fstack-clash-protection -Isdk/include -c -o $@ $<

# ---- plugins, examples and the tests' plugins: the public headers only, one export ----

PLUGIN_CFLAGS  := -fPIC -fstack-clash-protection -Isdk/include
PLUGIN_LDFLAGS := -shared -Wl,--version-script=sdk/csgi-plugin.map -Wl,--exclude-libs,ALL \
                  -Wl,--as-needed $(if $(SAN),,-Wl,-z,defs)

# Who includes the framework is linked with it; the rest must do without.
WEB_USERS := $(shell grep -ls 'csgi/web\.h' plugins/*/* examples/*/* \
                    tests/integration/plugins/* tests/bench/plugins/*)

# $(call plugin_rule,FILE.so,SOURCES,NEIGHBOURS): one rule that links the sources to a plugin.
define plugin_rule
$(1): $(addprefix $(BUILD)/obj/,$(addsuffix .o,$(basename $(2)))) \
      $(if $(filter $(WEB_USERS),$(3)),$(BUILD)/libcsgi_web.a) sdk/csgi-plugin.map
	@mkdir -p $$(@D)
	$$(Q)$(if $(filter %.cc,$(2)),$(CXX),$(CC)) $(COMMON) $(PLUGIN_LDFLAGS) -o $$@ \
	    $$(filter %.o %.a,$$^) -lcjson -lm \
	    $(if $(call library_of,$(2)),$(shell pkg-config --libs $(call library_of,$(2)) 2>/dev/null))
endef
$(foreach d,$(PLUGIN_DIRS),\
    $(eval $(call plugin_rule,$(call so_of,$(d)),$(call sources_of,$(d)),$(wildcard $(d)/*))))
$(foreach s,$(TEST_PLUGINS),$(eval $(call plugin_rule,$(call test_so_of,$(s)),$(s),$(s))))

$(BUILD)/obj/examples/postgres/%.o: PLUGIN_CFLAGS += \
    $(subst -I/,-isystem /,$(shell pkg-config --cflags libpq 2>/dev/null))
$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) $(PLUGIN_CFLAGS) -c -o $@ $<
$(BUILD)/obj/%.o: %.cc
	@mkdir -p $(@D)
	$(Q)$(CXX) -std=c++17 $(COMMON) -MMD -MP $(WARNINGS_BOTH) -fno-gnu-unique $(PLUGIN_CFLAGS) -c -o $@ $<

# ---- unit tests: each tests/unit/FOLDER/test_NAME.c is a program ----

# Our own objects' allocations go through tests/harness/failing_malloc.c, which can make them fail.
UNIT_HELPERS := $(addprefix $(BUILD)/harness/,failing_malloc.o test_filter.o bad_upstream.o)
UNIT_WRAP    := $(foreach f,malloc calloc realloc strdup,-Wl,--wrap=$(f))

$(BUILD)/harness/%.o: tests/harness/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -D_GNU_SOURCE -c -o $@ $<
$(BUILD)/harness/bad_upstream: $(BUILD)/harness/bad_upstream_main.o $(BUILD)/harness/bad_upstream.o
	$(Q)$(CC) $(COMMON) -o $@ $^
$(BUILD)/unit/sdk/test_%: tests/unit/sdk/test_%.c $(BUILD)/libcsgi_web.a $(UNIT_HELPERS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -Isdk/include -Isdk/src -Itests/harness $(UNIT_WRAP) -o $@ $< \
	    $(UNIT_HELPERS) $(BUILD)/libcsgi_web.a -lcmocka -lcjson -lm
$(BUILD)/unit/%: tests/unit/%.c $(BUILD)/libcapricorn.a $(UNIT_HELPERS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) $(NO_LTO) $(CPPFLAGS_ALL) -Itests/harness $(UNIT_WRAP) -o $@ $< $(UNIT_HELPERS) \
	    $(BUILD)/libcapricorn.a -lcmocka $(LIBS)

.SECONDARY: $(UNIT_HELPERS)
.PHONY: unit unit-programs test-programs
unit: unit-programs
	@for t in $(if $(T),$(foreach x,$(UNIT_TESTS),$(if $(findstring $(T),$(x)),$(x))),$(UNIT_TESTS)); do echo "== $$t"; $$t || exit 1; done
unit-programs: $(UNIT_TESTS)
test-programs: all unit-programs $(TEST_SOS) $(BENCHES) $(BUILD)/harness/bad_upstream

# ---- fuzz targets: each tests/fuzz/fuzz_NAME.c, with clang, in build/fuzz ----

.PHONY: fuzz-programs
fuzz-programs: $(FUZZ_TARGETS)
$(BUILD)/fuzz_%: tests/fuzz/fuzz_%.c $(BUILD)/libcapricorn.a $(BUILD)/libcsgi_web.a
	$(Q)$(CC) -std=gnu11 $(COMMON) -fsanitize=fuzzer -MMD -MP $(CPPFLAGS_ALL) -Isdk/src -o $@ $< \
	    $(BUILD)/libcapricorn.a $(BUILD)/libcsgi_web.a $(LIBS) -lcjson -lm

# ---- what is printed from the tables: docs/options.md and the manual page ----

$(BUILD)/print_reference: tests/lint/print_reference.c $(BUILD)/libcapricorn.a
	$(Q)$(CC) $(CFLAGS_ALL) $(NO_LTO) $(CPPFLAGS_ALL) -o $@ $< $(BUILD)/libcapricorn.a $(LIBS)

.PHONY: print-options print-man
print-options print-man:
	@$(MAKE) --no-print-directory $(BUILD)/print_reference > /dev/null
	@$(BUILD)/print_reference $(@:print-%=%)

# ---- benchmarks: each tests/bench/NAME.c is a program ----

$(BUILD)/bench/%: tests/bench/%.c $(BUILD)/libcapricorn.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) $(NO_LTO) $(CPPFLAGS_ALL) -o $@ $< $(BUILD)/libcapricorn.a $(LIBS)

# ---- what people type ----

RUN_ARGS = $(if $(filter command%,$(origin HOST)),--host '$(HOST)') $(if $(PORT),--port '$(PORT)') $(ARGS)
SUITE   ?= bookworm
PREFIX  ?= /usr/local
export LINT_CC = $(CC)
export LINT_CPPFLAGS = $(CPPFLAGS_ALL)
TESTS    = BUILD_ROOT='$(BUILD)' $(PYTHON) tests/harness/run_tests.py --jobs $(JOBS) $(if $(T),--only '$(T)')
FUZZ_SECONDS ?= 30
C_FILES  = $(shell find server sdk plugins examples tests -name '*.[ch]' -o -name '*.cc')
CLANG_FORMAT ?= $(shell command -v clang-format-14 || echo clang-format)

.PHONY: help run deps test test-unit test-integration test-abi asan tsan fuzz-smoke lint lint-tidy fmt \
        chroot-check install-check docker-check bench bench-programs bench-memory \
        bench-slow-clients bench-postgres bench-reload bench-instructions install uninstall clean
help: ## list the targets
	@sed -n 's/^\([a-z][a-z-]*\):[^#]*## \(.*\)/  \1\t\2/p' Makefile | expand -t 22

# The packages' flags are asked for when make starts: after an installation it has to start again.
run: ## install what is missing, build, and serve plugins/ (HOST=, PORT=, ARGS=)
	@sh .ci/deps build
	@$(MAKE) --no-print-directory -j$(JOBS) server plugins
	@exec $(BUILD)/capricorn run --plugin-dir $(BUILD)/plugins $(RUN_ARGS)

deps: ## install all that building and testing takes
	@sh .ci/deps test

test: ## install what is missing, build, and run every test (T=word: those with that word)
	@sh .ci/deps test
	@$(TESTS) lint unit unit-asan unit-tsan abi integration integration-asan fuzz

test-unit: ## the unit tests
	@$(TESTS) unit

test-integration: ## the integration tests: a real server, real clients
	@$(TESTS) integration

test-abi: ## the ABI tests: layout, compile matrix, abidiff, frozen and bad plugins
	@$(TESTS) abi

asan: ## unit and integration tests under AddressSanitizer and UBSan
	@$(TESTS) unit-asan integration-asan

tsan: ## unit and integration tests under ThreadSanitizer
	@$(TESTS) unit-tsan integration-tsan

fuzz-smoke: ## each fuzz target for FUZZ_SECONDS (30)
	@FUZZ_SECONDS=$(FUZZ_SECONDS) $(TESTS) fuzz

lint: ## arrows, lengths, documentation, layout
	@$(TESTS) lint

lint-tidy: ## clang-tidy (slow)
	@$(TESTS) tidy

BENCH = CAPRICORN_BUILD='$(BUILD)' PYTHONDONTWRITEBYTECODE=1 $(PYTHON) tests/bench
BENCH_ARGS ?= $(if $(QUICK),--quick)
bench-programs: server plugins $(TEST_SOS) $(BENCHES)

bench: bench-programs ## what requests cost, against other servers (QUICK=1; BENCH_ARGS=--help)
	@$(BENCH)/bench.py $(BENCH_ARGS)

bench-memory: bench-programs ## what connections, waiting requests and tasks cost in memory (QUICK=1)
	@$(BENCH)/memory.py $(BENCH_ARGS)

bench-slow-clients: bench-programs ## what 5,000 slow clients do to a normal one
	@$(BENCH)/slow_clients.py $(BENCH_ARGS)

bench-postgres: bench-programs examples ## a thousand requests that wait for PostgreSQL, and a plain one meanwhile (QUICK=1)
	@$(BENCH)/postgres.py $(BENCH_ARGS)

bench-reload: bench-programs ## from a saved file to its first answer, against others; a thousand reloads under load (QUICK=1)
	@$(BENCH)/reload.py $(BENCH_ARGS)

bench-instructions: bench-programs ## instructions a request takes, by valgrind (BENCH_ARGS='--functions 30 plain')
	@$(BENCH)/instructions.py $(BENCH_ARGS)

fmt: ## lay out the C sources with clang-format 14; write generated parts of the documents
	@$(CLANG_FORMAT) --version | grep -q 'version 14\.' || \
	    { echo "make fmt takes clang-format 14: other versions lay out differently" >&2; exit 1; }
	@$(CLANG_FORMAT) -i $(C_FILES)
	@$(MAKE) --no-print-directory server && $(BUILD)/capricorn schema > docs/routes.schema.json
	@mkdir -p docs/man
	@$(MAKE) --no-print-directory print-options > docs/options.md
	@$(MAKE) --no-print-directory print-man > docs/man/capricorn.1
	@$(PYTHON) tests/lint/docs.py
	@$(PYTHON) tests/lint/musts.py

chroot-check: ## run the README's commands in a bare Debian (SUITE=bookworm or trixie; root)
	@sh tests/harness/chroot_check.sh $(SUITE)

install-check: ## install into a bare Debian, and make a new plugin there (SUITE=, BASE=a bare system; root)
	@sh tests/harness/install_check.sh $(SUITE) $(BASE)

docker-check: ## run the Dockerfile's steps and its container without Docker (BASE=a bare trixie; root)
	@$(PYTHON) tests/harness/dockerfile_check.py $(if $(BASE),--base '$(BASE)')

# What is installed below PREFIX, and removed again: SOURCE:TARGET:MODE.
CSGI_HEADERS := $(shell cd sdk/include && find csgi -name '*.h')
INSTALLED = $(BUILD)/capricorn:bin/capricorn:755 $(BUILD)/libcsgi_web.a:lib/libcsgi_web.a:644 \
    sdk/csgi-plugin.map:share/csgi/csgi-plugin.map:644 \
    docs/man/capricorn.1:share/man/man1/capricorn.1:644 \
    $(BUILD)/completion/bash:share/bash-completion/completions/capricorn:644 \
    $(BUILD)/completion/zsh:share/zsh/site-functions/_capricorn:644 \
    $(BUILD)/completion/fish:share/fish/vendor_completions.d/capricorn.fish:644 \
    docs/routes.schema.json:share/capricorn/routes.schema.json:644 \
    $(foreach h,$(CSGI_HEADERS),sdk/include/$(h):include/$(h):644) \
    $(foreach p,$(filter $(BUILD)/plugins/%,$(PLUGIN_SOS)),$(p):lib/capricorn/plugins/$(notdir $(p)):755)
INSTALLED_FOLDERS := include/csgi/ext/draft include/csgi/ext include/csgi share/csgi share/capricorn \
    lib/capricorn/plugins lib/capricorn
each_installed = for each in $(INSTALLED); do mode=$${each\#\#*:}; each=$${each%:*}; \
    target=$(DESTDIR)$(PREFIX)/$${each\#*:}; source=$${each%%:*};

COMPLETIONS := $(addprefix $(BUILD)/completion/,bash zsh fish)
$(COMPLETIONS): $(BUILD)/completion/%: $(BUILD)/capricorn
	@mkdir -p $(@D)
	$(Q)$< completion $* > $@

install: server plugins $(BUILD)/libcsgi_web.a $(COMPLETIONS) ## install the server, its plugins and what others are built with (PREFIX=/usr/local, DESTDIR=)
	@set -e; $(each_installed) echo "  $$target"; install -D -m $$mode $$source $$target; done
	@mkdir -p $(DESTDIR)$(PREFIX)/lib/pkgconfig
	sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|' sdk/csgi.pc.in > $(DESTDIR)$(PREFIX)/lib/pkgconfig/csgi.pc

uninstall: ## remove what make install has installed, and nothing else
	@$(each_installed) rm -f $$target; done
	rm -f $(DESTDIR)$(PREFIX)/lib/pkgconfig/csgi.pc
	@for folder in $(INSTALLED_FOLDERS); do \
	    rmdir $(DESTDIR)$(PREFIX)/$$folder 2>/dev/null || true; done

clean: ## remove what was built
	rm -rf $(BUILD)

OBJECTS := $(SERVER_OBJS) $(BUILD)/server/cli/main.o $(SDK_OBJS) $(UNIT_HELPERS) \
           $(foreach s,$(foreach d,$(PLUGIN_DIRS),$(call sources_of,$(d))) $(TEST_PLUGINS),$(BUILD)/obj/$(basename $(s)).o)
-include $(wildcard $(OBJECTS:.o=.d) $(BUILD)/harness/bad_upstream_main.d $(addsuffix .d,$(UNIT_TESTS) $(BENCHES) $(FUZZ_TARGETS)))
