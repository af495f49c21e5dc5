/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does a file's content suit the key that names it? What it is comes from the
 * hypervisor's own image_identify(); here stands what each key wants and what to do.
 */
#include "project.h"

#include <stdlib.h>
#include <string.h>

static bool is_stream(enum image_kind k) { return k >= IMAGE_GZIP && k <= IMAGE_LZOP; }
static bool is_wrapped_disk(enum image_kind k) { return k >= IMAGE_QCOW2 && k <= IMAGE_VDI; }

const char *project_role_name(enum config_file_role role)
{
    switch (role) {
    case CONFIG_FILE_KERNEL:   return "kernel";
    case CONFIG_FILE_INITRD:   return "initrd";
    case CONFIG_FILE_MODULE:   return "module";
    case CONFIG_FILE_FIRMWARE: return "firmware";
    case CONFIG_FILE_DISK:     return "disk";
    case CONFIG_FILE_CDROM:    return "CD";
    }
    return "file";
}

/* The program that unpacks a compressed stream. */
static const char *unpacker(enum image_kind kind)
{
    switch ((int)kind) {
    case IMAGE_GZIP:  return "gzip -d";
    case IMAGE_XZ:    return "xz -d";
    case IMAGE_ZSTD:  return "zstd -d";
    case IMAGE_BZIP2: return "bzip2 -d";
    case IMAGE_LZ4:   return "lz4 -d";
    case IMAGE_LZMA:  return "xz -d --format=lzma";
    case IMAGE_LZOP:  return "lzop -d";
    }
    return "its program";
}

struct finding {
    struct project           *p;
    const struct config_file *use;
    const struct project_file *f;
};

static void add(const struct finding *w, enum config_severity severity, const char *text)
{
    config_diag_add(&w->p->diag, severity, w->use->name.pos, (int)w->use->guest, "%s", text);
}

static bool is_readonly(const struct guest_config *g, const char *file)
{
    for (uint32_t i = 0; i < g->disks; i++)
        if (g->disk[i].file.text && !strcmp(g->disk[i].file.text, file))
            return g->disk[i].readonly;
    return false;
}

/* A disk image in a container format, or packed: Socle reads raw images only. */
static bool refuse_container(const struct finding *w, enum config_severity worst)
{
    const char *name = w->f->name;
    char *text = NULL;
    if (is_wrapped_disk(w->f->kind))
        text = xprintf("disk \"%s\": %s; Socle reads raw images: convert it with "
                       "`qemu-img convert -O raw %s %s.raw`", name,
                       image_kind_name(w->f->kind), name, name);
    else if (is_stream(w->f->kind))
        text = xprintf("disk \"%s\": %s; Socle reads raw images: unpack it with `%s < %s > "
                       "%s.raw`", name, image_kind_name(w->f->kind), unpacker(w->f->kind),
                       name, name);
    if (!text)
        return false;
    add(w, worst, text);
    free(text);
    return true;
}

/* The guest counts in sectors; a part of one at the end could not be read. */
static bool refuse_odd_size(const struct finding *w, enum config_severity worst)
{
    if (w->f->size % 512 == 0)
        return false;
    char *text = xprintf("disk \"%s\": its size, %llu bytes, is not a multiple of 512; if it is not "
                         "cut short, `truncate -s %%512 %s` rounds it up", w->f->name,
                         (unsigned long long)w->f->size, w->f->name);
    add(w, worst, text);
    free(text);
    return true;
}

static void check_disk(const struct finding *w, enum config_severity worst)
{
    char *text = NULL;
    if (refuse_container(w, worst) || refuse_odd_size(w, worst))
        return;
    const struct guest_config *g = &w->p->config.guest[w->use->guest];
    if (w->f->kind == IMAGE_ISO9660 && !is_readonly(g, w->f->name))
        text = xprintf("disk \"%s\": an ISO image, which nobody writes to: add `readonly = true`; "
                       "Linux mounts it from /dev/vdX as from a CD drive", w->f->name);
    else if (image_is_kernel(w->f->kind))
        text = xprintf("disk \"%s\": %s; meant as `kernel`?", w->f->name,
                       image_kind_name(w->f->kind));
    if (text)
        add(w, CONFIG_WARNING, text);
    free(text);
}

static void check_cdrom(const struct finding *w, enum config_severity worst)
{
    if (refuse_container(w, worst) || w->f->kind == IMAGE_ISO9660)
        return;
    char *text = xprintf("CD \"%s\": not an ISO 9660 image but %s", w->f->name,
                         image_kind_name(w->f->kind));
    add(w, CONFIG_WARNING, text);
    free(text);
}

static void check_initrd(const struct finding *w, enum config_severity worst)
{
    enum image_kind k = w->f->kind;
    if (k == IMAGE_CPIO || is_stream(k))
        return;
    /* What is surely something else is an error; an odd archive may still be meant. */
    bool sure = k < IMAGE_GZIP || is_wrapped_disk(k) || k == IMAGE_ISO9660;
    char *text = xprintf("initrd \"%s\": %s; Linux wants a cpio archive, packed or not",
                         w->f->name, image_kind_name(k));
    add(w, sure ? worst : CONFIG_WARNING, text);
    free(text);
}

void project_check_role(struct project *p, const struct config_file *use,
                        const struct project_file *f, enum config_severity worst)
{
    struct finding w = { p, use, f };
    char *text = NULL;
    switch (use->role) {
    case CONFIG_FILE_KERNEL:
        if (!image_is_kernel(f->kind))
            text = xprintf("kernel \"%s\": %s", f->name, f->why);
        break;
    case CONFIG_FILE_FIRMWARE:
        if (f->kind != IMAGE_FIRMWARE)
            text = xprintf("firmware \"%s\": %s, not a ROM image such as OVMF.fd", f->name,
                           image_kind_name(f->kind));
        break;
    case CONFIG_FILE_INITRD:
        check_initrd(&w, worst);
        break;
    case CONFIG_FILE_DISK:
        check_disk(&w, worst);
        break;
    case CONFIG_FILE_CDROM:
        check_cdrom(&w, worst);
        break;
    case CONFIG_FILE_MODULE:            /* any content is right */
        break;
    }
    if (text)
        add(&w, worst, text);
    free(text);
}
