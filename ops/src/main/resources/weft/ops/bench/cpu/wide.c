/* Three thousand functions, each different, each called two thousand times: code that is never
   really hot. A repetition calls all of them a hundred times; twenty make the whole. */
#include "kernel.h"

const char kernel_name[] = "wide";

#define PASSES 100
#define WORDS 64

static u64 memory[WORDS];

/* The number decides, at compile time, what the function is made of. */
#define FUNCTION(n)                                                                    \
    static NOINLINE u64 f##n(u64 x)                                                    \
    {                                                                                  \
        u64 y = x ^ n##ul * 0x2545f4914f6cdd1dul;                                      \
        for (u64 i = 0; i < 2 + n % 5; i++) {                                          \
            y += memory[(y >> (n % 23)) % WORDS];                                      \
            if (n % 2 == 0 ? (y & 64) != 0 : y % 3 == 1) {                             \
                y = n % 3 == 0 ? y * (n | 1) : y ^ y << (1 + n % 13);                  \
            } else {                                                                   \
                y = n % 7 == 0 ? y - (x >> n % 31) : (y | n) + (x & 0xfff);            \
            }                                                                          \
            if (n % 4 != 0 && (y >> (n % 17) & 7) == n % 8) {                          \
                memory[(n + i) % WORDS] ^= y;                                          \
            }                                                                          \
            y = n % 5 < 2 ? y << 3 | y >> 61 : n % 5 == 2 ? y + n * i : ~y;            \
        }                                                                              \
        memory[n % WORDS] = y + n;                                                     \
        return n % 6 == 0 ? y >> 1 : n % 6 == 1 ? (u64) (s64) (int) y : y;             \
    }
#define NAME(n) f##n,

#define TEN(what, n)                                                                   \
    what(n##0) what(n##1) what(n##2) what(n##3) what(n##4)                             \
    what(n##5) what(n##6) what(n##7) what(n##8) what(n##9)
#define HUNDRED(what, n)                                                               \
    TEN(what, n##0) TEN(what, n##1) TEN(what, n##2) TEN(what, n##3) TEN(what, n##4)    \
    TEN(what, n##5) TEN(what, n##6) TEN(what, n##7) TEN(what, n##8) TEN(what, n##9)
#define THOUSAND(what, n)                                                              \
    HUNDRED(what, n##0) HUNDRED(what, n##1) HUNDRED(what, n##2) HUNDRED(what, n##3)    \
    HUNDRED(what, n##4) HUNDRED(what, n##5) HUNDRED(what, n##6) HUNDRED(what, n##7)    \
    HUNDRED(what, n##8) HUNDRED(what, n##9)
#define ALL(what) THOUSAND(what, 1) THOUSAND(what, 2) THOUSAND(what, 3)

ALL(FUNCTION)

static u64 (*const functions[])(u64) = {ALL(NAME)};

_Static_assert(sizeof functions / sizeof functions[0] == 3000, "three thousand functions");

void kernel_prepare(void)
{
}

u64 kernel_repeat(void)
{
    for (int i = 0; i < WORDS; i++) {
        memory[i] = (u64) i * 0x9e3779b97f4a7c15ul;
    }
    u64 sum = 0;
    for (int pass = 0; pass < PASSES; pass++) {
        for (int i = 0; i < 3000; i++) {
            sum = functions[i](sum + (u64) pass);
        }
    }
    return sum;
}
