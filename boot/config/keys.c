/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The key table itself. To add a key: a member in socle/config.h, a row here, a line in
 * docs/config.md (a test compares), and a reader in values_*.c if it has a new type.
 */
#include "keys.h"

#include "socle/fmt.h"
#include "socle/str.h"

/* In the order of the enums in socle/config.h and socle/log.h. */
static const char *const log_words[]     = { "error", "warn", "info", "debug", NULL };
static const char *const stopped_words[] = { "wait", "poweroff", "reboot", NULL };
static const char *const panic_words[]   = { "halt", "reboot", NULL };
static const char *const rtc_words[]     = { "utc", "local", NULL };
static const char *const reboot_words[]  = { "restart", "stop", NULL };
static const char *const crash_words[]   = { "stop", "restart", "pause", NULL };
static const char *const bus_words[]     = { "virtio", "ahci", "ide", NULL };
static const char *const model_words[]   = { "virtio", NULL };

_Static_assert(LOG_DEBUG == 3 && CONFIG_STOPPED_REBOOT == 2 && CONFIG_PANIC_REBOOT == 1 &&
               CONFIG_RTC_LOCAL == 1 && CONFIG_REBOOT_STOP == 1 && CONFIG_CRASH_PAUSE == 2 &&
               CONFIG_BUS_IDE == 2 && CONFIG_NIC_VIRTIO == 0, "the words follow the enums");

/* Sections are rows as well: their names take part in suggestions. */
static const struct key_spec top_keys[] = {
    { .name = "version", .type = VALUE_NUMBER, .min = 1, .max = 1, .landed = true,
      .def = "1", .example = "1",
      .text = "version of the configuration language" },
    { .name = "host", .type = VALUE_TABLE, .landed = true, .def_text = "all defaults",
      .text = "settings of the machine; at most one section" },
    { .name = "switch", .type = VALUE_TABLES, .max = CONFIG_SWITCH_MAX, .landed = true,
      .def_text = "none",
      .text = "a network switch inside the hypervisor; one section each" },
    { .name = "guest", .type = VALUE_TABLES, .max = CONFIG_GUESTS_MAX, .landed = true,
      .def_text = "none",
      .text = "a virtual machine; one section each" },
};

#define HOST(member) .offset = offsetof(struct config_host, member)
/* Every one of these is a boot option, too (options.c). */
static const struct key_spec host_keys[] = {
    { .name = "console", .id = HOST_CONSOLE, .type = VALUE_CONSOLES, .landed = true,
      .def_text = "the firmware's console (SPCR), else all that answer",
      .example = "[\"com1\", \"vga\"]",
      .text = "where the console is: com1 to com4, an I/O port such as \"0x3f8\", vga (screen "
              "and keyboard)" },
    { .name = "baud", .id = HOST_BAUD, .type = VALUE_BAUD, .min = 50, .max = 115200,
      HOST(baud), .landed = true, .def = "115200", .example = "115200",
      .text = "speed of the serial console in bits per second; divides 115200" },
    { .name = "log", .id = HOST_LOG, .type = VALUE_WORD, .words = log_words, HOST(log),
      .landed = true, .def = "info", .example = "\"info\"",
      .text = "the least important messages that are shown" },
    { .name = "cpus", .id = HOST_CPUS, .type = VALUE_CPUS, HOST(cpus), .def = "all",
      .example = "\"0-3,6\"", .instead = "all are used",
      .text = "physical CPUs that are used" },
    { .name = "when_all_stopped", .id = HOST_WHEN_ALL_STOPPED, .type = VALUE_WORD,
      .words = stopped_words, HOST(when_all_stopped), .landed = true, .def = "wait",
      .example = "\"poweroff\"", .text = "what the machine does once no guest runs any more" },
    { .name = "on_panic", .id = HOST_ON_PANIC, .type = VALUE_WORD, .words = panic_words,
      HOST(on_panic), .landed = true, .def = "halt", .example = "\"reboot\"",
      .text = "what the machine does after an error of the hypervisor itself" },
    { .name = "escape", .id = HOST_ESCAPE, .type = VALUE_ESCAPE, HOST(escape), .landed = true,
      .def = "^]", .example = "\"^]\"",
      .text = "the control key that opens the prompt from a guest's console" },
    { .name = "rtc", .id = HOST_RTC, .type = VALUE_WORD, .words = rtc_words, HOST(rtc),
      .landed = true, .def = "utc", .example = "\"utc\"",
      .text = "what the machine's clock holds: UTC or local time" },
};

