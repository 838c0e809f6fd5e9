/* System calls of Linux for riscv64, and failing. */
#ifndef WEFT_BENCH_LINUX_H
#define WEFT_BENCH_LINUX_H

#include "kernel.h"

static inline s64 system_call(s64 number, s64 a, s64 b, s64 c, s64 d, s64 e, s64 f)
{
    register s64 a0 __asm__("a0") = a;
    register s64 a1 __asm__("a1") = b;
    register s64 a2 __asm__("a2") = c;
    register s64 a3 __asm__("a3") = d;
    register s64 a4 __asm__("a4") = e;
    register s64 a5 __asm__("a5") = f;
    register s64 a7 __asm__("a7") = number;
    __asm__ volatile("ecall"
                     : "+r"(a0)
                     : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5), "r"(a7)
                     : "memory");
    return a0;
}

void *memcpy(void *to, const void *from, u64 length);
void *memset(void *to, int value, u64 length);

/* Ends the process. */
void quit(int code);

/* Ends the process with a message if a system call answered an error. */
void require(s64 outcome, const char *what);

#endif
