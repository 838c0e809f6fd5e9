/* First touches of anonymous memory: 2,000 page faults a repetition. */
#include "linux.h"

const char kernel_name[] = "pagefault";

#define SYS_munmap 215
#define SYS_mmap 222
#define SYS_madvise 233
#define READ_WRITE 3
#define PRIVATE_ANONYMOUS 0x22
#define NO_HUGE_PAGES 15

#define PAGES 2000
#define PAGE_BYTES 4096

void kernel_prepare(void)
{
}

u64 kernel_repeat(void)
{
    s64 size = PAGES * PAGE_BYTES;
    s64 address = system_call(SYS_mmap, 0, size, READ_WRITE, PRIVATE_ANONYMOUS, -1, 0);
    require(address, "mmap");
    system_call(SYS_madvise, address, size, NO_HUGE_PAGES, 0, 0, 0);
    volatile u64 *words = (volatile u64 *) address;
    u64 sum = 0;
    for (u64 page = 0; page < PAGES; page++) {
        sum += words[page * (PAGE_BYTES / 8)] + page;
        words[page * (PAGE_BYTES / 8)] = page;
    }
    require(system_call(SYS_munmap, address, size, 0, 0, 0, 0), "munmap");
    return sum;
}
