/* SPDX-License-Identifier: BSD-2-Clause */
/* Paths and whole files, for all parts of the host command. */
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

char *path_dir(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return xstrdup(".");
    if (slash == path)
        return xstrdup("/");
    return xprintf("%.*s", (int)(slash - path), path);
}

const char *path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *path_join(const char *dir, const char *name)
{
    if (*name == '/' || !strcmp(dir, "."))
        return xstrdup(name);
    return xprintf("%s%s%s", dir, dir[strlen(dir) - 1] == '/' ? "" : "/", name);
}

char *path_inside(const char *name)
{
    struct text t = { 0 };
    bool inside = *name != '/';
    while (*name && inside) {
        size_t n = strcspn(name, "/");
        if (n == 2 && !strncmp(name, "..", 2))
            inside = false;
        else if (n > 0 && !(n == 1 && *name == '.'))
            text_add(&t, "%s%.*s", t.len ? "/" : "", (int)n, name);
        name += n + (name[n] == '/');
    }
    if (inside && t.len)
        return t.s;
    free(t.s);
    return NULL;
}

char *find_program(const char *name)
{
    const char *path = getenv("PATH");
    if (!path)
        path = "/usr/local/bin:/usr/bin:/bin";
    for (;;) {
        size_t n = strcspn(path, ":");
        char *dir = n ? xprintf("%.*s", (int)n, path) : xstrdup(".");
        char *full = xprintf("%s/%s", dir, name);
        free(dir);
        struct stat st;
        if (!access(full, X_OK) && !stat(full, &st) && S_ISREG(st.st_mode))
            return full;
        free(full);
        if (!path[n])
            return NULL;
        path += n + 1;
    }
}

int file_read(const char *path, size_t max, char **data, size_t *len)
{
    struct stat st;
    /* Without blocking: opening a FIFO would wait for its writer. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return -1;
    int why = fstat(fd, &st) ? errno : S_ISDIR(st.st_mode) ? EISDIR : 0;
    if (!why && !S_ISREG(st.st_mode))
        why = EINVAL;
    if (why) {
        close(fd);
        errno = why;
        return -1;
    }
    size_t want = (uint64_t)st.st_size < max ? (size_t)st.st_size : max, have = 0;
    char *buf = xcalloc(1, want + 1);
    while (have < want) {
        ssize_t n = read(fd, buf + have, want - have);
        if (n < 0 && errno != EINTR) {
            why = errno;
            free(buf);
            close(fd);
            errno = why;
            return -1;
        }
        if (n == 0)
            break;
        have += n > 0 ? (size_t)n : 0;
    }
    close(fd);
    *data = buf;
    *len = have;
    return 0;
}

void *file_map(const char *path, size_t len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    void *data = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
    int why = errno;
    close(fd);
    errno = why;
    return data == MAP_FAILED ? NULL : data;
}

int file_write(const char *path, const char *data, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return -1;
    int result = 0;
    while (len && !result) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno != EINTR)
            result = -1;
        else if (n > 0) {
            data += n;
            len -= (size_t)n;
        }
    }
    int why = errno;
    if (close(fd) && !result)
        return -1;
    errno = why;
    return result;
}
