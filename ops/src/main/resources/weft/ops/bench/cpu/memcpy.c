/* Copies of 8 MiB, eight words at a time; 64 MiB a repetition. */
#include "kernel.h"

const char kernel_name[] = "memcpy";

#define BYTES (8ul << 20)
#define COPIES 8

static u64 from[BYTES / 8], to[BYTES / 8];

void kernel_prepare(void)
{
    u64 seed = 6;
    for (u64 i = 0; i < BYTES / 8; i++) {
        from[i] = next_random(&seed);
    }
}

static NOINLINE void copy(u64 *restrict target, const u64 *restrict source, u64 words)
{
    for (u64 i = 0; i < words; i += 8) {
        u64 a = source[i], b = source[i + 1], c = source[i + 2], d = source[i + 3];
        u64 e = source[i + 4], f = source[i + 5], g = source[i + 6], h = source[i + 7];
        target[i] = a;
        target[i + 1] = b;
        target[i + 2] = c;
        target[i + 3] = d;
        target[i + 4] = e;
        target[i + 5] = f;
        target[i + 6] = g;
        target[i + 7] = h;
    }
}

u64 kernel_repeat(void)
{
    u64 sum = 0;
    for (u64 i = 0; i < COPIES; i++) {
        copy(to, from, BYTES / 8);
        sum = mixed(sum, to[i * 1000]);
        to[i * 1000] = 0;
    }
    return sum;
}
