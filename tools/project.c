/* SPDX-License-Identifier: BSD-2-Clause */
/* See project.h: reading the configuration and finding the files it names. */
#include "project.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Enough to tell the size of a file that is too long, which the parser says. */
enum { SOURCE_MAX = 64 << 20 };

const struct project_file *project_find(const struct project *p, const char *name)
{
    for (size_t i = 0; i < p->n_files; i++)
        if (!strcmp(p->files[i].name, name))
            return &p->files[i];
    return NULL;
}

static void collect_files(struct project *p)
{
    p->files = xcalloc(p->config.files, sizeof(*p->files));
    for (uint32_t i = 0; i < p->config.files; i++) {
        const char *name = p->config.file[i].name.text;
        if (!name || !*name || project_find(p, name))
            continue;
        p->files[p->n_files++] = (struct project_file){
            .name = name,
            .path = path_join(p->dir, name),
            .inside = path_inside(name),
        };
    }
}

int project_load(struct project *p, const char *file)
{
    *p = (struct project){ .file = file, .dir = path_dir(file) };
    config_diag_init(&p->diag);
    config_defaults(&p->config);
    if (file_read(file, SOURCE_MAX, &p->source, &p->source_len)) {
        say("%s: %s", file, errno == EINVAL ? "not a regular file" : strerror(errno));
        return EXIT_USAGE;
    }
    size_t size = config_arena_enough(p->source_len < CONFIG_FILE_MAX ? p->source_len
                                                                      : CONFIG_FILE_MAX);
    struct arena arena;
    p->memory = xcalloc(1, size);
    arena_init(&arena, p->memory, size);
    p->parsed = config_parse(p->source, p->source_len, &arena, &p->config, &p->diag) == HV_OK;
    collect_files(p);
    return -1;
}

void project_free(struct project *p)
{
    for (size_t i = 0; i < p->n_files; i++) {
        free(p->files[i].path);
        free(p->files[i].inside);
    }
    free(p->files);
    free(p->memory);
    free(p->source);
    free(p->dir);
    *p = (struct project){ 0 };
}

/* Is the file nothing but a disk? Such images are used where the loader has put them. */
static bool is_image(const struct project *p, const struct project_file *f)
{
    bool image = true;
    for (uint32_t i = 0; i < p->config.files; i++) {
        const struct config_file *use = &p->config.file[i];
        if (use->name.text && !strcmp(use->name.text, f->name))
            image &= use->role == CONFIG_FILE_DISK || use->role == CONFIG_FILE_CDROM;
    }
    return image;
}

uint64_t project_copied_bytes(const struct project *p)
{
    uint64_t sum = p->source_len;
    for (size_t i = 0; i < p->n_files; i++)
        if (!is_image(p, &p->files[i]) && __builtin_add_overflow(sum, p->files[i].size, &sum))
            return UINT64_MAX;
    return sum;
}

uint64_t project_overlay_bytes(const struct project *p, const struct guest_config *g)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < g->disks; i++) {
        const struct config_disk *d = &g->disk[i];
        const struct project_file *f = d->file.text ? project_find(p, d->file.text) : NULL;
        if (d->overlay && f &&
            __builtin_add_overflow(sum, f->size < d->overlay_max ? f->size : d->overlay_max, &sum))
            return UINT64_MAX;
    }
    return sum;
}

uint64_t project_module_bytes(const struct project *p)
{
    uint64_t sum = p->source_len;
    for (size_t i = 0; i < p->n_files; i++)
        if (__builtin_add_overflow(sum, p->files[i].size, &sum))
            return UINT64_MAX;
    return sum;
}

/* ", did you mean …?" from what is in the folder, or an empty text. */
static char *near_file(const char *path)
{
    char *dir = path_dir(path), *result = NULL;
    const char *base = path_base(path);
    DIR *d = opendir(dir);
    struct args names = { 0 };
    for (struct dirent *e; d && (e = readdir(d)) && names.n < 10000;)
        if (e->d_name[0] != '.')
            args_add(&names, "%s", e->d_name);
    if (d)
        closedir(d);
    for (size_t i = 0; i < names.n && !result; i++)
        if (!strcasecmp(names.v[i], base))
            result = xprintf("; \"%s\" is there: capitals matter", names.v[i]);
    const char *near = result ? NULL
                              : word_nearest(base, (const char *const *)names.v, names.n);
    if (near)
        result = xprintf("; did you mean \"%s\"?", near);
    args_free(&names);
    free(dir);
    return result ? result : xstrdup("");
}

/* What keeps the file from being read, or null; fills in size and kind. */
static char *open_problem(struct project_file *f)
{
    struct stat st;
    if (!f->inside)
        return xprintf("leads outside of the configuration's folder; put the file, or a link "
                       "to it, inside and name it from there");
    if (!strcmp(f->inside, CONFIG_FILE_DEFAULT))
        return xprintf("is the name under which the configuration itself is loaded; rename it");
    if (stat(f->path, &st)) {
        if (errno != ENOENT)
            return xstrdup(strerror(errno));
        char *near = near_file(f->path), *text = xprintf("no such file%s", near);
        free(near);
        return text;
    }
    if (!S_ISREG(st.st_mode))
        return xprintf("is %s, not a file", S_ISDIR(st.st_mode) ? "a directory" : "a device");
    f->size = (uint64_t)st.st_size;
    if (!f->size)
        return xstrdup("is empty");
    /* Mapped, so that of a big disk image only the pages looked at are read. */
    void *data = file_map(f->path, f->size);
    if (!data)
        return xprintf("cannot be read: %s", strerror(errno));
    f->kind = image_identify(data, f->size, &f->why);
    f->usable = true;
    munmap(data, f->size);
    return NULL;
}

void project_check_files(struct project *p, bool as_warnings)
{
    enum config_severity worst = as_warnings ? CONFIG_WARNING : CONFIG_ERROR;
    for (size_t i = 0; i < p->n_files; i++) {
        struct project_file *f = &p->files[i];
        char *problem = open_problem(f);
        /* Every mention is told, so that none is forgotten. */
        for (uint32_t u = 0; u < p->config.files; u++) {
            const struct config_file *use = &p->config.file[u];
            if (!use->name.text || strcmp(use->name.text, f->name))
                continue;
            if (problem)
                config_diag_add(&p->diag, worst, use->name.pos, (int)use->guest,
                                "%s \"%s\": %s", project_role_name(use->role), f->name,
                                problem);
            else
                project_check_role(p, use, f, worst);
        }
        free(problem);
    }
    project_check_loading(p, worst);
    project_check_totals(p, worst);
}

bool project_report(struct project *p, bool strict)
{
    config_diag_sort(&p->diag);
    for (uint32_t i = 0; i < p->diag.count; i++) {
        char line[CONFIG_DIAG_TEXT + 64];
        size_t len = config_diag_format(&p->diag.entry[i], p->file, line, sizeof(line));
        if (len < sizeof(line)) {
            fprintf(stderr, "%s\n", line);
            continue;
        }
        char *longer = xcalloc(1, len + 1);
        config_diag_format(&p->diag.entry[i], p->file, longer, len + 1);
        fprintf(stderr, "%s\n", longer);
        free(longer);
    }
    if (p->diag.dropped)
        fprintf(stderr, "%s: and %u more; fix these first\n", p->file, p->diag.dropped);
    return !p->diag.errors && !(strict && p->diag.warnings);
}

int project_open(struct project *p, const char *file)
{
    int code = project_load(p, file);
    if (code >= 0)
        return code;
    project_check_files(p, false);
    return project_report(p, false) ? -1 : EXIT_FOUND;
}
