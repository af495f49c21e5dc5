/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Suggestions for wrong words. Called by the schema pass and the boot options. The tables
 * hold what the tools people come from call things: Xen's xl, QEMU, libvirt, Proxmox,
 * VirtualBox, ACRN, crosvm, Vagrant, compose files.
 */
#include "words.h"

#include "socle/str.h"

enum { WORD_MAX = 24 };             /* longer words get no suggestion */

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c; }

bool same_any_case(const char *a, const char *b)
{
    while (*a && lower(*a) == lower(*b)) {
        a++;
        b++;
    }
    return lower(*a) == lower(*b);
}

static unsigned least(unsigned a, unsigned b, unsigned c)
{
    const unsigned ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/*
 * Optimal string alignment: Levenshtein's distance with swaps of neighbours, the most common
 * slips, as one step. Three rows on the stack, no allocation.
 */
unsigned edit_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    unsigned row[3][WORD_MAX + 1];
    unsigned *before = row[0], *last = row[1], *now = row[2];

    if (a_len > WORD_MAX || b_len > WORD_MAX)
        return WORD_MAX;
    for (unsigned j = 0; j <= b_len; j++)
        before[j] = last[j] = j;
    for (unsigned i = 1; i <= a_len; i++) {
        now[0] = i;
        for (unsigned j = 1; j <= b_len; j++) {
            const char x = lower(a[i - 1]), y = lower(b[j - 1]);

            now[j] = least(last[j] + 1, now[j - 1] + 1, last[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == lower(b[j - 2]) && y == lower(a[i - 2]))
                now[j] = least(now[j], before[j - 2] + 1, WORD_MAX);
        }
        unsigned *free_row = before;
        before = last;
        last = now;
        now = free_row;
    }
    return last[b_len];
}

void nearest_try(struct nearest *n, const char *candidate)
{
    const unsigned far = n->len <= 3 ? 2 : n->len <= 6 ? 3 : 4;
    const size_t len = strlen(candidate);

    /* The difference in length is the least that the distance can be. */
    if ((len > n->len ? len - n->len : n->len - len) >= far)
        return;
    const unsigned distance = edit_distance(n->word, n->len, candidate, len);
    if (distance < far && distance < n->len && (!n->best || distance < n->distance)) {
        n->best = candidate;
        n->distance = distance;
    }
}

struct foreign {
    uint8_t     section;
    const char *word;               /* several, separated by blanks */
    const char *advice;
};

/* Per section, since the same word means different things in different places. */
static const struct foreign foreign_keys[] = {
    { SECTION_TOP, "vm vms domain domains domu machine machines guests instance virtual_machine "
                   "zone cell partition container services",
      "begin each guest with [[guest]]" },
    { SECTION_TOP, "hypervisor global globals settings general system machine_config options "
                   "dom0 xen socle",
      "the machine's settings stand under [host]" },
    { SECTION_TOP, "network networks net bridge bridges vswitch switches lan",
      "begin each switch with [[switch]]" },
    { SECTION_TOP, "disk disks drive drives storage volumes",
      "begin each disk with [[guest.disk]], below its [[guest]]" },
    { SECTION_TOP, "nic nics vif interface interfaces",
      "begin each network card with [[guest.net]], below its [[guest]]" },
    { SECTION_TOP, "pci passthrough hostdev",
      "begin each device with [[guest.pci]], below its [[guest]]" },

    { SECTION_HOST, "serial tty uart terminal com com1 port", "write console = [\"com1\"]" },
    { SECTION_HOST, "speed baudrate baud_rate bps", "write baud = 115200" },
    { SECTION_HOST, "loglevel log_level loglvl guest_loglvl verbosity debug verbose quiet",
      "write log = \"info\"" },
    { SECTION_HOST, "cores smp maxcpus cpu", "write cpus = \"0-3\"" },
    { SECTION_HOST, "noreboot panic", "write on_panic = \"halt\" or \"reboot\"" },
    { SECTION_HOST, "shutdown poweroff on_all_stopped when_stopped on_exit",
      "write when_all_stopped = \"poweroff\"" },
    { SECTION_HOST, "escape_key escape_char esc hotkey detach_key", "write escape = \"^]\"" },
    { SECTION_HOST, "clock time localtime timezone clock_offset",
      "write rtc = \"utc\" or \"local\"" },

    { SECTION_SWITCH, "bridge id label", "write name = \"lan\"" },
    { SECTION_SWITCH, "nic interface dev device eth0 port physical bridge_ports",
      "write uplink = \"0000:00:03.0\"" },
    { SECTION_SWITCH, "mtu_size host_mtu jumbo jumbo_frames max_frame", "write mtu = 9000" },
    { SECTION_SWITCH, "storm storm_control storm_limit storm_rate broadcast broadcast_rate",
      "write broadcast_limit = 1000" },
    { SECTION_SWITCH, "vlan vlan_id vid tag pvid native_vlan untagged",
      "for the uplink write uplink_vlan = 10; a card has vlan in its [[guest.net]]" },
    { SECTION_SWITCH, "trunk trunks tagged vlans vids bridge_vids",
      "for the uplink write uplink_trunk = [10, 20]; a card has trunk in its [[guest.net]]" },
    { SECTION_SWITCH, "stp spanning_tree rstp bridge_stp",
      "leave it out: a switch has one uplink, so there are no loops" },
    { SECTION_SWITCH, "ip ipv4 address subnet gateway netmask dhcp forward nat",
      "addresses are set inside the guests" },

    { SECTION_GUEST, "vcpus vcpu vcpu_count maxvcpus smp cores ncpus num_cpus cpu sockets "
                     "cpu_count threads",
      "write cpus = 2" },
    { SECTION_GUEST, "ram mem maxmem memsize mem_size memory_mb memory_size ram_size maxmemory "
                     "balloon",
      "write memory = \"512M\"" },
    { SECTION_GUEST, "bzimage vmlinuz linux kernel_image kernel_path image_path multiboot "
                     "os_image binary",
      "write kernel = \"vmlinuz\"" },
    { SECTION_GUEST, "ramdisk initramfs initrd_path rootfs cpio",
      "write initrd = \"initrd.img\"" },
    { SECTION_GUEST, "extra append args bootargs boot_args cmd_line command_line commandline "
                     "kernel_args params kernel_cmdline root options extra_args",
      "write cmdline = \"console=ttyS0\"" },
    { SECTION_GUEST, "module mods", "write modules = [\"FILE ARGUMENTS\"]" },
    { SECTION_GUEST, "bios loader rom ovmf uefi seabios pflash firmware_override",
      "write firmware = \"OVMF.fd\"" },
    { SECTION_GUEST, "onboot auto autoboot auto_start start enabled start_on_boot",
      "write autostart = true" },
    { SECTION_GUEST, "restart reboot on_restart restart_policy action_reboot no_reboot",
      "write on_reboot = \"restart\" or \"stop\"" },
    { SECTION_GUEST, "on_panic crash on_watchdog panic",
      "write on_crash = \"stop\", \"restart\" or \"pause\"" },
    { SECTION_GUEST, "on_poweroff on_shutdown on_stop",
      "a guest that powers off stops; [host] has when_all_stopped" },
    { SECTION_GUEST, "timeout shutdown_timeout stop_grace_period",
      "write stop_timeout = 60" },
    { SECTION_GUEST, "shares cpu_weight cpu_shares cpuunits priority nice", "write weight = 256" },
    { SECTION_GUEST, "cpulimit cpu_limit limit quota cpu_cap", "write cap = 150" },
    { SECTION_GUEST, "cpuset affinity cpu_affinity pcpus cpu_pin pinning cpumap vcpupin",
      "write pin = \"2-3\"" },
    { SECTION_GUEST, "exclusive isolate isolated realtime", "write dedicated = true" },
    { SECTION_GUEST, "id hostname title domain vmname label", "write name = \"web\"" },
    { SECTION_GUEST, "clock localtime rtc_timeoffset time utc",
      "write rtc = \"utc\" or \"local\"" },
    { SECTION_GUEST, "image images drive drives disks hda hdb cdrom iso storage volume volumes "
                     "vbd scsi0 virtio0 sata0 ide0 block file rootdisk",
      "begin a section [[guest.disk]] with file = \"root.img\"" },
    { SECTION_GUEST, "vif vifs nic nics network networks netdev interface interfaces bridge net0 "
                     "switch tap ethernet ports",
      "begin a section [[guest.net]] with switch = \"lan\"" },
    { SECTION_GUEST, "hostpci0 hostdev passthrough pcidev pci_devs pcis vfio device devices",
      "begin a section [[guest.pci]] with device = \"0000:03:00.0\"" },
    { SECTION_GUEST, "serial console tty uart",
      "a guest always has com1; cmdline = \"console=ttyS0\" uses it" },
    { SECTION_GUEST, "type builder ostype os machine arch accel virt pvh hvm",
      "leave it out: what to boot is told by the file's content" },

    { SECTION_DISK, "path image img src source target filename disk name raw iso",
      "write file = \"root.img\"" },
    { SECTION_DISK, "dev phy block physical partition disk_id", "write device = \"serial:...\"" },
    { SECTION_DISK, "ro read_only mode access", "write readonly = true" },
    { SECTION_DISK, "rw writable", "a disk is writable unless readonly = true" },
    { SECTION_DISK, "snapshot persistent cow temporary discard", "write overlay = true or false" },
    { SECTION_DISK, "format type driver", "images are raw; convert with qemu-img convert -O raw" },
    { SECTION_DISK, "if interface controller model",
      "write bus = \"virtio\", \"ahci\" or \"ide\"" },
    { SECTION_DISK, "media cd dvd", "write cdrom = true" },
    { SECTION_DISK, "overlay_size overlay_limit overlay_memory", "write overlay_max = \"256M\"" },
    { SECTION_DISK, "throttling throttle iotune ratelimit rate_limiter limit limits",
      "write rate = \"50M\" (bytes per second) or iops = 500" },
    { SECTION_DISK, "bps bps_total bps_max bandwidth throughput speed mbps mbps_rd mbps_wr "
                    "total_bytes_sec max_rate",
      "write rate = \"50M\"" },
    { SECTION_DISK, "iops_total iops_max iops_rd iops_wr iops_limit total_iops_sec max_iops",
      "write iops = 500" },
    { SECTION_DISK, "serialno serial_number serial_no disk_serial sn wwn vdev",
      "write serial = \"data1\"" },
    { SECTION_DISK, "size capacity", "a disk has the size of its image; truncate changes that" },
    { SECTION_DISK, "cache aio io iothread queues num_queues detect_zeroes write_cache",
      "leave it out: there is nothing to choose" },

    { SECTION_NET, "bridge vif network source name lan link", "write switch = \"lan\"" },
    { SECTION_NET, "macaddr mac_address hwaddr address ether lladdr",
      "write mac = \"52:54:00:12:34:56\"" },
    { SECTION_NET, "type driver card", "write model = \"virtio\"" },
    { SECTION_NET, "ip ipv4 address4 gateway netmask dhcp", "addresses are set inside the guest" },
    { SECTION_NET, "tag vlan_id vlanid vid pvid native_vlan access_vlan untagged",
      "write vlan = 10" },
    { SECTION_NET, "trunks tagged vlans vids trunk_vlans allowed_vlans bridge_vids",
      "write trunk = [10, 20]" },
    { SECTION_NET, "spoof macspoof mac_spoofing spoofing no_mac_filter forged_transmits macfilter "
                   "mac_filter firewall trusted",
      "write any_mac = true to let it send from other addresses" },
    { SECTION_NET, "promisc promiscuous promiscuous_mode trustguestrxfilters",
      "write any_mac = true for a guest that bridges, mirror = true for one that listens" },
    { SECTION_NET, "span monitor sniff sniffer port_mirror mirroring capture",
      "write mirror = true" },
    { SECTION_NET, "bandwidth bandwidth_out outbound egress bps limit rate_limit max_rate rate_out "
                   "rate_tx tx_rate throttle throttling speed average",
      "write rate = \"100Mbit\"" },
    { SECTION_NET, "bandwidth_in inbound ingress rate_rx rx_rate", "write rate_in = \"100Mbit\"" },
    { SECTION_NET, "mtu host_mtu mtu_size", "write mtu = 9000 in the [[switch]]" },
    { SECTION_NET, "queues vectors multiqueue mq vhost script ifname tap backend queue_size",
      "leave it out: there is nothing to choose" },

    { SECTION_PCI, "address addr bdf host slot id dev", "write device = \"0000:03:00.0\"" },
};

/* Whole words only; a word with a blank is none. */
static bool among(const char *words, const char *word)
{
    const size_t len = strlen(word);

    if (len == 0 || strchr(word, ' '))
        return false;
    for (const char *at = words; at; at = strchr(at, ' ')) {
        at += *at == ' ';
        if (strncmp(at, word, len) == 0 && (at[len] == ' ' || at[len] == '\0'))
            return true;
    }
    return false;
}

/* Foreign tools also write key-word and KeyWord; the tables hold key_word. */
static bool plain_form(const char *key, char to[WORD_MAX + 1])
{
    const size_t len = strlen(key);

    if (len > WORD_MAX)
        return false;
    for (size_t i = 0; i <= len; i++)
        to[i] = key[i] == '-' ? '_' : lower(key[i]);
    return true;
}

const char *foreign_key(enum section section, const char *key)
{
    char plain[WORD_MAX + 1];

    if (!plain_form(key, plain))
        return NULL;
    for (unsigned i = 0; i < ARRAY_LEN(foreign_keys); i++)
        if (foreign_keys[i].section == section && among(foreign_keys[i].word, plain))
            return foreign_keys[i].advice;
    return NULL;
}

static const struct {
    const char *key, *word, *right;
} foreign_values[] = {
    { "log", "warning notice", "warn" },
    { "log", "verbose trace all", "debug" },
    { "log", "critical fatal quiet none", "error" },
    { "on_crash", "destroy shutdown poweroff halt off", "stop" },
    { "on_crash", "reboot reset always on-failure", "restart" },
    { "on_crash", "preserve coredump-destroy keep suspend", "pause" },
    { "on_reboot", "reboot reset always", "restart" },
    { "on_reboot", "destroy shutdown poweroff exit off never", "stop" },
    { "when_all_stopped", "shutdown off halt", "poweroff" },
    { "when_all_stopped", "stay prompt none nothing", "wait" },
    { "when_all_stopped", "restart reset", "reboot" },
    { "on_panic", "restart reset", "reboot" },
    { "on_panic", "stop wait hang", "halt" },
    { "rtc", "localtime", "local" },
    { "rtc", "gmt zulu", "utc" },
    { "bus", "scsi sata", "ahci" },
    { "bus", "virtio-blk virtio-blk-pci vd vda virtio-scsi xen nvme", "virtio" },
    { "bus", "pata ata hda", "ide" },
    { "model", "virtio-net virtio-net-pci e1000 e1000e rtl8139 ne2k_pci vmxnet3 netfront",
      "virtio" },
};

/* Exact words: a wrong guess here would be followed literally. */
const char *foreign_value(const char *key, const char *value)
{
    for (unsigned i = 0; i < ARRAY_LEN(foreign_values); i++)
        if (strcmp(foreign_values[i].key, key) == 0 && among(foreign_values[i].word, value))
            return foreign_values[i].right;
    return NULL;
}
