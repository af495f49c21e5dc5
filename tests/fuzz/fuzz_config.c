/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a configuration file and as boot options. Beyond what the sanitizers see,
 * checks what callers of config_parse() rely on: a failure comes with an error and without
 * guests, a guest with an error is marked, values are in range, texts end, findings are
 * printable, and config_arena_enough() is enough.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "socle/assert.h"
#include "socle/config.h"

static struct config_diag diag;

static void check_str(const struct config_str *s)
{
    if (s->text)
        hv_assert(strlen(s->text) == s->len);
    else
        hv_assert(s->len == 0);
}

static void check_disk(const struct config_disk *d, bool bad)
{
    check_str(&d->file);
    check_str(&d->device);
    check_str(&d->device_name);
    hv_assert(bad || !d->file.text != !d->device.text);
    hv_assert(d->bus <= CONFIG_BUS_IDE);
    hv_assert(bad || !(d->overlay && (d->readonly || d->device.text)));
    check_str(&d->serial);
    hv_assert(d->serial.len <= CONFIG_SERIAL_MAX && (bad || d->serial.len > 0));
}

static void check_vlans(const uint64_t *set, bool trunk, uint16_t native, bool bad)
{
    bool any = false;

    hv_assert(native <= CONFIG_VLAN_MAX && !(set[0] & 1) && !(set[63] >> 63));
    for (unsigned i = 0; i < CONFIG_VLAN_WORDS; i++)
        any |= set[i] != 0;
    hv_assert(any == trunk && (bad || !native || !config_vlans_have(set, native)));
}

static void check_net(const struct config_net *n, bool bad)
{
    check_str(&n->sw);
    check_vlans(n->trunk_vlan, n->trunk, n->vlan, bad);
    hv_assert(bad || !n->mirror || !(n->vlan || n->trunk || n->any_mac || n->rate));
    hv_assert(n->rate <= 125000000000 && n->rate_in <= 125000000000);
}

static void check_switch(const struct config_switch *sw)
{
    check_str(&sw->name);
    check_vlans(sw->uplink_trunk_vlan, sw->uplink_trunk, sw->uplink_vlan, sw->bad);
    hv_assert(sw->mtu >= 576 && sw->mtu <= 9216 && sw->broadcast_limit <= 1000000);
    hv_assert(sw->bad || sw->uplink || !(sw->uplink_vlan || sw->uplink_trunk));
}

static void check_guest(const struct guest_config *g)
{
    check_str(&g->name);
    check_str(&g->cmdline);
    check_str(&g->kernel);
    check_str(&g->firmware);
    hv_assert(g->cpus >= 1 && g->cpus <= CONFIG_VCPUS_MAX && g->weight >= 1);
    hv_assert(g->memory % BLOCK_SIZE == 0);
    hv_assert(g->on_crash <= CONFIG_CRASH_PAUSE && g->on_reboot <= CONFIG_REBOOT_STOP);
    if (!g->bad)
        hv_assert(g->name.len > 0 && g->name.len <= 31 && g->memory >= BLOCK_SIZE &&
                  !g->kernel.text != !g->firmware.text);
    for (uint32_t i = 0; i < g->initrds; i++)
        check_str(&g->initrd[i]);
    for (uint32_t i = 0; i < g->modules; i++) {
        check_str(&g->module[i].file);
        check_str(&g->module[i].string);
    }
    for (uint32_t i = 0; i < g->disks; i++)
        check_disk(&g->disk[i], g->bad);
    for (uint32_t i = 0; i < g->nets; i++)
        check_net(&g->net[i], g->bad);
}

static void check_findings(const struct config *c, hv_status s)
{
    char line[512];

    hv_assert(s == HV_OK || (diag.errors > 0 && c->guests == 0));
    for (uint32_t i = 0; i < diag.count; i++) {
        const struct config_diag_entry *e = &diag.entry[i];

        config_diag_format(e, "f", line, sizeof(line));
        for (const char *t = line; *t; t++)
            hv_assert((uint8_t)*t >= ' ' && *t != 0x7f);
        hv_assert(e->guest < (int)c->guests || s != HV_OK);
        if (s == HV_OK && e->guest >= 0 && e->severity == CONFIG_ERROR)
            hv_assert(c->guest[e->guest].bad);
        hv_assert(i == 0 || e->pos.line >= diag.entry[i - 1].pos.line);
    }
}

/* The arena ends where its heap block ends, so that ASan sees a step outside. */
static hv_status run(const char *text, size_t len, size_t arena_size)
{
    static char *memory;
    static size_t room;
    struct arena arena;
    struct config c;

    if (arena_size > room) {
        free(memory);
        room = 2 * arena_size;
        memory = malloc(room);
    }
    arena_init(&arena, memory + room - arena_size, arena_size);
    config_diag_init(&diag);
    const hv_status s = config_parse(text, len, &arena, &c, &diag);
    check_findings(&c, s);
    for (uint32_t i = 0; i < c.guests; i++)
        check_guest(&c.guest[i]);
    for (uint32_t i = 0; i < c.switches; i++)
        check_switch(&c.sw[i]);
    for (uint32_t i = 0; i < c.files; i++) {
        check_str(&c.file[i].name);
        hv_assert(c.file[i].guest < c.guests);
    }
    return s;
}

static void run_options(const char *text, size_t len)
{
    char *line = malloc(len + 1);
    struct config c;
    size_t name_len = 0;

    memcpy(line, text, len);
    line[len] = '\0';
    config_defaults(&c);
    config_diag_init(&diag);
    config_apply_options(&c, line, &diag);
    hv_assert(c.host.baud >= 50 && 115200 % c.host.baud == 0);
    hv_assert(c.host.escape >= 1 && c.host.escape < 32 && c.host.consoles <= CONFIG_CONSOLE_MAX);
    const char *name = config_option_file(line, &name_len);
    hv_assert(!name || (name_len > 0 && name + name_len <= line + strlen(line)));
    free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;

    hv_assert(run(text, size, config_arena_enough(size)) != HV_NOMEM);
    /* An arena that may be too small: of a size that the input chooses. */
    run(text, size, size ? (size_t)data[size - 1] * 64 : 0);
    run_options(text, size);
    return 0;
}
