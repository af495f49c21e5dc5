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

static const char *const type_texts[] = {
    [VALUE_BOOL] = "true or false",
    [VALUE_SIZE] = "a size in quotes",
    [VALUE_BYTE_RATE] = "bytes per second in quotes, such as \"50M\"",
    [VALUE_BIT_RATE] = "bits per second in quotes, such as \"100Mbit\"",
    [VALUE_VLANS] = "a list of VLAN numbers such as [10, 20]",
    [VALUE_NAME] = "a name in quotes",
    [VALUE_TEXT] = "text in quotes",
    [VALUE_FILE] = "a file name in quotes",
    [VALUE_FILES] = "a file name in quotes, or a list of them",
    [VALUE_MODULES] = "a list of texts",
    [VALUE_CPUS] = "CPU numbers in quotes",
    [VALUE_UUID] = "a UUID in quotes",
    [VALUE_MAC] = "a MAC address in quotes",
    [VALUE_PCI] = "a PCI address in quotes",
    [VALUE_UPLINK] = "a PCI or MAC address in quotes",
    [VALUE_DEVICE] = "a disk in quotes",
    [VALUE_SERIAL] = "text in quotes",
    [VALUE_CONSOLES] = "a list of consoles",
    [VALUE_ESCAPE] = "a control key in quotes",
    [VALUE_TABLE] = "a section of its own",
    [VALUE_TABLES] = "a section of its own",
};

void key_type_text(const struct key_spec *spec, char *buf, size_t size)
{
    if (spec->type == VALUE_WORD)
        words_text(spec->words, buf, size);
    else if (spec->type == VALUE_NUMBER || spec->type == VALUE_BAUD || spec->type == VALUE_VLAN)
        fmt(buf, size, "a number from %u to %u", spec->min, spec->max);
    else
        fmt(buf, size, "%s", type_texts[spec->type]);
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
