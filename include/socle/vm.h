/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest: configuration, memory, PC, vCPUs and the states it goes through. Created at
 * boot from the configuration and never freed; what it needs to run is taken at start
 * and given back at stop.
 */
#ifndef SOCLE_VM_H
#define SOCLE_VM_H

#include "socle/config.h"
#include "socle/console.h"
#include "socle/gmem.h"
#include "socle/loader.h"
#include "socle/pc.h"
#include "socle/policy.h"
#include "socle/ptab.h"
#include "socle/sched.h"
#include "socle/vcpu.h"
#include "socle/vm_devices.h"
#include "socle/vmclock.h"

enum vm_state {
    VM_OFF, VM_STARTING, VM_RUNNING, VM_PAUSED, VM_CRASHED, VM_STOPPING, VM_WAITING
};

/* Why a running VM ends. */
enum vm_end { END_POWEROFF, END_REBOOT, END_CRASH, END_KILLED, END_HALTED };

/* What follows when a guest's life has been cleared away. */
enum vm_after { AFTER_OFF, AFTER_RESTART, AFTER_BACKOFF, AFTER_CRASHED };

enum { VM_WHY = 192, VM_HOST_ALARMS = 4, VM_ALARMS = PLAT_MAX_VCPUS + 16 + CONFIG_DISKS_MAX + 2 * CONFIG_NETS_MAX,
       VM_OUT = 8192, VM_OUT_FLUSH = VM_OUT / 2, VM_FILES = CONFIG_INITRD_MAX };

/* A file handed over by the boot loader. */
struct vm_file { const char *name; const void *data; uint64_t len; hpa_t at; };

struct vm {
    const struct guest_config *cfg;
    char           name[32];
    uint16_t       id;                  /* owner of its memory: 1 .. CONFIG_GUESTS_MAX */
    uint8_t        uuid[16];
    enum vm_state  state;
    bool           shown_running;       /* "started" was printed, "stopped" not yet */
    char           why[VM_WHY];         /* why it stopped or could not start */
    struct vm_file kernel, initrd[VM_FILES];
    bool           no_files;            /* one is missing: it cannot be started */

    /* memory */
    struct guest_machine machine;
    struct guest_layout  layout;
    struct gmem    mem;
    hpa_t         *block;               /* 2 MiB blocks: low RAM, then high RAM */
    uint32_t       blocks, blocks_ready;
    uint64_t       promised;            /* of it, not taken from the machine yet */
    struct ptab    nested;

    /* time */
    struct vmclock     clock;
    struct alarm_queue alarms;
    struct alarm      *alarm_heap[VM_ALARMS];
    struct alarm       host_alarm;      /* for the first of `alarms` */
    uint64_t           host_alarm_due;  /* what it is set to */
    uint64_t           wall_ns_at_0;    /* ns since 1970 at VM time 0 */
    gpa_t              wall_clock;      /* where the guest wants it */

    /* machine */
    struct guest_cpu cpu;
    struct pc       *pc;
    struct vcpu     *vcpu;
    uint32_t         vcpus;

    /* starting and stopping */
    struct sched_work  work;            /* vm_step() while STARTING or STOPPING */
    enum vm_after      after;           /* what follows STOPPING */
    enum vm_end        ended;           /* how the last life ended */
    bool               keep_memory;     /* the next start finds its memory there */
    bool               loaded;          /* STARTING: memory is complete, kernel is being loaded */
    struct load_plan  *plan;
    uint8_t           *bios;            /* contents of PLAT_BIOS_BASE until loaded */
    uint32_t           load_segment;
    uint64_t           load_offset;
    struct alarm       delay;           /* restart back-off */
    struct alarm       flush_alarm;     /* out[] goes to the console */
    uint32_t           backoff_s;
    uint32_t           quick_resets;    /* lives that ended at once, by reset, in a row */
    uint64_t           started_ns, stopped_ns;
    bool               stop_pressed;
    uint32_t           restarts;

