/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See emulator.h: Bochs' configuration, and its serial port as a TCP socket on loopback
 * for which Bochs waits before it starts. Bochs always ends with exit code 1, so the run
 * is judged by the serial lines alone (Bochs User Manual, 4.3 "bochsrc").
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "emulator.h"
#include "proc.h"
#include "socle/bits.h"

enum { CONNECT_TRIES = 600, CONNECT_PAUSE_NS = 50 * 1000 * 1000, GO_LINES = 64 };

static const char *const bios_places[] = {
    "/usr/share/bochs/BIOS-bochs-latest", "/usr/local/share/bochs/BIOS-bochs-latest",
};
static const char *const vga_places[] = {
    "/usr/share/vgabios/vgabios.bin", "/usr/share/bochs/VGABIOS-lgpl-latest",
    "/usr/local/share/bochs/VGABIOS-lgpl-latest",
};

static const char *first_there(const char *const *places, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!access(places[i], R_OK))
            return places[i];
    return NULL;
}

/* A port nobody has now. Bochs takes it moments later; a race is unlikely and only an error. */
static unsigned free_port(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && !bind(fd, (struct sockaddr *)&at, sizeof(at)) &&
              !getsockname(fd, (struct sockaddr *)&at, &len);
    if (fd >= 0)
        close(fd);
    return ok ? ntohs(at.sin_port) : 0;
}

/* ---- the CPU model ---- */

/*
 * The model that a line for Bochs names, such as "cpu: model=ryzen, count=2", else null. A line
 * on Bochs' command line changes only the parameters it names; the last one that names one counts.
 */
static char *model_in(const char *line)
{
    char *copy = xstrdup(line), *save = NULL, *found = NULL;
    bool cpu = !strncmp(copy, "cpu:", 4);
    for (char *w = strtok_r(copy + (cpu ? 4 : 0), ", \t", &save); cpu && w;
         w = strtok_r(NULL, ", \t", &save))
        if (!strncmp(w, "model=", 6)) {
            free(found);
            found = xstrdup(w + 6);
        }
    free(copy);
    return found;
}

/* What EXTRA asks for, or null. */
static char *model_asked(const struct run_plan *plan)
{
    char *model = NULL;
    for (char **e = plan->extra; e && *e; e++) {
        char *other = model_in(*e);
        if (other)
            free(model);
        model = other ? other : model;
    }
    return model;
}

static const char *model_usual(const struct run_plan *plan)
{
    return plan->platform == PLATFORM_BOCHS_VMX ? "corei7_skylake_x" : "ryzen";
}

static void say_what(const struct run_plan *plan)
{
    char *asked = model_asked(plan);
    const char *kind = plan->platform == PLATFORM_BOCHS_VMX ? "Intel VT-x" : "AMD-V";
    say("Bochs with the CPU model %s (%s); it is slow: a Linux guest takes minutes",
        asked ? asked : model_usual(plan), asked ? "as asked for" : kind);
    free(asked);
}

/* ---- its configuration ---- */

static void write_rc(struct text *t, const struct run_plan *plan, const char *bios,
                     const char *vga, unsigned port)
{
    text_add(t, "config_interface: textconfig\n"
                "display_library: sdl2\n"
                /* Without a sound card Debian's Bochs aborts when it looks for one. */
                "sound: driver=dummy\n"
                "plugin_ctrl: sb16=0, es1370=0, voodoo=0, speaker=0, gameport=0, parallel=0\n");
    text_add(t, "romimage: file=%s, options=fastboot\nvgaromimage: file=%s\n", bios, vga);
    text_add(t, "megs: %llu\n", (unsigned long long)(plan->memory / MIB(1)));
    /* MSRs that the model lacks raise #GP as on the real CPU: the hypervisor must cope. */
    text_add(t, "cpu: model=%s, count=%u, ips=50000000, reset_on_triple_fault=0, "
                "ignore_bad_msrs=0\n", model_usual(plan), plan->cpus);
    text_add(t, "clock: sync=none, time0=1704067200\n"
                "pci: enabled=1, chipset=i440fx\n"
                "ata0-master: type=cdrom, path=hv.iso, status=inserted\n"
                "boot: cdrom\n");
    text_add(t, "com1: enabled=1, mode=socket-server, dev=127.0.0.1:%u\n", port);
    text_add(t, "log: bochs.log\npanic: action=fatal\nerror: action=ignore\n"
                "info: action=report\ndebug: action=ignore\n");
}