#define SWITCH(member) .offset = offsetof(struct config_switch, member)
static const struct key_spec switch_keys[] = {
    { .name = "name", .id = SWITCH_NAME, .type = VALUE_NAME, SWITCH(name), .required = true,
      .landed = true, .example = "\"lan\"",
      .text = "unique; a-z, 0-9 and -, at most 31 characters" },
    { .name = "uplink", .id = SWITCH_UPLINK, .type = VALUE_UPLINK, .landed = true,
      .def_text = "none", .example = "\"0000:00:03.0\"",
      .text = "a physical network card that joins the switch: PCI address or MAC" },
    { .name = "mtu", .id = SWITCH_MTU, .type = VALUE_NUMBER, .min = 576, .max = 9216, SWITCH(mtu),
      .landed = true, .def = "1500", .example = "9000",
      .text = "longest packet in bytes, without Ethernet header and VLAN tag" },
    { .name = "broadcast_limit", .id = SWITCH_BROADCAST_LIMIT, .type = VALUE_NUMBER,
      .max = 1000000, SWITCH(broadcast_limit), .landed = true, .def = "1000", .example = "200",
      .text = "broadcast, multicast and unknown frames a port may send a second; 0: no limit" },
    { .name = "uplink_vlan", .id = SWITCH_UPLINK_VLAN, .type = VALUE_VLAN, .max = CONFIG_VLAN_MAX,
      SWITCH(uplink_vlan), .landed = true, .def = "0", .example = "10",
      .text = "VLAN of the frames that have no tag on the uplink; 0: none" },
    { .name = "uplink_trunk", .id = SWITCH_UPLINK_TRUNK, .type = VALUE_VLANS,
      SWITCH(uplink_trunk_vlan), .landed = true, .def_text = "none", .example = "[10, 20]",
      .text = "VLANs whose frames go over the uplink with their tag" },
};