    /* disks, network cards, entropy source (vm_devices.c) */
    struct vm_file     image[CONFIG_DISKS_MAX];
    struct vm_disk    *disk[CONFIG_DISKS_MAX];
    struct vm_nic     *nic[CONFIG_NETS_MAX];
    struct virtio_rng *rng;
    bool               devices_quiet;   /* STOPPING: they have settled all they had under way */

    /* what its devices left to do */
    struct sched_work  io;
    struct dev_work   *io_first, **io_end;
    struct dev_work    misuse;          /* prints the next two */
    const char        *misused_device, *misused_why;

    /* console */
    struct console_guest con;
    struct logring      *log;
    uint64_t             log_second;    /* limit of log lines that the guest causes */
    uint32_t             log_lines;
    uint32_t             out_len;       /* bytes of out[] not given to the console yet */
    uint8_t              out[VM_OUT];
};

/* All guests, in the order of the configuration. */
extern struct vm *vm_list[CONFIG_GUESTS_MAX];
extern uint32_t   vm_count;

/* Makes the VM object of a configured guest. Boot. HV_NOMEM: `why` says so. */
MUST_CHECK hv_status vm_create(const struct guest_config *cfg, struct vm **out);
/* All are created: prints the end when none of them runs. Boot. */
void vm_check_all_stopped(void);
/* Starts it; failure is also reported on the console. From the shell or boot. */
MUST_CHECK hv_status vm_start(struct vm *vm, char why[SHELL_WHY]);
/* Could not even be tried: prints `not started: WHY`. */
void vm_not_started(struct vm *vm, const char *format, ...) PRINTF(2, 3);

/*
 * Ends the guest's present life. From an exit handler of one of its vCPUs, a device
 * callback, or the shell; the teardown happens later, in pieces. detail: for crashes.
 */
void vm_end(struct vm *vm, enum vm_end how, const char *detail, ...) PRINTF(3, 4);
/* Reset line: reboot or stop, as on_reboot says. */
void vm_reset_request(struct vm *vm);
MUST_CHECK hv_status vm_action(struct vm *vm, enum guest_action what, char why[SHELL_WHY]);

static inline bool vm_runs(const struct vm *vm) { return vm->state == VM_RUNNING; }

/* Bytes of the guest's first serial port, out and (room again) in. */
void vm_serial_out(struct vm *vm, uint8_t byte);
void vm_serial_room(struct vm *vm);

/* vm_memory.c: memory in budgeted pieces; true when there is more to do. */
MUST_CHECK hv_status vm_memory_prepare(struct vm *vm);
MUST_CHECK hv_status vm_memory_step(struct vm *vm, bool *more);
bool vm_memory_free_step(struct vm *vm);
/* vm_load.c: kernel, initrds and tables into memory. */
MUST_CHECK hv_status vm_load_prepare(struct vm *vm);
bool vm_load_step(struct vm *vm);
void vm_load_drop(struct vm *vm);
/* vm_time.c, vm.c: parts of vm_create(). */
void vm_time_init(struct vm *vm);
void vm_init_states(struct vm *vm);
void vm_set_wall_clock(struct vm *vm);
/* The VM's clock was stopped or started, or its first alarm changed. */
void vm_alarms_changed(struct vm *vm);
/* vm_io.c: deferred work of devices; let it run, let it rest, forget it. */
void vm_io_init(struct vm *vm);
void vm_io_run(struct vm *vm);
void vm_io_rest(struct vm *vm);
void vm_io_drop(struct vm *vm);
void vm_defer(struct vm *vm, struct dev_work *w);
/* A line for the log about what the guest did to a device; printed later, without locks. */
void vm_misuse(struct vm *vm, const char *device, const char *why);
/* vm_report.c: registers of a crashed guest, to the log. */
void vm_report_crash(struct vm *vm);

/* May a line be logged that the guest caused? Counts it. */
bool vm_may_log(struct vm *vm);

/* VM time and alarms, as devices see them. */
uint64_t vm_now(struct vm *vm);
void vm_alarm(struct vm *vm, struct alarm *a, uint64_t due);

#endif
