/* Quicksort of 100,000 records through a comparison function, as libc's is used. */
#include "kernel.h"

const char kernel_name[] = "qsort";

#define COUNT 100000

static u64 values[COUNT];

typedef int (*comparison)(const void *, const void *);

static int by_number(const void *a, const void *b)
{
    u64 x = *(const u64 *) a, y = *(const u64 *) b;
    return x < y ? -1 : x > y;
}

static void exchange(u8 *a, u8 *b, u64 size)
{
    for (; size >= 8; size -= 8, a += 8, b += 8) {
        u64 kept = *(u64 *) (void *) a;
        *(u64 *) (void *) a = *(u64 *) (void *) b;
        *(u64 *) (void *) b = kept;
    }
}

/* Hoare's partition around the median of three; the smaller side by recursion. */
static NOINLINE void sort(u8 *base, u64 count, u64 size, comparison compare)
{
    while (count > 8) {
        u8 *low = base, *middle = base + count / 2 * size, *high = base + (count - 1) * size;
        if (compare(middle, low) < 0) {
            exchange(middle, low, size);
        }
        if (compare(high, middle) < 0) {
            exchange(high, middle, size);
            if (compare(middle, low) < 0) {
                exchange(middle, low, size);
            }
        }
        u8 *i = low + size, *j = high - size;
        do {
            while (compare(i, middle) < 0) {
                i += size;
            }
            while (compare(middle, j) < 0) {
                j -= size;
            }
            if (i < j) {
                exchange(i, j, size);
                middle = middle == i ? j : middle == j ? i : middle;
                i += size;
                j -= size;
            } else if (i == j) {
                i += size;
                j -= size;
            }
        } while (i <= j);
        u64 left = (u64) (j - base) / size + 1, right = count - (u64) (i - base) / size;
        if (left < right) {
            sort(base, left, size, compare);
            base = i;
            count = right;
        } else {
            sort(i, right, size, compare);
            count = left;
        }
    }
    for (u64 i = 1; i < count; i++) {
        for (u8 *p = base + i * size; p > base && compare(p, p - size) < 0; p -= size) {
            exchange(p, p - size, size);
        }
    }
}

void kernel_prepare(void)
{
}

u64 kernel_repeat(void)
{
    u64 seed = 4, sum = 0;
    for (int i = 0; i < COUNT; i++) {
        values[i] = next_random(&seed);
    }
    sort((u8 *) (void *) values, COUNT, 8, by_number);
    for (int i = 0; i < COUNT; i++) {
        if (i > 0 && values[i - 1] > values[i]) {
            return (u64) -i;
        }
        sum = mixed(sum, values[i]);
    }
    return sum;
}
