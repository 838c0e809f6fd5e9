/* Runs a kernel and tells of it on the serial line:

       weft-bench NAME            before the first repetition
       rep N INSTRUCTIONS         after each; the count is minstret
       checksum HEX               at the end

   It ends after REPETITIONS, or when a 'q' was typed, through the test device. By hand:

       riscv64-linux-gnu-gcc -O2 -march=rv64gc -mabi=lp64d -mcmodel=medany -ffreestanding -fno-pie \
           -fno-math-errno -fno-tree-loop-distribute-patterns -nostdlib -static -no-pie \
           -T kernel.ld -Wl,--build-id=none start.S kernel.c integer.c -o integer.elf
       weft emu run integer.elf
       qemu-system-riscv64 -M virt -bios none -nographic -kernel integer.elf */
#include "kernel.h"

#ifndef REPETITIONS
#define REPETITIONS 20
#endif

#define UART ((volatile u8 *) 0x10000000)
#define LINE_STATUS 5
#define RECEIVED 1
#define TRANSMITTER_EMPTY 0x20
#define TEST_DEVICE (*(volatile u32 *) 0x100000)

static void print_char(char c)
{
    while ((UART[LINE_STATUS] & TRANSMITTER_EMPTY) == 0) {
    }
    UART[0] = (u8) c;
}

static void print(const char *text)
{
    while (*text != 0) {
        print_char(*text++);
    }
}

static void print_decimal(u64 value)
{
    char digits[20];
    int count = 0;
    do {
        digits[count++] = (char) ('0' + value % 10);
        value /= 10;
    } while (value != 0);
    while (count > 0) {
        print_char(digits[--count]);
    }
}

static void print_hex(u64 value)
{
    for (int shift = 60; shift >= 0; shift -= 4) {
        print_char("0123456789abcdef"[value >> shift & 15]);
    }
}

static int is_quit_typed(void)
{
    return (UART[LINE_STATUS] & RECEIVED) != 0 && UART[0] == 'q';
}

static void end(u32 code)
{
    TEST_DEVICE = code == 0 ? 0x5555 : 0x3333 | code << 16;
    for (;;) {
    }
}

static u64 retired_instructions(void)
{
    u64 count;
    __asm__ volatile("csrr %0, minstret" : "=r"(count));
    return count;
}

u64 next_random(u64 *state)
{
    u64 z = *state += 0x9e3779b97f4a7c15ul;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ul;
    z = (z ^ z >> 27) * 0x94d049bb133111ebul;
    return z ^ z >> 31;
}

/* What the compiler may call. */
void *memcpy(void *to, const void *from, u64 length)
{
    u8 *t = to;
    const u8 *f = from;
    while (length-- > 0) {
        *t++ = *f++;
    }
    return to;
}

void *memset(void *to, int value, u64 length)
{
    u8 *t = to;
    while (length-- > 0) {
        *t++ = (u8) value;
    }
    return to;
}

void bench_trapped(u64 cause, u64 pc, u64 value)
{
    print("trap ");
    print_hex(cause);
    print(" at ");
    print_hex(pc);
    print(" value ");
    print_hex(value);
    print("\n");
    end(2);
}

void bench_main(void)
{
    kernel_prepare();
    print("weft-bench ");
    print(kernel_name);
    print("\n");
    u64 first = 0;
    for (u64 done = 1;; done++) {
        u64 sum = kernel_repeat();
        if (done == 1) {
            first = sum;
        } else if (sum != first) {
            print("repetitions differ\n");
            end(1);
        }
        print("rep ");
        print_decimal(done);
        print(" ");
        print_decimal(retired_instructions());
        print("\n");
        if (done == REPETITIONS || is_quit_typed()) {
            break;
        }
    }
    print("checksum ");
    print_hex(first);
    print("\n");
    end(0);
}
