/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The key table in words: what a value must be, for messages, and the rows as the
 * documentation and its test see them.
 */
#include "keys.h"
#include "socle/fmt.h"
#include "socle/str.h"

static void words_text(const char *const *words, char *buf, size_t size)
{
    size_t used = 0;

    for (unsigned i = 0; words[i] && used < size; i++) {
        const char *before = i == 0 ? "" : words[i + 1] ? ", " : " or ";
        used += fmt(buf + used, size - used, "%s\"%s\"", before, words[i]);
    }
}

void key_type_text(const struct key_spec *spec, char *buf, size_t size)
{
    switch (spec->type) {
    case VALUE_WORD:
        words_text(spec->words, buf, size);
        return;
    case VALUE_BOOL:
        fmt(buf, size, "true or false");
        return;
    case VALUE_NUMBER:
    case VALUE_BAUD:
        fmt(buf, size, "a number from %u to %u", spec->min, spec->max);
        return;
    case VALUE_SIZE:
        fmt(buf, size, "a size in quotes");
        return;
    case VALUE_NAME:
        fmt(buf, size, "a name in quotes");
        return;
    case VALUE_TEXT:
        fmt(buf, size, "text in quotes");
        return;
    case VALUE_FILE:
        fmt(buf, size, "a file name in quotes");
        return;
    case VALUE_FILES:
        fmt(buf, size, "a file name in quotes, or a list of them");
        return;
    case VALUE_MODULES:
        fmt(buf, size, "a list of texts");
        return;
    case VALUE_CPUS:
        fmt(buf, size, "CPU numbers in quotes");
        return;
    case VALUE_UUID:
        fmt(buf, size, "a UUID in quotes");
        return;
    case VALUE_MAC:
        fmt(buf, size, "a MAC address in quotes");
        return;
    case VALUE_PCI:
        fmt(buf, size, "a PCI address in quotes");
        return;
    case VALUE_UPLINK:
        fmt(buf, size, "a PCI or MAC address in quotes");
        return;
    case VALUE_DEVICE:
        fmt(buf, size, "a disk in quotes");
        return;
    case VALUE_CONSOLES:
        fmt(buf, size, "a list of consoles");
        return;
    case VALUE_ESCAPE:
        fmt(buf, size, "a control key in quotes");
        return;
    case VALUE_TABLE:
    case VALUE_TABLES:
        fmt(buf, size, "a section of its own");
        return;
    }
}

static const char *default_text(const struct key_spec *spec)
{
    if (spec->required)
        return "required";
    return spec->def_text ? spec->def_text : spec->def;
}

bool config_key_doc(size_t i, struct config_key_doc *out)
{
    for (enum section s = SECTION_TOP; s < SECTION_COUNT; s++) {
        if (i < section_specs[s].keys) {
            const struct key_spec *spec = &section_specs[s].key[i];

            *out = (struct config_key_doc){
                .section = section_specs[s].name, .key = spec->name, .example = spec->example,
                .def = default_text(spec), .text = spec->text, .landed = spec->landed,
            };
            return true;
        }
        i -= section_specs[s].keys;
    }
    return false;
}