#define GUEST(member) .offset = offsetof(struct guest_config, member)
static const struct key_spec guest_keys[] = {
    { .name = "name", .id = GUEST_NAME, .type = VALUE_NAME, GUEST(name), .required = true,
      .landed = true, .example = "\"web\"",
      .text = "unique; a-z, 0-9 and -, at most 31 characters" },
    { .name = "cpus", .id = GUEST_CPUS, .type = VALUE_NUMBER, .min = 1,
      .max = CONFIG_VCPUS_MAX, GUEST(cpus), .def = "1", .example = "2",
      .instead = "the guest runs with 1 virtual CPU", .text = "virtual CPUs" },
    { .name = "memory", .id = GUEST_MEMORY, .type = VALUE_SIZE, .min = 2, .max = 64u << 20,
      GUEST(memory), .required = true, .landed = true, .example = "\"512M\"",
      .text = "RAM; K, M, G, T are powers of 1024" },
    { .name = "kernel", .id = GUEST_KERNEL, .type = VALUE_FILE, GUEST(kernel), .landed = true,
      .def_text = "none; a guest has this or firmware", .example = "\"vmlinuz\"",
      .text = "Linux bzImage, ELF with PVH note, Multiboot 1 or 2: told apart by content" },
    { .name = "initrd", .id = GUEST_INITRD, .type = VALUE_FILES, .max = CONFIG_INITRD_MAX,
      .landed = true, .def_text = "none", .example = "\"initrd.img\"",
      .text = "Linux: first file system, one file or a list that is concatenated" },
    { .name = "modules", .id = GUEST_MODULES, .type = VALUE_MODULES, .max = CONFIG_MODULE_MAX,
      .def_text = "none", .example = "[\"vmlinuz console=hvc0\", \"ird.gz\"]",
      .instead = "the kernel starts without them",
      .text = "Multiboot kernels: modules, each a file and then its string" },
    { .name = "cmdline", .id = GUEST_CMDLINE, .type = VALUE_TEXT, GUEST(cmdline),
      .landed = true, .def_text = "empty", .example = "\"console=ttyS0\"",
      .text = "the kernel's command line" },
    { .name = "firmware", .id = GUEST_FIRMWARE, .type = VALUE_FILE, GUEST(firmware),
      .def_text = "none; a guest has this or kernel", .example = "\"OVMF.fd\"",
      .harm = "nothing would be left to boot",
      .text = "SeaBIOS, U-Boot or OVMF instead of a kernel; boots the guest's disks and CDs" },
    { .name = "autostart", .id = GUEST_AUTOSTART, .type = VALUE_BOOL, GUEST(autostart),
      .landed = true, .def = "true", .example = "false",
      .text = "whether the guest starts with the machine" },
    { .name = "on_reboot", .id = GUEST_ON_REBOOT, .type = VALUE_WORD, .words = reboot_words,
      GUEST(on_reboot), .landed = true, .def = "restart", .example = "\"stop\"",
      .text = "what happens when the guest resets itself" },
    { .name = "on_crash", .id = GUEST_ON_CRASH, .type = VALUE_WORD, .words = crash_words,
      GUEST(on_crash), .landed = true, .def = "stop", .example = "\"restart\"",
      .text = "what happens when the guest crashes; restarts wait 1 s, doubling to 60 s" },
    { .name = "stop_timeout", .id = GUEST_STOP_TIMEOUT, .type = VALUE_NUMBER, .min = 1,
      .max = 86400, GUEST(stop_timeout), .landed = true, .def = "60", .example = "120",
      .text = "seconds `stop` waits after pressing the power button" },
    { .name = "weight", .id = GUEST_WEIGHT, .type = VALUE_NUMBER, .min = 1, .max = 65535,
      GUEST(weight), .landed = true, .def = "256", .example = "512",
      .text = "the guest's share of CPU time against the other guests'" },
    { .name = "cap", .id = GUEST_CAP, .type = VALUE_NUMBER, .max = 100 * CONFIG_VCPUS_MAX,
      GUEST(cap), .def = "0", .example = "150", .instead = "the guest's CPU time is not limited",
      .text = "most CPU time, in percent of one physical CPU over all vCPUs; 0: no limit" },
    { .name = "pin", .id = GUEST_PIN, .type = VALUE_CPUS, GUEST(pin), .def = "all",
      .example = "\"2-3\"", .instead = "the guest may use every CPU",
      .text = "physical CPUs the guest may use" },
    { .name = "dedicated", .id = GUEST_DEDICATED, .type = VALUE_BOOL, GUEST(dedicated),
      .def = "false", .example = "true", .harm = "other guests would share its CPUs",
      .text = "no other guest runs on the CPUs of pin" },
    { .name = "uuid", .id = GUEST_UUID, .type = VALUE_UUID, .landed = true,
      .def_text = "derived from the machine and the name, stable",
      .example = "\"6f1c2d3e-4b5a-4978-8a9b-0c1d2e3f4a5b\"",
      .text = "the machine's identity as the guest sees it" },
    { .name = "rtc", .id = GUEST_RTC, .type = VALUE_WORD, .words = rtc_words, GUEST(rtc),
      .landed = true, .def = "utc", .example = "\"local\"",
      .text = "what the guest's clock chip holds: UTC or local time" },
    { .name = "disk", .id = GUEST_DISK, .type = VALUE_TABLES, .max = CONFIG_DISKS_MAX,
      .landed = true, .def_text = "none",
      .text = "a disk or CD drive; one section each" },
    { .name = "net", .id = GUEST_NET, .type = VALUE_TABLES, .max = CONFIG_NETS_MAX,
      .landed = true, .def_text = "none",
      .text = "a network card; one section each" },
    { .name = "pci", .id = GUEST_PCI, .type = VALUE_TABLES, .max = CONFIG_PCIS_MAX,
      .def_text = "none", .harm = "the guest would run without its device",
      .text = "a physical device given to the guest; one section each" },
};

