/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iotest: disks and files in the test guest; each command prints one line. Numbers may end
 * in K, M or G. DEVICE may be a file where the command makes sense for one.
 *
 *   fill FOLDER BYTES SEED       write BYTES in files of 1 MiB, each synced     FILLED CRC
 *   check FOLDER BYTES SEED      read them and compare with the pattern        CHECKED CRC
 *   write DEVICE AT BYTES SEED   write the pattern past the cache, flush       WROTE CRC
 *   same DEVICE AT BYTES SEED    read past the cache, compare with the pattern SAME CRC
 *   hash DEVICE AT BYTES         CRC-32 of what is there                       HASH CRC
 *   zeros DEVICE AT BYTES        is there nothing but zeros?                   ZEROS
 *   discard DEVICE AT BYTES      BLKDISCARD                                    DISCARDED
 *   zero DEVICE AT BYTES         BLKZEROOUT                                    ZEROED
 *   size DEVICE                  bytes, bytes of a logical block               SIZE N BLOCK N
 *   refuse DEVICE                a write must fail for want of permission      REFUSED
 *   fail DEVICE AT BYTES SEED    write until an I/O error, which must come     FAILED-AT N
 *   read DEVICE BYTES COUNT      sequential reads of BYTES past the cache      READ BYTES COUNT TICKS
 *
 * The last one prints TSC ticks of all COUNT reads, of which the first, not counted, comes before.
 */
#define _GNU_SOURCE
#include "pattern.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 1 << 20, ALIGN = 4096 };

static uint8_t *data, *other;           /* CHUNK bytes each */

static int must_open(const char *path, int flags)
{
    int fd = open(path, flags, 0644);
    if (fd < 0)
        die(path);
    return fd;
}

static size_t piece(uint64_t left) { return left < CHUNK ? (size_t)left : CHUNK; }

static void read_at(int fd, void *buffer, size_t len, uint64_t at)
{
    ssize_t got = pread(fd, buffer, len, (off_t)at);
    if (got >= 0 && (size_t)got != len)
        errno = ENODATA;
    if (got < 0 || (size_t)got != len)
        die("read");
}

static void write_at(int fd, const void *buffer, size_t len, uint64_t at)
{
    ssize_t put = pwrite(fd, buffer, len, (off_t)at);
    if (put >= 0 && (size_t)put != len)
        errno = ENOSPC;
    if (put < 0 || (size_t)put != len)
        die("write");
}

static void must_match(uint64_t at)
{
    if (memcmp(data, other, CHUNK)) {
        printf("FAILED wrong data in the MiB at %llu\n", (unsigned long long)at);
        exit(1);
    }
}

/* fill and check: every MiB of the pattern is a file. */
static int files(const char *folder, uint64_t bytes, uint64_t seed, int fill)
{
    struct pattern p;
    uint32_t crc = 0;
    char path[256];
    pattern_start(&p, seed);
    for (uint64_t at = 0; at < bytes; at += CHUNK) {
        int fd;
        snprintf(path, sizeof(path), "%s/%llu", folder, (unsigned long long)(at / CHUNK));
        fd = must_open(path, fill ? O_WRONLY | O_CREAT | O_TRUNC : O_RDONLY);
        pattern_next(&p, data, CHUNK);
        if (fill) {
            write_at(fd, data, CHUNK, 0);
            if (fsync(fd))
                die("fsync");
        } else {
            read_at(fd, other, CHUNK, 0);
            must_match(at);
        }
        crc = crc32(crc, data, CHUNK);
        if (close(fd))
            die("close");
    }
    printf("%s %08x\n", fill ? "FILLED" : "CHECKED", crc);
    return 0;
}

static int write_pattern(const char *device, uint64_t at, uint64_t bytes, uint64_t seed)
{
    int fd = must_open(device, O_WRONLY | O_DIRECT);
    struct pattern p;
    uint32_t crc = 0;
    pattern_start(&p, seed);
    for (uint64_t done = 0; done < bytes; done += CHUNK) {
        pattern_next(&p, data, piece(bytes - done));
        write_at(fd, data, piece(bytes - done), at + done);
        crc = crc32(crc, data, piece(bytes - done));
    }
    if (fsync(fd))
        die("fsync");
    printf("WROTE %08x\n", crc);
    return 0;
}

static int same(const char *device, uint64_t at, uint64_t bytes, uint64_t seed)
{
    int fd = must_open(device, O_RDONLY | O_DIRECT);
    struct pattern p;
    uint32_t crc = 0;
    pattern_start(&p, seed);
    for (uint64_t done = 0; done < bytes; done += CHUNK) {
        pattern_next(&p, data, piece(bytes - done));
        read_at(fd, other, piece(bytes - done), at + done);
        must_match(at + done);
        crc = crc32(crc, other, piece(bytes - done));
    }
    printf("SAME %08x\n", crc);
    return 0;
}

static int hash(const char *device, uint64_t at, uint64_t bytes)
{
    int fd = must_open(device, O_RDONLY | O_DIRECT);
    uint32_t crc = 0;
    for (uint64_t done = 0; done < bytes; done += CHUNK) {
        read_at(fd, data, piece(bytes - done), at + done);
        crc = crc32(crc, data, piece(bytes - done));
    }
    printf("HASH %08x\n", crc);
    return 0;
}

