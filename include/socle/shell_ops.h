/* SPDX-License-Identifier: BSD-2-Clause */
/* What the shell's commands do to guests and to the machine. */
#ifndef SOCLE_SHELL_OPS_H
#define SOCLE_SHELL_OPS_H

#include "socle/config.h"
#include "socle/shell.h"

const struct shell_ops *shell_ops_get(void);
/* The configuration's text for `config`; stays valid. Boot. */
void shell_ops_config(const char *text, size_t len);
/* Bytes of the boot loader's files, for `mem`. Boot. */
void shell_ops_files(uint64_t bytes);
/* The line `version` prints. Boot. */
void shell_ops_version(const char *text);
/* Set by the shell while the machine goes down: guests are neither started nor restarted. */
bool shell_closing(void);
/* Carries out a power-off or reboot that the shell asked for. The CPU's loop. */
void machine_end_if_asked(void);
void machine_end(bool reboot);
/* Every guest has stopped: does what [host] when_all_stopped says. */
void machine_all_stopped(void);
void machine_set_when_all_stopped(enum config_stopped what);

#endif
