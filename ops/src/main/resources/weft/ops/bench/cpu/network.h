/* A NIC that is there once load_modules() was called: the guest is .2 of a network of 24 bits, the
   host .1, as BenchNetwork has it. */
#ifndef WEFT_BENCH_NETWORK_H
#define WEFT_BENCH_NETWORK_H

#include "devices.h"

#define SYS_socket 198
#define AF_INET 2
#define SOCK_DGRAM 2
#define SIOCSIFFLAGS 0x8914
#define SIOCSIFADDR 0x8916
#define SIOCSIFNETMASK 0x891c
#define IFF_UP 1

#define NETWORK 10, 99, 0

struct address {
    u16 family;
    u8 port[2];
    u8 address[4];
    u8 zero[8];
};

struct request {
    char name[16];
    union {
        struct address address;
        u16 flags;
        u8 room[24];
    } value;
};

static void configure(s64 socket, s64 number, struct request *request)
{
    require(system_call(SYS_ioctl, socket, number, (s64) request, 0, 0, 0), "eth0");
}

static void raise_interface(void)
{
    s64 socket = system_call(SYS_socket, AF_INET, SOCK_DGRAM, 0, 0, 0, 0);
    require(socket, "socket");
    struct request own = {"eth0", {{AF_INET, {0}, {NETWORK, 2}, {0}}}};
    configure(socket, SIOCSIFADDR, &own);
    struct request mask = {"eth0", {{AF_INET, {0}, {255, 255, 255, 0}, {0}}}};
    configure(socket, SIOCSIFNETMASK, &mask);
    struct request up = {"eth0", {{IFF_UP, {0}, {0}, {0}}}};
    configure(socket, SIOCSIFFLAGS, &up);
    system_call(SYS_close, socket, 0, 0, 0, 0, 0);
}

#endif