static int zeros(const char *device, uint64_t at, uint64_t bytes)
{
    int fd = must_open(device, O_RDONLY | O_DIRECT);
    memset(data, 0, CHUNK);
    for (uint64_t done = 0; done < bytes; done += CHUNK) {
        memset(other, 0, CHUNK);
        read_at(fd, other, piece(bytes - done), at + done);
        must_match(at + done);
    }
    puts("ZEROS");
    return 0;
}

static int range_ioctl(const char *device, unsigned long request, uint64_t at, uint64_t bytes)
{
    int fd = must_open(device, O_RDWR);
    uint64_t range[2] = { at, bytes };
    if (ioctl(fd, request, range))
        die(request == BLKDISCARD ? "BLKDISCARD" : "BLKZEROOUT");
    puts(request == BLKDISCARD ? "DISCARDED" : "ZEROED");
    return 0;
}

static int size(const char *device)
{
    int fd = must_open(device, O_RDONLY), block;
    uint64_t bytes;
    if (ioctl(fd, BLKGETSIZE64, &bytes) || ioctl(fd, BLKSSZGET, &block))
        die("BLKGETSIZE64");
    printf("SIZE %llu BLOCK %d\n", (unsigned long long)bytes, block);
    return 0;
}

static int refuse(const char *device)
{
    int fd = open(device, O_RDWR | O_DIRECT);
    memset(data, 0xa5, ALIGN);
    if (fd >= 0 && pwrite(fd, data, ALIGN, 0) >= 0) {
        puts("FAILED it took the write");
        return 1;
    }
    if (errno != EPERM && errno != EACCES && errno != EROFS)
        die("write");
    puts("REFUSED");
    return 0;
}

/* A request of CHUNK bytes that fails may have written part of itself. */
static int fail(const char *device, uint64_t at, uint64_t bytes, uint64_t seed)
{
    int fd = must_open(device, O_WRONLY | O_DIRECT);
    struct pattern p;
    pattern_start(&p, seed);
    for (uint64_t done = 0; done < bytes; done += CHUNK) {
        ssize_t put;
        pattern_next(&p, data, CHUNK);
        put = pwrite(fd, data, CHUNK, (off_t)(at + done));
        if (put == CHUNK)
            continue;
        if (put < 0 && errno != EIO && errno != ENOSPC)
            die("write");
        printf("FAILED-AT %llu\n", (unsigned long long)(at + done));
        return 0;
    }
    puts("FAILED every write was taken");
    return 1;
}

static int timed_read(const char *device, uint64_t bytes, uint64_t count)
{
    int fd = must_open(device, O_RDONLY | O_DIRECT);
    uint64_t start;
    if (bytes > CHUNK) {
        puts("FAILED too much at a time");
        return 2;
    }
    memset(data, 0, CHUNK);
    read_at(fd, data, bytes, 0);
    start = rdtsc();
    for (uint64_t i = 1; i <= count; i++)
        if (pread(fd, data, bytes, (off_t)(i * bytes)) != (ssize_t)bytes)
            die("read");
    printf("READ %llu %llu %llu\n", (unsigned long long)bytes, (unsigned long long)count,
           (unsigned long long)(rdtsc() - start));
    return 0;
}

int main(int argc, char **argv)
{
    const char *command = argc > 2 ? argv[1] : "", *path = argv[2];
    uint64_t n[3] = { 0 };
    int numbers = argc - 3;
    if (posix_memalign((void **)&data, ALIGN, CHUNK) || posix_memalign((void **)&other, ALIGN, CHUNK))
        die("memory");
    memset(data, 0, CHUNK);
    memset(other, 0, CHUNK);
    for (int i = 0; i < numbers && i < 3; i++)
        n[i] = number(argv[3 + i]);
    switch (numbers) {
    case 0:
        if (!strcmp(command, "size"))    return size(path);
        if (!strcmp(command, "refuse"))  return refuse(path);
        break;
    case 2:
        if (!strcmp(command, "fill"))    return files(path, n[0], n[1], 1);
        if (!strcmp(command, "check"))   return files(path, n[0], n[1], 0);
        if (!strcmp(command, "hash"))    return hash(path, n[0], n[1]);
        if (!strcmp(command, "zeros"))   return zeros(path, n[0], n[1]);
        if (!strcmp(command, "discard")) return range_ioctl(path, BLKDISCARD, n[0], n[1]);
        if (!strcmp(command, "zero"))    return range_ioctl(path, BLKZEROOUT, n[0], n[1]);
        if (!strcmp(command, "read"))    return timed_read(path, n[0], n[1]);
        break;
    case 3:
        if (!strcmp(command, "write"))   return write_pattern(path, n[0], n[1], n[2]);
        if (!strcmp(command, "same"))    return same(path, n[0], n[1], n[2]);
        if (!strcmp(command, "fail"))    return fail(path, n[0], n[1], n[2]);
        break;
    }
    puts("FAILED no such command; see iotest.c");
    return 2;
}
