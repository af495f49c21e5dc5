/* SPDX-License-Identifier: BSD-2-Clause */
/* Child processes that never outlive this command. */
#ifndef PROC_H
#define PROC_H

#include <sys/types.h>

#include "tool.h"

/*
 * Starts argv[0] (found through PATH) in a process group of its own, which dies with us.
 * in, out, err become its standard streams (-1: /dev/null); dir: where it runs, or null.
 * Returns the process, or -1 with errno set, also when the program cannot be executed.
 */
pid_t proc_start(char *const *argv, const char *dir, int in, int out, int err);

/* Ends the child: SIGTERM, after two seconds SIGKILL. Returns its wait status. */
int proc_end(pid_t pid);
/* Has it ended? Then *status is its wait status and the group is forgotten. */
bool proc_ended(pid_t pid, int *status);

/*
 * Runs to the end with all output collected in *output. Returns the exit code, 128 +
 * signal, or -1 with errno set when it cannot be started or a signal asked us to end
 * (EINTR).
 */
int proc_collect(char *const *argv, const char *dir, struct text *output);

/* What a wait status means: "exit code 3", "signal 9 (Killed)". Static buffer. */
const char *proc_status_text(int status);

#endif