#define DISK(member) .offset = offsetof(struct config_disk, member)
/* Defaults that depend on other keys are resolved in schema.c. */
static const struct key_spec disk_keys[] = {
    { .name = "file", .id = DISK_FILE, .type = VALUE_FILE, DISK(file), .landed = true,
      .def_text = "none; a disk has this or device", .example = "\"root.img\"",
      .text = "raw image, held in RAM" },
    { .name = "device", .id = DISK_DEVICE, .type = VALUE_DEVICE, .landed = true,
      .def_text = "none; a disk has this or file", .example = "\"serial:S4EVNX0R\"",
      .text = "real disk or partition: PARTUUID=..., serial:... or a name such as nvme0n1p2" },
    { .name = "readonly", .id = DISK_READONLY, .type = VALUE_BOOL, DISK(readonly),
      .landed = true, .def = "false", .example = "true",
      .text = "the guest cannot write" },
    { .name = "overlay", .id = DISK_OVERLAY, .type = VALUE_BOOL, DISK(overlay), .landed = true,
      .def_text = "true for a writable file, else false", .example = "false",
      .text = "writes go to RAM and are discarded when the guest stops" },
    { .name = "overlay_max", .id = DISK_OVERLAY_MAX, .type = VALUE_SIZE, .min = 1,
      .max = 64u << 20, DISK(overlay_max), .landed = true,
      .def_text = "a quarter of the guest's memory",
      .example = "\"256M\"", .text = "most RAM the overlay may take" },
    { .name = "bus", .id = DISK_BUS, .type = VALUE_WORD, .words = bus_words, DISK(bus),
      .landed = true, .words_landed = CONFIG_BUS_VIRTIO + 1, .harm = "the guest would lack its disk",
      .def = "virtio", .def_text = "\"virtio\"; \"ahci\" for CDs", .example = "\"virtio\"",
      .text = "the controller the guest sees" },
    { .name = "cdrom", .id = DISK_CDROM, .type = VALUE_BOOL, DISK(cdrom), .def = "false",
      .example = "true", .harm = "the guest would lack its disk",
      .text = "a CD drive with an ISO image; read-only" },
    { .name = "rate", .id = DISK_RATE, .type = VALUE_BYTE_RATE, .min = 64, .max = 1u << 30,
      DISK(rate), .landed = true, .def_text = "no limit", .example = "\"50M\"",
      .text = "bytes the guest may read and write a second; K, M, G are powers of 1024" },
    { .name = "iops", .id = DISK_IOPS, .type = VALUE_NUMBER, .max = 10000000, DISK(iops),
      .landed = true, .def = "0", .example = "500",
      .text = "requests the guest may make a second; 0: no limit" },
    { .name = "serial", .id = DISK_SERIAL, .type = VALUE_SERIAL, DISK(serial), .landed = true,
      .def_text = "the guest's name and the disk's number, such as web-disk0",
      .example = "\"data1\"", .text = "the serial number that the guest sees" },
};

