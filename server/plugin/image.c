/* SPDX-License-Identifier: MIT
 * Reading a shared object's bytes (System V ABI, chapters 4 and 5). By pread and not by mmap, since
 * a file that is cut short meanwhile must be an error, and not a SIGBUS. */
#include "plugin/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"

/* Tables beyond these are no plugin's; they keep a garbled file from asking for all memory. */
#define TABLE_MAX_BYTES  ((uint64_t)256 << 20)
#define CHAIN_MAX_LENGTH 65536

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define NATIVE_ORDER ELFDATA2LSB
#else
#define NATIVE_ORDER ELFDATA2MSB
#endif
#if __SIZEOF_POINTER__ == 8
#define NATIVE_CLASS ELFCLASS64
#else
#define NATIVE_CLASS ELFCLASS32
#endif

#if defined(__x86_64__)
#define NATIVE_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define NATIVE_MACHINE EM_AARCH64
#elif defined(__riscv)
#define NATIVE_MACHINE EM_RISCV
#elif defined(__powerpc64__)
#define NATIVE_MACHINE EM_PPC64
#elif defined(__s390x__)
#define NATIVE_MACHINE EM_S390
#elif defined(__arm__)
#define NATIVE_MACHINE EM_ARM
#elif defined(__i386__)
#define NATIVE_MACHINE EM_386
#else
#error "name this machine's ELF number here"
#endif

static const struct {
    unsigned number;
    const char *name;
} machines[] = {
    { EM_X86_64, "x86-64" }, { EM_AARCH64, "AArch64" }, { EM_386, "i386" },
    { EM_ARM, "ARM" },       { EM_RISCV, "RISC-V" },    { EM_PPC64, "POWER" },
    { EM_S390, "S/390" },    { EM_MIPS, "MIPS" },       { EM_PPC, "PowerPC" },
    { EM_SPARCV9, "SPARC" }, { EM_IA_64, "Itanium" },
};

static const char *machine_name(unsigned number)
{
    for (size_t i = 0; i < COUNT_OF(machines); i++) {
        if (machines[i].number == number) return machines[i].name;
    }
    return "another machine";
}

csgi_status image_refuse(image *self, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (buffer_printf(self->problem, "%s: ", self->file) == CSGI_OK)
        (void)buffer_vprintf(self->problem, format, args);
    va_end(args);
    return CSGI_EFAIL;
}

static csgi_status refuse_short(image *self, uint64_t expected)
{
    return image_refuse(self,
                        "is cut short: it has %llu bytes, its headers speak of at least %llu; copy "
                        "or build it again, and rename it into place when it is whole",
                        (unsigned long long)self->size, (unsigned long long)expected);
}

/* Is [offset, offset + len) in the file? If not, writes the sentence. */
static csgi_status check_extent(image *self, uint64_t offset, uint64_t len)
{
    uint64_t end;

    if (__builtin_add_overflow(offset, len, &end))
        return image_refuse(self, "is garbled: a part of it ends beyond all sizes; build it again");
    return end <= self->size ? CSGI_OK : refuse_short(self, end);
}

static csgi_status read_into(image *self, uint64_t offset, void *out, size_t len)
{
    csgi_status status = check_extent(self, offset, len);
    size_t done = 0;

    while (status == CSGI_OK && done < len) {
        ssize_t count = pread(self->fd, (char *)out + done, len - done, (off_t)(offset + done));

        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return image_refuse(self, "cannot be read: %s", strerror(errno));
        if (count == 0) return refuse_short(self, offset + len);
        done += (size_t)count;
    }
    return status;
}

/* Reads count elements onto the heap, and a zero byte behind them. NULL: *status says why. */
static void *read_table(image *self, uint64_t offset, uint64_t count, size_t element,
                        csgi_status *status)
{
    uint64_t len;
    char *table;

    if (__builtin_mul_overflow(count, element, &len) || len > TABLE_MAX_BYTES) {
        *status = image_refuse(self, "is garbled: one of its tables has no sane size; build it "
                                     "again");
        return NULL;
    }
    *status = check_extent(self, offset, len);
    if (*status != CSGI_OK) return NULL;
    table = calloc(1, (size_t)len + 1);
    *status = table ? read_into(self, offset, table, (size_t)len) : CSGI_ENOMEM;
    if (*status != CSGI_OK) {
        free(table);
        return NULL;
    }
    return table;
}

/* ---- the header ---- */

