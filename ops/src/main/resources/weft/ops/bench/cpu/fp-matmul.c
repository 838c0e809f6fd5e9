/* Product of two 200 x 200 matrices of doubles, the plain triple loop. */
#include "kernel.h"

const char kernel_name[] = "fp-matmul";

#define SIDE 200

static double a[SIDE][SIDE], b[SIDE][SIDE], product[SIDE][SIDE];

void kernel_prepare(void)
{
    u64 seed = 2;
    for (int i = 0; i < SIDE; i++) {
        for (int j = 0; j < SIDE; j++) {
            a[i][j] = (double) (s64) next_random(&seed) / 9e18;
            b[i][j] = (double) (s64) next_random(&seed) / 9e18;
        }
    }
}

u64 kernel_repeat(void)
{
    u64 sum = 0;
    for (int i = 0; i < SIDE; i++) {
        for (int j = 0; j < SIDE; j++) {
            double cell = 0;
            for (int k = 0; k < SIDE; k++) {
                cell += a[i][k] * b[k][j];
            }
            product[i][j] = cell;
        }
        const u64 *bits = (const u64 *) product[i];
        sum = mixed(sum, bits[i]);
    }
    return sum;
}
