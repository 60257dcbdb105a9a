# Capricorn. "make help" lists the targets.
#
#   make SAN=asan ...    the same targets in build/asan, under AddressSanitizer and UBSan
#   make SAN=tsan ...    the same targets in build/tsan, under ThreadSanitizer
#   make test T=name     the tests whose file or name has that word

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

SAN      ?=
BUILD    ?= build$(if $(SAN),/$(SAN))
T        ?=
VERSION  := 0.1.0
CC       := $(if $(filter default,$(origin CC)),gcc,$(CC))
CXX      := $(if $(filter default,$(origin CXX)),g++,$(CXX))
OPT      ?= -O2 -g
PYTHON   ?= /usr/bin/python3
ROOT     := $(CURDIR)

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
            -Wpointer-arith -Wwrite-strings -Werror
SAN_asan := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
SAN_tsan := -fsanitize=thread -fno-omit-frame-pointer
SANFLAGS := $(SAN_$(SAN))

PKGS     := libuv libcjson
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

COMMON   := -std=gnu11 $(OPT) $(SANFLAGS) -fvisibility=hidden -pthread -MMD -MP
CPPFLAGS_ALL := -Iserver -Isdk/include -D_GNU_SOURCE -DCAPRICORN_VERSION='"$(VERSION)"' \
                $(LLHTTP_CFLAGS) $(PKG_CFLAGS)
LIBS     := $(PKG_LIBS) -l:libboost_context.a -ldl -pthread

# ---- what there is to build: found by its place in the tree ----

FOLDERS     ?= $(notdir $(patsubst %/,%,$(wildcard server/*/)))
SERVER_SRCS := $(sort $(foreach f,$(FOLDERS),$(wildcard server/$(f)/*.c)))
SERVER_OBJS := $(patsubst %.c,$(BUILD)/%.o,$(filter-out server/cli/main.c,$(SERVER_SRCS)))
SDK_SRCS    := $(wildcard sdk/src/*.c)
SDK_OBJS    := $(patsubst %.c,$(BUILD)/%.o,$(SDK_SRCS))
PLUGINS     := $(patsubst plugins/%/,%,$(wildcard plugins/*/))
PLUGIN_SOS  := $(patsubst %,$(BUILD)/plugins/%.so,$(PLUGINS))
EXAMPLES    := $(patsubst examples/%/,%,$(wildcard examples/*/))
EXAMPLE_SOS := $(patsubst %,$(BUILD)/examples/%.so,$(EXAMPLES))
UNIT_SRCS   := $(sort $(foreach f,$(FOLDERS) sdk,$(wildcard tests/unit/$(f)/test_*.c)))
UNIT_TESTS  := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(UNIT_SRCS))

.PHONY: all
all: $(BUILD)/capricorn plugins examples ## build the server, the plugins and the examples

.PHONY: plugins examples
plugins: $(PLUGIN_SOS)
examples: $(EXAMPLE_SOS)

$(BUILD)/capricorn: $(BUILD)/server/cli/main.o $(BUILD)/libcapricorn.a
	$(CC) $(COMMON) -pie -Wl,-z,relro,-z,now -o $@ $^ $(LIBS)

$(BUILD)/libcapricorn.a: $(SERVER_OBJS) $(LLHTTP_OBJS)
	rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/server/%.o: server/%.c
	@mkdir -p $(@D)
	$(CC) $(COMMON) $(WARNINGS) -fPIE $(CPPFLAGS_ALL) -c -o $@ $<

$(BUILD)/llhttp/%.o: /usr/share/llhttp/%.c
	@mkdir -p $(@D)
	$(CC) $(OPT) $(SANFLAGS) -w -fPIE -DLLHTTP_STRICT_MODE=1 $(LLHTTP_CFLAGS) -c -o $@ $<

# The framework: position-independent, since it is linked into plugins.
$(BUILD)/libcsgi_web.a: $(SDK_OBJS)
	rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/sdk/%.o: sdk/%.c
	@mkdir -p $(@D)
	$(CC) $(COMMON) $(WARNINGS) -fPIC -fstack-clash-protection -Isdk/include $(PKG_CFLAGS) -c -o $@ $<

# ---- plugins: a folder with NAME.c; its own sources only, the public headers only ----

PLUGIN_CFLAGS  := $(COMMON) $(WARNINGS) -fPIC -fstack-clash-protection -Isdk/include
PLUGIN_LDFLAGS := -shared -Wl,--version-script=sdk/csgi-plugin.map -Wl,--exclude-libs,ALL \
                  $(if $(SAN),,-Wl,-z,defs)

define plugin_rules
$(BUILD)/$(1)/$(2).so: $$(patsubst %.c,$(BUILD)/%.o,$$(wildcard $(1)/$(2)/*.c)) $(BUILD)/libcsgi_web.a sdk/csgi-plugin.map
	@mkdir -p $$(@D)
	$(CC) $(COMMON) $(PLUGIN_LDFLAGS) -o $$@ $$(filter %.o %.a,$$^) -lcjson -lm
endef
$(foreach p,$(PLUGINS),$(eval $(call plugin_rules,plugins,$(p))))
$(foreach p,$(EXAMPLES),$(eval $(call plugin_rules,examples,$(p))))

$(BUILD)/plugins/%.o: plugins/%.c
	@mkdir -p $(@D)
	$(CC) $(PLUGIN_CFLAGS) -c -o $@ $<
$(BUILD)/examples/%.o: examples/%.c
	@mkdir -p $(@D)
	$(CC) $(PLUGIN_CFLAGS) -c -o $@ $<

# ---- unit tests: each tests/unit/FOLDER/test_NAME.c is a program ----

$(BUILD)/unit/sdk/test_%: tests/unit/sdk/test_%.c $(BUILD)/libcsgi_web.a
	@mkdir -p $(@D)
	$(CC) $(COMMON) $(WARNINGS) -Isdk/include -Isdk/src -Itests/harness $(PKG_CFLAGS) -o $@ $< $(BUILD)/libcsgi_web.a \
	    -lcmocka -lcjson -lm
$(BUILD)/unit/%: tests/unit/%.c $(BUILD)/libcapricorn.a
	@mkdir -p $(@D)
	$(CC) $(COMMON) $(WARNINGS) $(CPPFLAGS_ALL) -Itests/harness -o $@ $< $(BUILD)/libcapricorn.a -lcmocka $(LIBS)

.PHONY: unit
unit: $(UNIT_TESTS) ## build and run the unit tests, plainly
	@for t in $(if $(T),$(filter %$(T)%,$(UNIT_TESTS)) $(foreach x,$(UNIT_TESTS),$(if $(findstring $(T),$(x)),$(x))),$(UNIT_TESTS)); do echo "== $$t"; $$t || exit 1; done

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
