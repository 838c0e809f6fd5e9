/* Code that is written, fenced and called: two instructions of a function change before each call,
   as a static key or a breakpoint does. */
#include "kernel.h"

const char kernel_name[] = "selfmodify";

#define PATCHES 20000

/* On pages of their own: stores to it are stores to code. */
static u32 code[4096] __attribute__((aligned(4096)));

void kernel_prepare(void)
{
}

static u32 add_immediate(u32 value)
{
    return (value & 0x7ff) << 20 | 10 << 15 | 10 << 7 | 0x13; /* addi a0, a0, value */
}

u64 kernel_repeat(void)
{
    u64 (*patched)(u64) = (u64 (*)(u64)) (void *) code;
    u64 sum = 0;
    code[2] = 0x00151513;      /* slli a0, a0, 1 */
    code[3] = 0x00008067;      /* ret */
    for (u32 i = 0; i < PATCHES; i++) {
        code[0] = add_immediate(i);
        code[1] = add_immediate(i * 3);
        __asm__ volatile("fence.i" ::: "memory");
        sum = mixed(sum, patched(i));
    }
    return sum;
}
