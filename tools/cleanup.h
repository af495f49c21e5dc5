/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nothing is left behind, whichever way the command ends: temporary files and
 * folders, the emulator, the mode of the terminal. Signals are held back except
 * inside ppoll() with cleanup_mask(), so no code is ever interrupted half-way.
 */
#ifndef CLEANUP_H
#define CLEANUP_H

#include <signal.h>
#include <sys/types.h>
#include <termios.h>

#include "socle/types.h"

/* First thing in main(). */
void cleanup_init(void);
/* The signal mask for ppoll(): lets the ending signals and SIGCHLD in. */
const sigset_t *cleanup_mask(void);
/* The signal that asked us to end, or 0. Also looks for one that is held back. */
int cleanup_signal(void);
/* Undoes everything registered. Called at the end and by every early exit. */
void cleanup_run(void);
/* Ends the process by the signal that was caught, for a caller's right status. */
NORETURN void cleanup_die(int sig);
/* In a child between fork and exec: signals as the parent found them. */
void cleanup_child(void);

/* A new private folder under $TMPDIR, removed at the end. Null with errno set. */
const char *temp_dir(void);
/* A file to remove at the end; temp_keep() when it has become the result. */
void temp_file(const char *path);
void temp_keep(void);

/* A process group to end; 0 when it has ended. */
void cleanup_group(pid_t pgid);
/* Puts the terminal `fd` into raw mode until cleanup_run(). False when it is none of ours. */
bool terminal_raw(int fd);
void terminal_restore(void);
/* Have we been stopped and continued since? Then the shell has changed the mode back. */
bool terminal_lost(void);

#endif
