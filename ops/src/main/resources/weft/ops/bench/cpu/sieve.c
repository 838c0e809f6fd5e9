/* Eratosthenes' sieve over two million bytes. */
#include "kernel.h"

const char kernel_name[] = "sieve";

#define LIMIT 2000000

static u8 composite[LIMIT];

void kernel_prepare(void)
{
}

u64 kernel_repeat(void)
{
    u64 *words = (u64 *) (void *) composite;
    for (int i = 0; i < LIMIT / 8; i++) {
        words[i] = 0;
    }
    for (u64 i = 2; i * i < LIMIT; i++) {
        if (!composite[i]) {
            for (u64 k = i * i; k < LIMIT; k += i) {
                composite[k] = 1;
            }
        }
    }
    u64 primes = 0, sum = 0;
    for (u64 i = 2; i < LIMIT; i++) {
        if (!composite[i]) {
            primes++;
            sum += i;
        }
    }
    return mixed(primes, sum);
}