/* Bochs' configuration and the debugger's commands, in temp_dir(). -1 or the exit code. */
static int write_files(const struct run_plan *plan, unsigned port)
{
    const char *bios = first_there(bios_places, ARRAY_LEN(bios_places));
    const char *vga = first_there(vga_places, ARRAY_LEN(vga_places));
    if (!bios || !vga) {
        say("Bochs' firmware is not installed; on Debian or Ubuntu: apt-get install bochs "
            "bochsbios vgabios bochs-sdl");
        return EXIT_USAGE;
    }
    struct text rc = { 0 }, go = { 0 };
    char *rc_path = path_join(temp_dir(), "bochsrc"), *go_path = path_join(temp_dir(), "go");
    write_rc(&rc, plan, bios, vga, port);
    /* The debugger asks again after some resets. */
    for (int i = 0; i < GO_LINES; i++)
        text_add(&go, "c\n");
    int bad = file_write(rc_path, rc.s, rc.len) || file_write(go_path, go.s, go.len);
    if (bad)
        say("cannot write %s: %s", rc_path, strerror(errno));
    free(rc.s);
    free(go.s);
    free(rc_path);
    free(go_path);
    return bad ? EXIT_USAGE : -1;
}

/* ---- starting it ---- */

/* It ended before it began: its own words, and what they may mean. */
static void say_why(const struct run_plan *plan, int status)
{
    char *asked = model_asked(plan);
    say("bochs ended with %s before it began", proc_status_text(status));
    bochs_explain();
    if (asked)
        say("`bochs --help cpu` lists the CPU models; is \"%s\" among them?", asked);
    free(asked);
}

static int connect_port(struct proxy *p, const struct run_plan *plan, unsigned port)
{
    const struct timespec pause = { 0, CONNECT_PAUSE_NS };
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                              .sin_addr = { htonl(INADDR_LOOPBACK) } };
    for (int i = 0; i < CONNECT_TRIES && !cleanup_signal(); i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), status;
        if (fd < 0)
            break;
        if (!connect(fd, (struct sockaddr *)&at, sizeof(at)))
            return fd;
        close(fd);
        if (proc_ended(p->pid, &status)) {
            say_why(plan, status);
            return -1;
        }
        nanosleep(&pause, NULL);
    }
    if (!cleanup_signal())
        say("bochs does not open its serial port");
    proc_end(p->pid);
    return -1;
}

static void build_args(struct args *a, const struct run_plan *plan)
{
    char *program = find_program("bochs-bin");
    args_add(a, "%s", program ? "bochs-bin" : "bochs");
    free(program);
    static const char *const fixed[] = { "-q", "-f", "bochsrc", "-rc", "go" };
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        args_add(a, "%s", fixed[i]);
    for (char **e = plan->extra; e && *e; e++)
        args_add(a, "%s", *e);
}

int bochs_start(const struct run_plan *plan, struct proxy *p)
{
    unsigned port = free_port();
    int code = write_files(plan, port);
    if (code >= 0)
        return code;
    say_what(plan);
    struct args a = { 0 };
    char *path = path_join(temp_dir(), "bochs.out");
    int out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    build_args(&a, plan);
    setenv("SDL_VIDEODRIVER", "dummy", 1);
    p->pid = proc_start(a.v, temp_dir(), -1, out, out);
    if (p->pid < 0)
        say(errno == ENOENT ? "bochs is not installed; on Debian or Ubuntu: apt-get install bochs "
                              "bochsbios vgabios bochs-sdl" : "bochs: %s", strerror(errno));
    if (out >= 0)
        close(out);
    args_free(&a);
    free(path);
    p->words = -1;
    p->emulator = "bochs";
    p->to = p->from = p->pid < 0 ? -1 : connect_port(p, plan, port);
    if (p->to < 0)
        return EXIT_USAGE;
    fcntl(p->to, F_SETFL, O_NONBLOCK);
    return -1;
}

void bochs_explain(void)
{
    static const char *const names[] = { "bochs.out", "bochs.log" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char *path = path_join(temp_dir(), names[i]), *data = NULL, *save = NULL;
        size_t len;
        if (!file_read(path, 1u << 20, &data, &len))
            for (char *l = strtok_r(data, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
                if (strstr(l, "PANIC") || strstr(l, ">>") || strstr(l, "rror"))
                    say("bochs: %s", l);
        free(data);
        free(path);
    }
}
