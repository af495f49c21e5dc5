/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A writer of AML byte code (ACPI 6.5, chapter 20) and resource descriptors (6.4), just
 * large enough for a virtual machine's DSDT. Calls append to a buffer; blocks are
 * opened and closed, and closing writes the length. Running out of room is remembered
 * and asked once at the end.
 */
#ifndef SOCLE_AML_H
#define SOCLE_AML_H

#include "socle/types.h"

enum { AML_DEPTH_MAX = 16 };

struct aml {
    uint8_t *buf;
    size_t   cap, len;
    bool     overflow;              /* room or nesting ran out: the output is useless */
    uint8_t  depth;
    struct { size_t at; bool resources; } open[AML_DEPTH_MAX];
};

void aml_init(struct aml *a, void *buf, size_t cap);
/* All blocks closed and nothing lost? */
bool aml_good(const struct aml *a);

/* Blocks; close each with aml_end(). A path is one name, with or without root: "\\_SB", "PCI0". */
void aml_scope(struct aml *a, const char *path);
void aml_device(struct aml *a, const char *path);
void aml_package(struct aml *a, unsigned elements);
void aml_resources(struct aml *a);                  /* a Buffer; its end tag comes from aml_end() */
void aml_end(struct aml *a);

/* Objects. A name is followed by its value. */
void aml_name(struct aml *a, const char *path);
void aml_int(struct aml *a, uint64_t v);            /* shortest encoding */
void aml_string(struct aml *a, const char *s);
void aml_eisa_id(struct aml *a, const char *id);    /* "PNP0A03" as its 32-bit number */
void aml_name_int(struct aml *a, const char *path, uint64_t v);
void aml_name_eisa(struct aml *a, const char *path, const char *id);
void aml_name_string(struct aml *a, const char *path, const char *s);

/* Resource descriptors; only inside aml_resources(). */
void aml_res_irq(struct aml *a, uint16_t mask);     /* edge, active high, exclusive */
void aml_res_io(struct aml *a, uint16_t base, uint8_t len);             /* fixed, 16-bit decode */
void aml_res_mem32(struct aml *a, uint32_t base, uint32_t len, bool writable);
void aml_res_bus(struct aml *a, uint16_t first, uint16_t last);         /* producer */
void aml_res_io_window(struct aml *a, uint16_t first, uint16_t last);   /* producer */
void aml_res_mem32_window(struct aml *a, uint32_t base, uint32_t len);  /* producer */

#endif
