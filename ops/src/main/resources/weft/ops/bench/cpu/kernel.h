/* What a kernel gives and gets. Own code, freestanding. */
#ifndef WEFT_BENCH_KERNEL_H
#define WEFT_BENCH_KERNEL_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef long s64;

/* Given by the kernel: its name, what is done once, and one repetition, which always does the same
   work and answers the same checksum. */
extern const char kernel_name[];
void kernel_prepare(void);
u64 kernel_repeat(void);

/* Under Linux: what has been done so far, where that is more than the repetitions. */
u64 kernel_done(u64 repetitions);

/* A step of SplitMix64. */
u64 next_random(u64 *state);

/* Mixes a word into a checksum. */
static inline u64 mixed(u64 sum, u64 word)
{
    return ((sum << 7 | sum >> 57) ^ word) * 0x9e3779b97f4a7c15ul;
}

#define NOINLINE __attribute__((noinline))

#endif
