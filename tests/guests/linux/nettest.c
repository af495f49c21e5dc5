/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nettest: TCP and single Ethernet frames in the test guest. Numbers may end in K, M or G;
 * addresses are IPv4. What connects tries for a minute.
 *
 *   recv PORT                    LISTENING, then takes one connection to its end   RECEIVED BYTES CRC
 *   send ADDRESS PORT BYTES SEED sends the pattern, waits until it was taken       SENT BYTES CRC
 *   get ADDRESS PORT             reads a connection to its end                     GOT BYTES CRC
 *   sink PORT                    LISTENING, then reads one connection to its end   SUNK BYTES
 *   pump ADDRESS PORT BYTES      sends zeros, waits until they were taken          PUMPED BYTES TICKS
 *   echo PORT                    LISTENING, then gives each byte back              ECHOED BYTES
 *   trips ADDRESS PORT COUNT     so many bytes there and back, one by one          TRIPS COUNT TICKS
 *
 *   frames INTERFACE SOURCE TO BYTES COUNT [VLAN]   sends Ethernet frames of so many bytes from the
 *                                address SOURCE ("own": its own), tagged if VLAN     FRAMES COUNT
 *   end INTERFACE [VLAN]         tells every `watch` that all is sent              END
 *   watch INTERFACE              WATCHING, counts such frames until `end` comes;
 *                                for each kind SAW SOURCE BYTES VLAN COUNT, then   WATCHED
 *
 * Ticks are of the TSC. Checksums are CRC-32. A byte back says that all was taken.
 */
#define _GNU_SOURCE
#include "pattern.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CHUNK = 1 << 16, TRIES = 300, TRY_US = 200000, WARM_UP = 64,
    ETHERTYPE = 0x88b5,                 /* local experimental (IEEE 802, 9.2.4) */
    ETHERTYPE_END = 0x88b6,             /* the other one of these two */
    ETHERTYPE_VLAN = 0x8100, FRAME_MAX = 65536, KINDS = 64,
};

static uint8_t buffer[CHUNK] __attribute__((aligned(8)));

static void no_delay(int fd)
{
    int one = 1;
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)))
        die("TCP_NODELAY");
}

static int accept_one(const char *port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)number(port)) };
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1, peer;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
        bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 1))
        die("listen");
    puts("LISTENING");
    peer = accept(fd, NULL, NULL);
    if (peer < 0)
        die("accept");
    close(fd);
    no_delay(peer);
    return peer;
}

static int connect_to(const char *address, const char *port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)number(port)) };
    if (inet_pton(AF_INET, address, &a.sin_addr) != 1)
        die(address);
    for (int i = 0; i < TRIES; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (fd < 0)
            die("socket");
        if (!connect(fd, (struct sockaddr *)&a, sizeof(a))) {
            no_delay(fd);
            return fd;
        }
        close(fd);
        usleep(TRY_US);
    }
    die("connect");
}

static void send_all(int fd, const uint8_t *data, size_t len)
{
    while (len) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n <= 0)
            die("send");
        data += n;
        len -= (size_t)n;
    }
}

static void taken(int fd)
{
    char byte;
    if (shutdown(fd, SHUT_WR) || recv(fd, &byte, 1, 0) != 1)
        die("the peer's answer");
}

/* Reads to the end. crc: null for none. */
static uint64_t take(int fd, uint32_t *crc)
{
    uint64_t total = 0;
    for (;;) {
        ssize_t n = recv(fd, buffer, sizeof(buffer), 0);
        if (n < 0)
            die("recv");
        if (!n)
            return total;
        if (crc)
            *crc = crc32(*crc, buffer, (size_t)n);
        total += (uint64_t)n;
    }
}

static int receive(const char *port)
{
    int fd = accept_one(port);
    uint32_t crc = 0;
    uint64_t total = take(fd, &crc);
    send_all(fd, (const uint8_t *)"", 1);
    printf("RECEIVED %llu %08x\n", (unsigned long long)total, crc);
    return 0;
}

static int get(const char *address, const char *port)
{
    uint32_t crc = 0;
    uint64_t total = take(connect_to(address, port), &crc);
    printf("GOT %llu %08x\n", (unsigned long long)total, crc);
    return 0;
}

