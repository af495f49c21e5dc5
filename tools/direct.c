/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See direct.h. QEMU loads the hypervisor as a Multiboot 1 kernel with modules. GRUB
 * would read them from a CD that answers in the host's time, so that no two runs are the
 * same; this way they are, to the bit. QEMU's -initrd takes "FILE STRING,FILE STRING",
 * so the files get links with plain names in temp_dir().
 */
#include "direct.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "iso.h"

bool direct_possible(void)
{
    return temp_dir() && !strpbrk(temp_dir(), " \t,=");
}

/* temp_dir()/direct/NAME as a link to `target`. Null with errno set. */
static char *make_link(const char *name, const char *target)
{
    char *link = xprintf("%s/direct/%s", temp_dir(), name), *real = realpath(target, NULL);
    if (!real || symlink(real, link)) {
        free(link);
        link = NULL;
    }
    free(real);
    return link;
}

static int add_modules(const struct project *p, struct text *t)
{
    char *config = xprintf("%s/direct/config", temp_dir());
    int bad = file_write(config, p->source, p->source_len);
    text_add(t, "%s " CONFIG_FILE_DEFAULT, config);
    free(config);
    for (size_t i = 0; i < p->n_files && !bad; i++) {
        char *name = xprintf("%zu", i), *link = make_link(name, p->files[i].path);
        bad = !link;
        text_add(t, ",%s %s", link ? link : "", p->files[i].name);
        free(link);
        free(name);
    }
    return bad;
}

int direct_prepare(const struct project *p, struct direct *out)
{
    char *elf = find_hypervisor(), *dir = xprintf("%s/direct", temp_dir());
    struct text modules = { 0 };
    int code = EXIT_USAGE;
    *out = (struct direct){ 0 };
    if (elf && !mkdir(dir, 0700) && (out->kernel = make_link("socle.elf", elf)) &&
        !add_modules(p, &modules))
        code = -1;
    else if (elf)
        say("cannot prepare the files in %s: %s", dir, strerror(errno));
    out->modules = modules.s;
    free(elf);
    free(dir);
    return code;
}
