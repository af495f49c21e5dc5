/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does everything fit? Each kernel is planned into its guest's memory by the
 * hypervisor's own loader, and the sums are held against what machines have.
 */
#include "project.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "socle/bits.h"
#include "socle/fmt.h"
#include "socle/loader.h"

/*
 * GRUB puts modules below 4 GiB. PCs keep the top of that for devices: with less than
 * MODULES_SURE all have room, with more than MODULES_NEVER none has.
 */
#define MODULES_SURE    (GIB(2) - MIB(256))
#define MODULES_NEVER   (GIB(4) - MIB(512))
/* More than the machines we know of have. */
#define MEMORY_ABSURD   (GIB(1024) * 16)

/* Maps a file; the loaders look at an initrd's length only, so nothing is read. */
static bool map_file(const struct project *p, const struct config_str *name, const char *string,
                     struct load_file *out)
{
    const struct project_file *f = name->text ? project_find(p, name->text) : NULL;
    if (!f || !f->usable)
        return false;
    void *data = file_map(f->path, f->size);
    *out = (struct load_file){ f->name, data, f->size, string };
    return data != NULL;
}

static void unmap_file(const struct load_file *f)
{
    union { const void *from; void *to; } pointer = { .from = f->data };
    if (f->data)
        munmap(pointer.to, f->len);
}

/* All files of a Linux or multiboot guest; false when one of them is missing. */
static bool map_files(const struct project *p, const struct guest_config *g,
                      struct load_file *files, uint32_t *count)
{
    for (uint32_t i = 0; i < g->initrds; i++, ++*count)
        if (*count == LOAD_FILES_MAX || !map_file(p, &g->initrd[i], NULL, &files[*count]))
            return false;
    for (uint32_t i = 0; i < g->modules; i++, ++*count)
        if (*count == LOAD_FILES_MAX ||
            !map_file(p, &g->module[i].file, g->module[i].string.text, &files[*count]))
            return false;
    return true;
}

static void plan_guest(struct project *p, uint32_t index, struct load_plan *plan,
                       enum config_severity worst)
{
    const struct guest_config *g = &p->config.guest[index];
    struct guest_machine machine = { .vcpus = g->cpus, .memory = g->memory, .com_ports = 1 };
    struct guest_layout layout;
    struct load_file files[LOAD_FILES_MAX] = { { 0 } }, kernel = { 0 };
    uint32_t count = 0;
    char error[LOAD_ERROR_LEN];

    if (map_file(p, &g->kernel, NULL, &kernel) && map_files(p, g, files, &count)) {
        guest_layout(&layout, &machine);
        struct load_request request = {
            .kernel = kernel, .file = files, .files = count, .cmdline = g->cmdline.text,
            .layout = &layout, .cpu_64bit = true,
        };
        hv_status status = load_kernel(plan, &request, error, sizeof(error));
        struct config_pos pos = g->kernel.pos;
        if (status == HV_NOMEM && g->at[GUEST_MEMORY].line)
            pos = g->at[GUEST_MEMORY];
        if (status != HV_OK)
            config_diag_add(&p->diag, worst, pos, (int)index, "%s", error);
    }
    unmap_file(&kernel);
    for (uint32_t i = 0; i < count; i++)
        unmap_file(&files[i]);
}

void project_check_loading(struct project *p, enum config_severity worst)
{
    struct load_plan *plan = NULL;
    if (posix_memalign((void **)&plan, _Alignof(struct load_plan), sizeof(*plan)))
        return;
    for (uint32_t i = 0; i < p->config.guests; i++) {
        const struct guest_config *g = &p->config.guest[i];
        const struct project_file *f = g->kernel.text ? project_find(p, g->kernel.text) : NULL;
        if (!g->bad && f && f->usable && image_is_kernel(f->kind))
            plan_guest(p, i, plan, worst);
    }
    free(plan);
}

static struct config_pos biggest_file(const struct project *p, char size[FMT_SIZE_LEN])
{
    struct config_pos pos = { 0, 0 };
    uint64_t biggest = 0;
    for (uint32_t i = 0; i < p->config.files; i++) {
        const struct config_str *name = &p->config.file[i].name;
        const struct project_file *f = name->text ? project_find(p, name->text) : NULL;
        if (f && f->size > biggest) {
            biggest = f->size;
            pos = name->pos;
        }
    }
    fmt_size(size, align_up(biggest, MIB(1)));
    return pos;
}

static void check_modules(struct project *p, enum config_severity worst)
{
    char sum[FMT_SIZE_LEN], big[FMT_SIZE_LEN];
    uint64_t bytes = project_module_bytes(p);
    if (bytes <= MODULES_SURE)
        return;
    struct config_pos pos = biggest_file(p, big);
    fmt_size(sum, align_up(min_u64(bytes, UINT64_MAX / 2), MIB(1)));
    if (bytes > MODULES_NEVER)
        config_diag_add(&p->diag, worst, pos, -1,
                        "all files together have %s (the biggest: %s), but GRUB must load them "
                        "below 4G, where machines have 2G to 3.5G; use a smaller image, or keep "
                        "it on a real disk", sum, big);
    else
        config_diag_add(&p->diag, CONFIG_WARNING, pos, -1,
                        "all files together have %s (the biggest: %s); GRUB must load them below "
                        "4G, where many machines have only 2G", sum, big);
}

void project_check_totals(struct project *p, enum config_severity worst)
{
    char size[FMT_SIZE_LEN];
    uint64_t sum = 0;
    struct config_pos pos = { 0, 0 };
    check_modules(p, worst);
    for (uint32_t i = 0; i < p->config.guests; i++) {
        const struct guest_config *g = &p->config.guest[i];
        if (!g->autostart || sum > MEMORY_ABSURD)
            continue;
        pos = g->at[GUEST_MEMORY];
        if (__builtin_add_overflow(sum, g->memory, &sum) ||
            __builtin_add_overflow(sum, project_overlay_bytes(p, g), &sum))
            sum = UINT64_MAX;
    }
    if (sum > MEMORY_ABSURD)
        config_diag_add(&p->diag, CONFIG_WARNING, pos, -1,
                        "the guests that start by themselves want %s together: is the unit right?",
                        fmt_size(size, sum));
}
