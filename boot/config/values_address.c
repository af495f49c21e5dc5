/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Values of fixed shape: UUIDs, MAC addresses, PCI addresses. Called through
 * read_value(). Near misses (other separators, a PCI address without its segment) are
 * given back in the right form.
 */
#include "socle/fmt.h"
#include "socle/str.h"
#include "values.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        return (c | 0x20) - 'a' + 10;
    return -1;
}

/*
 * Reads text shaped like `pattern`, in which 'h' stands for any hexadecimal digit; the
 * digits go to digits[] one by one. False when the text differs or goes on.
 */
static bool match(const char *text, const char *pattern, uint8_t *digits)
{
    for (; *pattern; pattern++, text++) {
        if (*pattern == 'h') {
            const int digit = hex_digit(*text);
            if (digit < 0)
                return false;
            *digits++ = (uint8_t)digit;
        } else if (*pattern != *text) {
            return false;
        }
    }
    return *text == '\0';
}

static void join_bytes(const uint8_t *digits, uint8_t *bytes, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        bytes[i] = (uint8_t)(digits[2 * i] << 4 | digits[2 * i + 1]);
}

bool read_uuid(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
               struct guest_config *to)
{
    uint8_t digits[32];

    if (n->type != TOML_STRING)
        return read_wrong_type(r, spec, n);
    if (!match(n->u.str.text, "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh", digits))
        return read_error(r, n->pos, "uuid = \"%.40s\" is no UUID; write 32 hexadecimal digits "
                                     "such as %s", n->u.str.text, spec->example);
    join_bytes(digits, to->uuid, 16);
    to->has_uuid = true;
    return true;
}

static bool is_mac(const char *text, uint8_t mac[6])
{
    uint8_t digits[12];

    if (!match(text, "hh:hh:hh:hh:hh:hh", digits))
        return false;
    join_bytes(digits, mac, 6);
    return true;
}

/* Bit 0 of the first byte marks group addresses, which no card may have (IEEE 802, 8.2.2). */
static bool check_mac(struct reader *r, const struct key_spec *spec, struct config_pos pos,
                      const uint8_t mac[6])
{
    static const uint8_t zero[6];

    if (mac[0] & 1)
        return read_error(r, pos, "%s: a card's address cannot begin with %02x (a group "
                                  "address); %02x would do", spec->name, mac[0], mac[0] & 0xfe);
    if (memcmp(mac, zero, sizeof(zero)) == 0)
        return read_error(r, pos, "%s: all zero is no address", spec->name);
    return true;
}

bool read_mac(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
              uint8_t to[6])
{
    uint8_t digits[12], mac[6];

    if (n->type != TOML_STRING)
        return read_wrong_type(r, spec, n);
    if (is_mac(n->u.str.text, mac)) {
        if (!check_mac(r, spec, n->pos, mac))
            return false;
        memcpy(to, mac, sizeof(mac));
        return true;
    }
    if (match(n->u.str.text, "hh-hh-hh-hh-hh-hh", digits) ||
        match(n->u.str.text, "hhhh.hhhh.hhhh", digits) ||
        match(n->u.str.text, "hhhhhhhhhhhh", digits)) {
        join_bytes(digits, mac, 6);
        return read_error(r, n->pos, "%s = \"%.40s\": did you mean "
                                     "\"%02x:%02x:%02x:%02x:%02x:%02x\"?", spec->name,
                          n->u.str.text, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
    }
    return read_error(r, n->pos, "%s = \"%.40s\" is no MAC address; write six bytes such as "
                                 "\"52:54:00:12:34:56\"", spec->name, n->u.str.text);
}

static bool is_pci(const char *text, struct config_pci_addr *to)
{
    uint8_t d[9];

    if (!match(text, "hhhh:hh:hh.h", d))
        return false;
    *to = (struct config_pci_addr){
        .segment  = (uint16_t)(d[0] << 12 | d[1] << 8 | d[2] << 4 | d[3]),
        .bus      = (uint8_t)(d[4] << 4 | d[5]),
        .device   = (uint8_t)(d[6] << 4 | d[7]),
        .function = d[8],
    };
    return true;
}

bool read_pci(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
              struct config_pci_addr *to)
{
    struct config_pci_addr addr;
    uint8_t digits[5];

    if (n->type != TOML_STRING)
        return read_wrong_type(r, spec, n);
    if (match(n->u.str.text, "hh:hh.h", digits))
        return read_error(r, n->pos, "%s = \"%.40s\": did you mean \"0000:%s\"?", spec->name,
                          n->u.str.text, n->u.str.text);
    if (!is_pci(n->u.str.text, &addr))
        return read_error(r, n->pos, "%s = \"%.40s\" is no PCI address; write "
                                     "segment:bus:device.function such as \"0000:03:00.0\"",
                          spec->name, n->u.str.text);
    if (addr.device > 31 || addr.function > 7)
        return read_error(r, n->pos, "%s = \"%s\": PCI device numbers end at 1f, functions at 7",
                          spec->name, n->u.str.text);
    *to = addr;
    return true;
}

bool read_uplink(struct reader *r, const struct key_spec *spec, const struct toml_node *n,
                 struct config_switch *to)
{
    if (n->type != TOML_STRING)
        return read_wrong_type(r, spec, n);
    if (strchr(n->u.str.text, '.')) {
        if (!read_pci(r, spec, n, &to->uplink_pci))
            return false;
        to->uplink = CONFIG_UPLINK_PCI;
        return true;
    }
    if (!strchr(n->u.str.text, ':') && !strchr(n->u.str.text, '-'))
        return read_error(r, n->pos, "uplink = \"%.40s\" is neither a PCI address such as "
                                     "\"0000:00:03.0\" nor a MAC address", n->u.str.text);
    if (!read_mac(r, spec, n, to->uplink_mac))
        return false;
    to->uplink = CONFIG_UPLINK_MAC;
    return true;
}
