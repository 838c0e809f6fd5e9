/* TCP to the host through a virtio NIC: 4 MiB a repetition, 64 KiB a call. The host reads, and
   answers a byte at the end of each. */
#include "network.h"

#ifdef RECEIVE
const char kernel_name[] = "guest-net-receive";
#else
const char kernel_name[] = "guest-net";
#endif

#define SYS_write 64
#define SYS_connect 203

#define SOCK_STREAM 1

#define PORT 0x14, 0x51

#define CALL_BYTES (64 << 10)
#define CALLS 64

static u8 buffer[CALL_BYTES];
static s64 connection;

void kernel_prepare(void)
{
    load_modules();
    raise_interface();
    struct address host = {AF_INET, {PORT}, {NETWORK, 1}, {0}};
    connection = system_call(SYS_socket, AF_INET, SOCK_STREAM, 0, 0, 0, 0);
    require(connection, "socket");
    require(system_call(SYS_connect, connection, (s64) &host, sizeof host, 0, 0, 0), "connect");
    for (u64 at = 0; at < CALL_BYTES; at++) {
        buffer[at] = (u8) (at * 31);
    }
#ifndef RECEIVE
    u8 send = 's';
    require(system_call(SYS_write, connection, (s64) &send, 1, 0, 0, 0), "write");
#endif
}

#ifdef RECEIVE
u64 kernel_repeat(void)
{
    u64 wrong = 0;
    u8 ask = 'r';
    require(system_call(SYS_write, connection, (s64) &ask, 1, 0, 0, 0), "write");
    for (s64 left = (s64) CALLS * CALL_BYTES; left > 0;) {
        s64 most = left < CALL_BYTES ? left : CALL_BYTES;
        s64 now = system_call(SYS_read, connection, (s64) buffer, most, 0, 0, 0);
        require(now > 0 ? 0 : -1, "read");
        for (s64 at = 0; at < now; at += 1024) {
            /* The host sends what byte of the stream it is, in KiB. */
            wrong |= buffer[at] != (u8) (((s64) CALLS * CALL_BYTES - left + at) >> 10);
        }
        left -= now;
    }
    return wrong;
}
#else
u64 kernel_repeat(void)
{
    for (int call = 0; call < CALLS; call++) {
        for (s64 sent = 0; sent < CALL_BYTES;) {
            s64 now = system_call(
                SYS_write, connection, (s64) (buffer + sent), CALL_BYTES - sent, 0, 0, 0);
            require(now, "write");
            sent += now;
        }
    }
    u8 answer = 0;
    require(system_call(SYS_read, connection, (s64) &answer, 1, 0, 0, 0) == 1 ? 0 : -1, "read");
    return answer;
}
#endif