static int send_pattern(const char *address, const char *port, uint64_t bytes, uint64_t seed)
{
    int fd = connect_to(address, port);
    struct pattern p;
    uint32_t crc = 0;
    pattern_start(&p, seed);
    for (uint64_t done = 0; done < bytes; done += CHUNK) {
        pattern_next(&p, buffer, CHUNK);
        send_all(fd, buffer, CHUNK);
        crc = crc32(crc, buffer, CHUNK);
    }
    taken(fd);
    printf("SENT %llu %08x\n", (unsigned long long)bytes, crc);
    return 0;
}

static int sink(const char *port)
{
    int fd = accept_one(port);
    uint64_t total = take(fd, NULL);
    send_all(fd, (const uint8_t *)"", 1);
    printf("SUNK %llu\n", (unsigned long long)total);
    return 0;
}

static int pump(const char *address, const char *port, uint64_t bytes)
{
    int fd = connect_to(address, port);
    uint64_t start = rdtsc();
    for (uint64_t done = 0; done < bytes; done += CHUNK)
        send_all(fd, buffer, CHUNK);
    taken(fd);
    printf("PUMPED %llu %llu\n", (unsigned long long)bytes, (unsigned long long)(rdtsc() - start));
    return 0;
}

static int echo(const char *port)
{
    int fd = accept_one(port);
    uint64_t total = 0;
    uint8_t byte;
    while (recv(fd, &byte, 1, 0) == 1) {
        send_all(fd, &byte, 1);
        total++;
    }
    printf("ECHOED %llu\n", (unsigned long long)total);
    return 0;
}

static int trips(const char *address, const char *port, uint64_t count)
{
    int fd = connect_to(address, port);
    uint64_t start = 0;
    for (uint64_t i = 0; i < WARM_UP + count; i++) {
        uint8_t byte = (uint8_t)i, back = (uint8_t)~byte;
        if (i == WARM_UP)
            start = rdtsc();
        if (send(fd, &byte, 1, MSG_NOSIGNAL) != 1 || recv(fd, &back, 1, 0) != 1 || back != byte)
            die("round trip");
    }
    printf("TRIPS %llu %llu\n", (unsigned long long)count, (unsigned long long)(rdtsc() - start));
    return 0;
}

/* ---- Ethernet frames -------------------------------------------------------------------- */

static int packet_socket(const char *interface, uint16_t type)
{
    struct sockaddr_ll a = { .sll_family = AF_PACKET, .sll_protocol = htons(type),
                             .sll_ifindex = (int)if_nametoindex(interface) };
    int fd = socket(AF_PACKET, SOCK_RAW, htons(type));
    if (fd < 0 || !a.sll_ifindex || bind(fd, (struct sockaddr *)&a, sizeof(a)))
        die(interface);
    return fd;
}

static void parse_mac(uint8_t mac[6], const char *text, int fd, const char *interface)
{
    struct ifreq r = { 0 };
    if (!strcmp(text, "own")) {
        snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", interface);
        if (ioctl(fd, SIOCGIFHWADDR, &r))
            die("SIOCGIFHWADDR");
        memcpy(mac, r.ifr_hwaddr.sa_data, 6);
    } else if (sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3],
                      &mac[4], &mac[5]) != 6) {
        printf("FAILED %s is no MAC address\n", text);
        exit(2);
    }
}

static uint8_t *put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
    return p + 2;
}

/* vlan: 0 for an untagged frame. The length counts everything but the frame check sequence. */
static int frames(const char *interface, const char *const *word, unsigned type, unsigned vlan)
{
    static uint8_t frame[FRAME_MAX];
    int fd = packet_socket(interface, ETHERTYPE);
    uint64_t bytes = number(word[2]), count = number(word[3]);
    uint8_t *p = frame + 12;
    parse_mac(frame + 6, word[0], fd, interface);
    parse_mac(frame, word[1], fd, interface);
    if (vlan)
        p = put16(put16(p, ETHERTYPE_VLAN), vlan);
    put16(p, type);
    for (uint64_t i = 0; i < count; i++) {
        ssize_t n = send(fd, frame, bytes, 0);
        if (n < 0 && errno == ENOBUFS) {        /* the queue is full */
            usleep(1000);
            i--;
        } else if (n != (ssize_t)bytes) {
            die("send");
        }
    }
    if (type == ETHERTYPE)
        printf("FRAMES %llu\n", (unsigned long long)count);
    return 0;
}

static int end(const char *interface, unsigned vlan)
{
    static const char *const word[] = { "own", "ff:ff:ff:ff:ff:ff", "64", "1" };
    frames(interface, word, ETHERTYPE_END, vlan);
    puts("END");
    return 0;
}

