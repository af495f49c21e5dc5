/* SPDX-License-Identifier: BSD-2-Clause */
/* See proc.h. Linux: the child asks the kernel to die with its parent. */
#include "proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"

enum { END_TRIES = 40, END_PAUSE_NS = 50 * 1000 * 1000 };

static void redirect(int fd, int to)
{
    if (fd < 0)
        fd = open("/dev/null", to ? O_WRONLY : O_RDONLY);
    if (fd != to)
        dup2(fd, to);
    else
        fcntl(fd, F_SETFD, 0);
}

/* The child's side, up to the program. Tells its errno through `report` when that fails. */
static NORETURN void become(char *const *argv, const char *dir, const int fds[3], int report,
                            pid_t parent)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    for (int i = 0; i < 3; i++)
        redirect(fds[i], i);
    cleanup_child();
    if (!dir || !chdir(dir))
        execvp(argv[0], argv);
    int why = errno;
    ssize_t written = write(report, &why, sizeof(why));
    _exit(written == sizeof(why) ? 127 : 126);
}

pid_t proc_start(char *const *argv, const char *dir, int in, int out, int err)
{
    int report[2], why = 0;
    const int fds[3] = { in, out, err };
    if (pipe2(report, O_CLOEXEC))
        return -1;
    pid_t self = getpid(), pid = fork();
    if (pid == 0)
        become(argv, dir, fds, report[1], self);
    close(report[1]);
    if (pid > 0) {
        setpgid(pid, pid);
        cleanup_group(pid);
        ssize_t n;
        while ((n = read(report[0], &why, sizeof(why))) < 0 && errno == EINTR)
            ;
        if (n == sizeof(why)) {
            waitpid(pid, NULL, 0);
            cleanup_group(0);
            pid = -1;
        }
    }
    close(report[0]);
    if (why)
        errno = why;
    return pid;
}

bool proc_ended(pid_t pid, int *status)
{
    if (waitpid(pid, status, WNOHANG) != pid)
        return false;
    cleanup_group(0);
    return true;
}

int proc_end(pid_t pid)
{
    const struct timespec pause = { 0, END_PAUSE_NS };
    int status = 0;
    kill(-pid, SIGTERM);
    for (int i = 0; i < END_TRIES; i++) {
        if (proc_ended(pid, &status)) {
            kill(-pid, SIGKILL);        /* what it may have started itself */
            return status;
        }
        nanosleep(&pause, NULL);
    }
    kill(-pid, SIGKILL);
    waitpid(pid, &status, 0);
    cleanup_group(0);
    return status;
}

int proc_collect(char *const *argv, const char *dir, struct text *output)
{
    int out[2], status;
    if (pipe2(out, O_CLOEXEC))
        return -1;
    pid_t pid = proc_start(argv, dir, -1, out[1], out[1]);
    int why = errno;
    close(out[1]);
    bool stopped = false;
    while (pid > 0 && !stopped) {
        struct pollfd p = { out[0], POLLIN, 0 };
        char buf[4096];
        ssize_t n = 0;
        if (ppoll(&p, 1, NULL, cleanup_mask()) < 0)
            stopped = cleanup_signal() != 0;
        else if ((n = read(out[0], buf, sizeof(buf))) > 0)
            text_add_bytes(output, buf, (size_t)n);
        else
            break;
    }
    close(out[0]);
    if (pid < 0 || stopped) {
        if (pid > 0)
            proc_end(pid);
        errno = pid < 0 ? why : EINTR;
        return -1;
    }
    waitpid(pid, &status, 0);
    cleanup_group(0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

const char *proc_status_text(int status)
{
    static char text[80];
    if (WIFSIGNALED(status))
        snprintf(text, sizeof(text), "signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(text, sizeof(text), "exit code %d", WEXITSTATUS(status));
    return text;
}
