/* Loads that each wait for the one before, all over 8 MiB: one cycle through all slots. */
#include "kernel.h"

const char kernel_name[] = "chase";

#define SLOTS (1u << 20)
#define LOADS 1000000

static u64 slots[SLOTS];

/* Sattolo's shuffle: a permutation of one cycle. */
void kernel_prepare(void)
{
    u64 seed = 7;
    for (u64 i = 0; i < SLOTS; i++) {
        slots[i] = i;
    }
    for (u64 i = SLOTS - 1; i > 0; i--) {
        u64 k = next_random(&seed) % i;
        u64 kept = slots[i];
        slots[i] = slots[k];
        slots[k] = kept;
    }
}

u64 kernel_repeat(void)
{
    u64 at = 0;
    for (int i = 0; i < LOADS; i++) {
        at = slots[at];
    }
    return at;
}