/* A received frame and, if it had a tag, which: the kernel takes tags off. */
static ssize_t next_frame(int fd, uint8_t *frame, int *vlan)
{
    union { struct cmsghdr head; uint8_t space[CMSG_SPACE(sizeof(struct tpacket_auxdata))]; } control;
    struct iovec part = { frame, FRAME_MAX };
    struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control,
                        .msg_controllen = sizeof(control) };
    struct sockaddr_ll from;
    ssize_t len;
    do {
        m.msg_name = &from;
        m.msg_namelen = sizeof(from);
        m.msg_controllen = sizeof(control);
        len = recvmsg(fd, &m, 0);
        if (len < 0)
            die("recvmsg");
    } while (from.sll_pkttype == PACKET_OUTGOING);
    *vlan = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
        struct tpacket_auxdata aux;
        memcpy(&aux, CMSG_DATA(c), sizeof(aux));
        if (c->cmsg_type == PACKET_AUXDATA && aux.tp_status & TP_STATUS_VLAN_VALID)
            *vlan = aux.tp_vlan_tci & 0xfff;
    }
    return len;
}

/* Takes whatever arrives, for other addresses and of VLANs that the device would filter. */
static void promiscuous(int fd, const char *interface)
{
    struct packet_mreq m = { .mr_ifindex = (int)if_nametoindex(interface), .mr_type = PACKET_MR_PROMISC };
    int one = 1;
    if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &m, sizeof(m)) ||
        setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one)))
        die("PACKET_ADD_MEMBERSHIP");
}

/* With ETH_P_ALL, not the protocols: those would miss tagged frames. */
static int watch(const char *interface)
{
    static struct { uint8_t source[6]; ssize_t len; int vlan; uint64_t count; } kind[KINDS];
    static uint8_t frame[FRAME_MAX];
    int fd = packet_socket(interface, 3 /* ETH_P_ALL */), vlan, kinds = 0, k;
    promiscuous(fd, interface);
    puts("WATCHING");
    for (;;) {
        ssize_t len = next_frame(fd, frame, &vlan);
        unsigned type = (unsigned)(frame[12] << 8 | frame[13]);
        if (type == ETHERTYPE_END)
            break;
        if (type != ETHERTYPE)
            continue;
        for (k = 0; k < kinds; k++)
            if (!memcmp(kind[k].source, frame + 6, 6) && kind[k].len == len && kind[k].vlan == vlan)
                break;
        if (k == KINDS)
            continue;
        memcpy(kind[k].source, frame + 6, 6);
        kind[k].len = len;
        kind[k].vlan = vlan;
        kind[k].count++;
        kinds += k == kinds;
    }
    for (k = 0; k < kinds; k++) {
        const uint8_t *s = kind[k].source;
        printf("SAW %02x:%02x:%02x:%02x:%02x:%02x %zd %d %llu\n", s[0], s[1], s[2], s[3], s[4], s[5],
               kind[k].len, kind[k].vlan, (unsigned long long)kind[k].count);
    }
    puts("WATCHED");
    return 0;
}

int main(int argc, char **argv)
{
    const char *command = argc > 2 ? argv[1] : "";
    char **a = argv + 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    switch (argc - 2) {
    case 1:
        if (!strcmp(command, "recv"))  return receive(a[0]);
        if (!strcmp(command, "sink"))  return sink(a[0]);
        if (!strcmp(command, "echo"))  return echo(a[0]);
        if (!strcmp(command, "end"))   return end(a[0], 0);
        if (!strcmp(command, "watch")) return watch(a[0]);
        break;
    case 2:
        if (!strcmp(command, "get"))   return get(a[0], a[1]);
        if (!strcmp(command, "end"))   return end(a[0], (unsigned)number(a[1]));
        break;
    case 3:
        if (!strcmp(command, "pump"))  return pump(a[0], a[1], number(a[2]));
        if (!strcmp(command, "trips")) return trips(a[0], a[1], number(a[2]));
        break;
    case 4:
        if (!strcmp(command, "send"))  return send_pattern(a[0], a[1], number(a[2]), number(a[3]));
        break;
    case 5:
    case 6:
        if (!strcmp(command, "frames"))
            return frames(a[0], (const char *const *)a + 1, ETHERTYPE, argc == 8 ? (unsigned)number(a[5]) : 0);
        break;
    }
    puts("FAILED no such command; see nettest.c");
    return 2;
}