#define NET(member) .offset = offsetof(struct config_net, member)
static const struct key_spec net_keys[] = {
    { .name = "switch", .id = NET_SWITCH, .type = VALUE_NAME, NET(sw), .required = true,
      .landed = true, .example = "\"lan\"", .text = "name of the [[switch]] the card is plugged into" },
    { .name = "mac", .id = NET_MAC, .type = VALUE_MAC, .landed = true,
      .example = "\"52:54:00:12:34:56\"",
      .def_text = "derived from the machine, the guest's name and the card's number",
      .text = "hardware address" },
    { .name = "model", .id = NET_MODEL, .type = VALUE_WORD, .words = model_words, NET(model),
      .landed = true, .def = "virtio", .example = "\"virtio\"",
      .text = "the card the guest sees" },
    { .name = "vlan", .id = NET_VLAN, .type = VALUE_VLAN, .max = CONFIG_VLAN_MAX, NET(vlan),
      .landed = true, .def = "0", .example = "10",
      .text = "VLAN of the frames that the guest sends and receives without tag; 0: none" },
    { .name = "trunk", .id = NET_TRUNK, .type = VALUE_VLANS, NET(trunk_vlan), .landed = true,
      .def_text = "none", .example = "[10, 20]",
      .text = "VLANs whose frames the guest sends and receives with their tag" },
    { .name = "any_mac", .id = NET_ANY_MAC, .type = VALUE_BOOL, NET(any_mac), .landed = true,
      .def = "false", .example = "true",
      .text = "the guest may send from other addresses than its own, as one that bridges does" },
    { .name = "mirror", .id = NET_MIRROR, .type = VALUE_BOOL, NET(mirror), .landed = true,
      .def = "false", .example = "true",
      .text = "the guest gets a copy of every frame on the switch, and sends none" },
    { .name = "rate", .id = NET_RATE, .type = VALUE_BIT_RATE, .min = 64, .max = 1000000000,
      NET(rate), .landed = true, .def_text = "no limit", .example = "\"100Mbit\"",
      .text = "bits the guest may send a second; Kbit, Mbit, Gbit are powers of 1000" },
    { .name = "rate_in", .id = NET_RATE_IN, .type = VALUE_BIT_RATE, .min = 64, .max = 1000000000,
      NET(rate_in), .landed = true, .def_text = "no limit", .example = "\"100Mbit\"",
      .text = "bits the guest may receive a second" },
};

static const struct key_spec pci_keys[] = {
    { .name = "device", .id = PCI_DEVICE, .type = VALUE_PCI, .required = true,
      .offset = offsetof(struct config_pci, device), .example = "\"0000:03:00.0\"",
      .text = "PCI address; the device is reached through the IOMMU" },
};

_Static_assert(ARRAY_LEN(host_keys) == HOST_KEYS && ARRAY_LEN(switch_keys) == SWITCH_KEYS &&
               ARRAY_LEN(guest_keys) == GUEST_KEYS && ARRAY_LEN(disk_keys) == DISK_KEYS &&
               ARRAY_LEN(net_keys) == NET_KEYS && ARRAY_LEN(pci_keys) == PCI_KEYS,
               "every key has its row");

const struct section_spec section_specs[SECTION_COUNT] = {
    [SECTION_TOP]    = { "", "", " at the top of the file",
                         top_keys, ARRAY_LEN(top_keys) },
    [SECTION_HOST]   = { "host", "[host]", " in [host]",
                         host_keys, ARRAY_LEN(host_keys) },
    [SECTION_SWITCH] = { "switch", "[[switch]]", " in [[switch]]",
                         switch_keys, ARRAY_LEN(switch_keys) },
    [SECTION_GUEST]  = { "guest", "[[guest]]", " in [[guest]]",
                         guest_keys, ARRAY_LEN(guest_keys) },
    [SECTION_DISK]   = { "guest.disk", "[[guest.disk]]", " in [[guest.disk]]",
                         disk_keys, ARRAY_LEN(disk_keys) },
    [SECTION_NET]    = { "guest.net", "[[guest.net]]", " in [[guest.net]]",
                         net_keys, ARRAY_LEN(net_keys) },
    [SECTION_PCI]    = { "guest.pci", "[[guest.pci]]", " in [[guest.pci]]",
                         pci_keys, ARRAY_LEN(pci_keys) },
};

const struct key_spec *key_find(enum section section, const char *name)
{
    const struct section_spec *s = &section_specs[section];

    for (uint32_t i = 0; i < s->keys; i++)
        if (strcmp(s->key[i].name, name) == 0)
            return &s->key[i];
    return NULL;
}
