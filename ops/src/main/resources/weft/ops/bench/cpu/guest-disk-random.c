/* 4 KiB of a virtio disk of 16 MiB at random places, one at a time, past the guest's cache: 500 a
   repetition. */
#include "devices.h"

const char kernel_name[] = "guest-disk-random";

#define BLOCK_BYTES 4096
#define BLOCKS 4096
#define READS 500

static u8 buffer[BLOCK_BYTES] __attribute__((aligned(4096)));
static s64 disk;

void kernel_prepare(void)
{
    load_modules();
    disk = open_disk(O_DIRECT);
}

u64 kernel_repeat(void)
{
    u64 sum = 0;
    u64 random = 1;
    for (int i = 0; i < READS; i++) {
        u64 block = (next_random(&random) >> 20) % BLOCKS;
        s64 got = system_call(
            SYS_pread64, disk, (s64) buffer, BLOCK_BYTES, (s64) (block * BLOCK_BYTES), 0, 0);
        require(got == BLOCK_BYTES ? 0 : -1, "read");
        sum = mixed(sum, *(u64 *) buffer);
    }
    return sum;
}