static csgi_status open_file(image *self)
{
    struct stat about;

    /* A FIFO must not hold the server up. */
    self->fd = open(self->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (self->fd < 0 || fstat(self->fd, &about) != 0)
        return image_refuse(self, "cannot be opened: %s", strerror(errno));
    if (S_ISDIR(about.st_mode))
        return image_refuse(self, "is a directory, expected a shared object (.so); all that are in "
                                  "a directory are served with --plugin-dir");
    if (!S_ISREG(about.st_mode))
        return image_refuse(self, "is no regular file, expected a shared object (.so)");
    self->size = (uint64_t)about.st_size;
    return CSGI_OK;
}

static csgi_status check_ident(image *self)
{
    unsigned char ident[EI_NIDENT] = { 0 };
    size_t have = self->size < sizeof(ident) ? (size_t)self->size : sizeof(ident);
    csgi_status status;

    if (self->size == 0) {
        return image_refuse(self, "is empty, expected a shared object (.so); build it, or take it "
                                  "away");
    }
    status = read_into(self, 0, ident, have);
    if (status != CSGI_OK) return status;
    if (memcmp(ident, ELFMAG, SELFMAG) != 0) {
        return image_refuse(self, "is not an ELF file, expected a shared object (.so) made with "
                                  "\"gcc -shared -fPIC\"");
    }
    if (ident[EI_CLASS] != NATIVE_CLASS) {
        return image_refuse(self,
                            "is a %d-bit file, this server is %d-bit: compile it for this "
                            "machine",
                            ident[EI_CLASS] == ELFCLASS32 ? 32 : 64, 8 * __SIZEOF_POINTER__);
    }
    if (ident[EI_DATA] != NATIVE_ORDER) {
        return image_refuse(self, "has the other byte order than this server: compile it for this "
                                  "machine");
    }
    return CSGI_OK;
}

static csgi_status check_header(image *self)
{
    const ElfW(Ehdr) *header = &self->header;

    if (header->e_machine != NATIVE_MACHINE) {
        return image_refuse(self,
                            "is for %s (ELF machine %u), this server is for %s: compile it "
                            "for this machine",
                            machine_name(header->e_machine), header->e_machine,
                            machine_name(NATIVE_MACHINE));
    }
    if (header->e_type == ET_REL) {
        return image_refuse(self, "is an object file (.o), expected a shared object: link it with "
                                  "\"gcc -shared\"");
    }
    if (header->e_type != ET_DYN) {
        return image_refuse(self,
                            "is an ELF file of type %u, expected a shared object: link it "
                            "with \"gcc -shared\"",
                            header->e_type);
    }
    if (header->e_phnum == 0 || header->e_phentsize != sizeof(ElfW(Phdr)))
        return image_refuse(self, "has no segments that can be mapped: build it again");
    return CSGI_OK;
}

/* A file that was cut short has lost its end, where the section headers stand. */
static csgi_status check_sections(image *self)
{
    const ElfW(Ehdr) *header = &self->header;
    ElfW(Shdr) * sections;
    csgi_status status;

    if (header->e_shoff == 0 || header->e_shentsize != sizeof(*sections)) return CSGI_OK;
    sections = read_table(self, header->e_shoff, header->e_shnum, sizeof(*sections), &status);
    if (!sections) return status;
    for (size_t i = 0; status == CSGI_OK && i < header->e_shnum; i++) {
        if (sections[i].sh_type == SHT_NOBITS || sections[i].sh_type == SHT_NULL) continue;
        status = check_extent(self, sections[i].sh_offset, sections[i].sh_size);
    }
    free(sections);
    return status;
}

static csgi_status check_segments(image *self)
{
    csgi_status status = CSGI_OK;

    for (size_t i = 0; status == CSGI_OK && i < self->header.e_phnum; i++)
        status = check_extent(self, self->segments[i].p_offset, self->segments[i].p_filesz);
    return status;
}

csgi_status image_open(image *self, const char *file, buffer *problem)
{
    csgi_status status;

    *self = (image){ .file = file, .problem = problem, .fd = -1 };
    status = open_file(self);
    if (status == CSGI_OK) status = check_ident(self);
    if (status == CSGI_OK) status = read_into(self, 0, &self->header, sizeof(self->header));
    if (status == CSGI_OK) status = check_header(self);
    if (status == CSGI_OK)
        self->segments = read_table(self, self->header.e_phoff, self->header.e_phnum,
                                    sizeof(ElfW(Phdr)), &status);
    if (status == CSGI_OK) status = check_segments(self);
    if (status == CSGI_OK) status = check_sections(self);
    return status;
}

void image_close(image *self)
{
    if (self->fd >= 0) close(self->fd);
    free(self->segments);
    free(self->dynamic);
    free(self->symbols);
    free(self->strings);
    *self = (image){ .fd = -1 };
}

/* ---- the dynamic section ---- */

uint64_t image_dynamic(const image *self, int64_t tag)
{
    for (size_t i = 0; i < self->dynamic_count; i++) {
        if (self->dynamic[i].d_tag == DT_NULL) break;
        if (self->dynamic[i].d_tag == tag) return self->dynamic[i].d_un.d_val;
    }
    return 0;
}

const char *image_string(const image *self, uint64_t offset)
{
    return offset < self->strings_len ? self->strings + offset : "";
}

/* Where in the file that address of the mapped object is. */
static csgi_status find_offset(image *self, uint64_t address, uint64_t *offset)
{
    for (size_t i = 0; i < self->header.e_phnum; i++) {
        const ElfW(Phdr) *segment = &self->segments[i];

        if (segment->p_type != PT_LOAD || address < segment->p_vaddr ||
            address - segment->p_vaddr >= segment->p_filesz)
            continue;
        *offset = segment->p_offset + (address - segment->p_vaddr);
        return CSGI_OK;
    }
    return image_refuse(self, "is garbled: a table is outside of all its segments; build it again");
}

static csgi_status read_dynamic(image *self)
{
    for (size_t i = 0; i < self->header.e_phnum; i++) {
        const ElfW(Phdr) *segment = &self->segments[i];
        csgi_status status;

        if (segment->p_type != PT_DYNAMIC) continue;
        self->dynamic_count = (size_t)(segment->p_filesz / sizeof(ElfW(Dyn)));
        self->dynamic =
            read_table(self, segment->p_offset, self->dynamic_count, sizeof(ElfW(Dyn)), &status);
        return status;
    }
    return image_refuse(self, "has no dynamic section, expected a shared object: link it with "
                              "\"gcc -shared\"");
}

/* The number of symbols from DT_GNU_HASH: one more than the last of the last bucket's chain. */
static csgi_status count_gnu_hash(image *self, uint64_t offset, uint64_t *count)
{
    struct {
        uint32_t bucket_count, first_symbol, bloom_words, bloom_shift;
    } head;
    uint32_t *buckets, last = 0, link = 0;
    csgi_status status = read_into(self, offset, &head, sizeof(head));
    uint64_t at = offset + sizeof(head);

    if (status != CSGI_OK) return status;
    at += (uint64_t)head.bloom_words * sizeof(ElfW(Addr));
    buckets = read_table(self, at, head.bucket_count, sizeof(*buckets), &status);
    if (!buckets) return status;
    for (uint32_t i = 0; i < head.bucket_count; i++) {
        if (buckets[i] > last) last = buckets[i];
    }
    free(buckets);
    *count = head.first_symbol;
    if (last < head.first_symbol) return CSGI_OK;
    at += (uint64_t)head.bucket_count * sizeof(*buckets);
    for (uint32_t steps = 0; status == CSGI_OK && !(link & 1); steps++, last++) {
        if (steps == CHAIN_MAX_LENGTH)
            return image_refuse(self, "is garbled: its symbol hash has no end; build it again");
        status =
            read_into(self, at + (uint64_t)(last - head.first_symbol) * 4, &link, sizeof(link));
    }
    *count = last;
    return status;
}

static csgi_status count_symbols(image *self, uint64_t *count)
{
    uint64_t gnu = image_dynamic(self, DT_GNU_HASH), plain = image_dynamic(self, DT_HASH);
    uint64_t offset = 0;
    uint32_t words[2] = { 0, 0 };
    csgi_status status = CSGI_OK;

    *count = 0;
    if (gnu == 0 && plain == 0) return CSGI_OK;
    status = find_offset(self, gnu ? gnu : plain, &offset);
    if (status != CSGI_OK) return status;
    if (gnu) return count_gnu_hash(self, offset, count);
    status = read_into(self, offset, words, sizeof(words));
    if (status == CSGI_OK) *count = words[1]; /* one chain entry a symbol */
    return status;
}

csgi_status image_read_symbols(image *self)
{
    uint64_t offset = 0, count = 0;
    csgi_status status = read_dynamic(self);

    if (status != CSGI_OK) return status;
    if (image_dynamic(self, DT_STRTAB) == 0 || image_dynamic(self, DT_SYMTAB) == 0) return CSGI_OK;
    status = find_offset(self, image_dynamic(self, DT_STRTAB), &offset);
    if (status != CSGI_OK) return status;
    self->strings = read_table(self, offset, image_dynamic(self, DT_STRSZ), 1, &status);
    if (!self->strings) return status;
    self->strings_len = (size_t)image_dynamic(self, DT_STRSZ);
    status = count_symbols(self, &count);
    if (status == CSGI_OK) status = find_offset(self, image_dynamic(self, DT_SYMTAB), &offset);
    if (status != CSGI_OK) return status;
    self->symbols = read_table(self, offset, count, sizeof(ElfW(Sym)), &status);
    if (self->symbols) self->symbol_count = (size_t)count;
    return status;
}
