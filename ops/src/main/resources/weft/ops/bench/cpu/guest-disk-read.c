/* A virtio disk of 16 MiB from its beginning to its end, 1 MiB a call, the guest's cache dropped
   before each repetition. */
#include "devices.h"

const char kernel_name[] = "guest-disk-read";

#define BLKFLSBUF 0x1261
#define CALL_BYTES (1 << 20)
#define CALLS 16

static u8 buffer[CALL_BYTES] __attribute__((aligned(4096)));
static s64 disk;

void kernel_prepare(void)
{
    load_modules();
    disk = open_disk(0);
}

u64 kernel_repeat(void)
{
    u64 sum = 0;
    require(system_call(SYS_ioctl, disk, BLKFLSBUF, 0, 0, 0, 0), "BLKFLSBUF");
    for (u64 call = 0; call < CALLS; call++) {
        s64 got = system_call(
            SYS_pread64, disk, (s64) buffer, CALL_BYTES, (s64) (call * CALL_BYTES), 0, 0);
        require(got == CALL_BYTES ? 0 : -1, "read");
        for (u64 at = 0; at < CALL_BYTES; at += 4096) {
            sum = mixed(sum, *(u64 *) (buffer + at));
        }
    }
    return sum;
}
