/* SPDX-License-Identifier: BSD-2-Clause */
/* The operations of struct shell_ops about devices and switches. Under the console's lock. */
#ifndef SOCLE_SHELL_DEVICES_H
#define SOCLE_SHELL_DEVICES_H

#include "socle/shell.h"

size_t shell_devices(void *ctx, size_t first, struct device_row *rows, size_t max);
bool   shell_switch(void *ctx, uint32_t index, struct switch_row *row);
size_t shell_ports(void *ctx, uint32_t index, size_t first, struct port_row *rows, size_t max);
bool   shell_flow(void *ctx, uint32_t index, uint64_t *cursor, char *line, size_t size);

#endif
