/* SPDX-License-Identifier: BSD-2-Clause */
/* See cleanup.h. One of each kind is enough for this command. */
#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool.h"

static const int ending[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

static volatile sig_atomic_t caught, continued;
static sigset_t original, inside_poll;
static char *dir, *file;
static pid_t group;
static struct termios terminal_was;
static int terminal_fd = -1;

static void on_signal(int sig)
{
    if (sig == SIGCONT)
        continued = 1;
    else if (sig != SIGCHLD)
        caught = sig;
}

void cleanup_init(void)
{
    struct sigaction act = { .sa_handler = on_signal }, was;
    sigset_t held;
    /* A pipe must never land on a standard stream that the caller has closed. */
    int fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO)
        fd = dup(fd);
    close(fd);
    sigemptyset(&held);
    sigaddset(&held, SIGCHLD);
    sigaddset(&held, SIGCONT);
    sigprocmask(SIG_BLOCK, NULL, &original);
    inside_poll = original;
    sigaction(SIGCHLD, &act, NULL);
    sigaction(SIGCONT, &act, NULL);
    sigdelset(&inside_poll, SIGCHLD);
    sigdelset(&inside_poll, SIGCONT);
    for (size_t i = 0; i < ARRAY_LEN(ending); i++) {
        /* nohup(1) and background jobs of a shell have signals ignored: keep it so. */
        sigaction(ending[i], NULL, &was);
        if (was.sa_handler == SIG_IGN)
            continue;
        sigaction(ending[i], &act, NULL);
        sigaddset(&held, ending[i]);
        sigdelset(&inside_poll, ending[i]);
    }
    sigprocmask(SIG_BLOCK, &held, NULL);
    signal(SIGPIPE, SIG_IGN);
}

const sigset_t *cleanup_mask(void) { return &inside_poll; }

int cleanup_signal(void)
{
    sigset_t pending;
    if (!caught && !sigpending(&pending))
        for (size_t i = 0; i < ARRAY_LEN(ending); i++)
            if (sigismember(&pending, ending[i]) == 1 &&
                sigismember(&inside_poll, ending[i]) == 0)
                return ending[i];
    return caught;
}

void cleanup_child(void)
{
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &original, NULL);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *where)
{
    remove(path);
    return 0;
}

void cleanup_run(void)
{
    terminal_restore();
    if (group > 0)
        kill(-group, SIGKILL);
    group = 0;
    if (file)
        unlink(file);
    temp_keep();
    if (dir)
        nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(dir);
    dir = NULL;
}

void cleanup_die(int sig)
{
    sigset_t only;
    signal(sig, SIG_DFL);
    sigemptyset(&only);
    sigaddset(&only, sig);
    raise(sig);
    sigprocmask(SIG_UNBLOCK, &only, NULL);
    _exit(128 + sig);
}

const char *temp_dir(void)
{
    if (dir)
        return dir;
    const char *base = getenv("TMPDIR");
    dir = xprintf("%s/socle-XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(dir)) {
        int why = errno;
        free(dir);
        dir = NULL;
        errno = why;
    }
    return dir;
}

void temp_file(const char *path)
{
    temp_keep();
    file = xstrdup(path);
}

void temp_keep(void)
{
    free(file);
    file = NULL;
}

void cleanup_group(pid_t pgid) { group = pgid; }

bool terminal_raw(int fd)
{
    struct termios raw;
    /* In the background, changing the terminal would stop us. */
    if (!isatty(fd) || tcgetpgrp(fd) != getpgrp() || tcgetattr(fd, &raw))
        return false;
    if (terminal_fd < 0)
        terminal_was = raw;
    cfmakeraw(&raw);
    if (tcsetattr(fd, TCSADRAIN, &raw))
        return false;
    terminal_fd = fd;
    say_raw(true);
    return true;
}

bool terminal_lost(void)
{
    bool was = continued && terminal_fd >= 0;
    continued = 0;
    return was;
}

void terminal_restore(void)
{
    if (terminal_fd < 0)
        return;
    tcsetattr(terminal_fd, TCSADRAIN, &terminal_was);
    terminal_fd = -1;
    say_raw(false);
}
