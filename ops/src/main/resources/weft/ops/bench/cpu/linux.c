/* Runs a kernel as the first process of a Linux guest, without a C library; tells what kernel.c
   tells, but for the instructions, which user mode may not count. */
#include "kernel.h"
#include "linux.h"

#ifndef REPETITIONS
#define REPETITIONS 20
#endif

#define SYS_ioctl 29
#define SYS_read 63
#define SYS_write 64
#define SYS_ppoll 73
#define SYS_exit_group 94
#define SYS_reboot 142

#define TCGETS 0x5401
#define TCSETS 0x5402
#define OPOST 1u
#define ICANON_ECHO 0xau

struct termios {
    u32 iflag, oflag, cflag, lflag;
    u8 line, characters[19];
};

__asm__(".text\n"
        ".globl _start\n"
        "_start:\n"
        "        .option push\n"
        "        .option norelax\n"
        "        la gp, __global_pointer$\n"
        "        .option pop\n"
        "        mv a0, sp\n"
        "        andi sp, sp, -16\n"
        "        call linux_main\n");

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

void quit(int code)
{
    for (;;) {
        system_call(SYS_exit_group, code, 0, 0, 0, 0, 0);
    }
}

static char line[80];
static u64 length;

static void put(const char *text)
{
    while (*text != 0 && length < sizeof line) {
        line[length++] = *text++;
    }
}

static void put_number(u64 value, u64 base, int width)
{
    char digits[21];
    int at = 20;
    digits[at] = 0;
    do {
        digits[--at] = "0123456789abcdef"[value % base];
        value /= base;
        width--;
    } while (value != 0 || width > 0);
    put(digits + at);
}

static void put_line(void)
{
    put("\n");
    system_call(SYS_write, 1, (s64) line, (s64) length, 0, 0, 0);
    length = 0;
}

/* Bytes as they are, none of ours echoed. */
static void make_raw(void)
{
    struct termios terminal;
    if (system_call(SYS_ioctl, 0, TCGETS, (s64) &terminal, 0, 0, 0) == 0) {
        terminal.oflag &= ~OPOST;
        terminal.lflag &= ~ICANON_ECHO;
        system_call(SYS_ioctl, 0, TCSETS, (s64) &terminal, 0, 0, 0);
    }
}

static int is_quit_typed(void)
{
    struct {
        int fd;
        short events, revents;
    } poll = {0, 1, 0};
    s64 no_time[2] = {0, 0};
    char typed = 0;
    return system_call(SYS_ppoll, (s64) &poll, 1, (s64) no_time, 0, 8, 0) == 1
           && system_call(SYS_read, 0, (s64) &typed, 1, 0, 0, 0) == 1 && typed == 'q';
}

void require(s64 outcome, const char *what)
{
    if (outcome < 0) {
        put("failed: ");
        put(what);
        put(" ");
        put_number((u64) -outcome, 10, 1);
        put_line();
        quit(1);
    }
}

u64 next_random(u64 *state)
{
    return *state = *state * 6364136223846793005ul + 1442695040888963407ul;
}

/* What "rep" tells; a kernel may count otherwise. */
__attribute__((weak)) u64 kernel_done(u64 repetitions)
{
    return repetitions;
}

void linux_main(const u64 *stack)
{
    if (stack[0] > 1) {
        quit(0); /* Started again by a kernel that measures starting. */
    }
    make_raw();
    kernel_prepare();
    put("weft-bench ");
    put(kernel_name);
    put_line();
    u64 first = 0;
    for (u64 done = 1;; done++) {
        u64 sum = kernel_repeat();
        if (done == 1) {
            first = sum;
        } else {
            require(sum == first ? 0 : -1, "repetitions differ");
        }
        put("rep ");
        put_number(kernel_done(done), 10, 1);
        put(" 0");
        put_line();
        if (done == REPETITIONS || is_quit_typed()) {
            break;
        }
    }
    put("checksum ");
    put_number(first, 16, 16);
    put_line();
    system_call(SYS_reboot, (s64) 0xfee1dead, 672274793, 0x4321fedc, 0, 0, 0);
    quit(1);
}
