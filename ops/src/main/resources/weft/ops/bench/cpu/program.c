/* A program of a distribution, run again and again by this first process of a Linux guest. What to
   run stands in /bench/command, a line each: `sum` or `say`, the path, the arguments. It reads
   /bench/input. After `sum` its output is the checksum, so two machines must have computed the
   same; after `say` it is passed on, each line behind `said `, for programs that measure
   themselves. `clock NANOSECONDS` tells the guest's clock before and after each run. If there is a
   file /bench/network, it has a network. */
#include "network.h"

const char kernel_name[] = "program";

#define SYS_mkdirat 34
#define SYS_dup3 24
#define SYS_write 64
#define SYS_clock_gettime 113
#define SYS_clone 220
#define SYS_execve 221
#define SYS_wait4 260
#define SIGCHLD 17
#define O_WRONLY 1
#define O_CREAT 0100
#define O_TRUNC 01000
#define CLOCK_MONOTONIC 1

#define COMMAND_BYTES 4096
#define ARGUMENTS 32
#define OUTPUT "/tmp/output"

static char command[COMMAND_BYTES + 1];
static const char *arguments[ARGUMENTS + 1];
static const char *const environment[] = {
    "PATH=/usr/bin", "HOME=/root", "LC_ALL=C", "PYTHONHASHSEED=0", 0,
};
static int says;

static s64 open_file(const char *path, s64 flags)
{
    return system_call(SYS_openat, AT_FDCWD, (s64) path, flags, 0644, 0, 0);
}

static s64 read_file(s64 file, char *to, u64 length)
{
    return system_call(SYS_read, file, (s64) to, (s64) length, 0, 0, 0);
}

static void print(const char *text, u64 length)
{
    system_call(SYS_write, 1, (s64) text, (s64) length, 0, 0, 0);
}

static void read_command(void)
{
    s64 file = open_file("/bench/command", 0);
    require(file, "open command");
    s64 length = read_file(file, command, COMMAND_BYTES);
    require(length, "read command");
    system_call(SYS_close, file, 0, 0, 0, 0, 0);
    says = command[1] == 'a';
    int count = 0;
    for (s64 i = 0; i < length; i++) {
        if (command[i] == '\n') {
            command[i] = 0;
            if (i + 1 < length && count < ARGUMENTS) {
                arguments[count++] = command + i + 1;
            }
        }
    }
    require(count > 0 ? 0 : -1, "no command");
}

void kernel_prepare(void)
{
    system_call(SYS_mount, (s64) "dev", (s64) "/dev", (s64) "devtmpfs", 0, 0, 0);
    system_call(SYS_mount, (s64) "proc", (s64) "/proc", (s64) "proc", 0, 0, 0);
    read_command();
    s64 network = open_file("/bench/network", 0);
    if (network >= 0) {
        system_call(SYS_close, network, 0, 0, 0, 0, 0);
        load_modules();
        raise_interface();
    }
}

static void print_clock(void)
{
    s64 time[2] = {0, 0};
    system_call(SYS_clock_gettime, CLOCK_MONOTONIC, (s64) time, 0, 0, 0, 0);
    u64 nanos = (u64) time[0] * 1000000000ul + (u64) time[1];
    char text[32] = "clock ";
    char digits[20];
    int count = 0;
    do {
        digits[count++] = (char) ('0' + nanos % 10);
        nanos /= 10;
    } while (nanos != 0);
    int at = 6;
    while (count > 0) {
        text[at++] = digits[--count];
    }
    text[at++] = '\n';
    print(text, (u64) at);
}

static void become_program(void)
{
    s64 input = open_file("/bench/input", 0);
    s64 output = open_file(OUTPUT, O_WRONLY | O_CREAT | O_TRUNC);
    require(input, "open input");
    require(output, "open output");
    system_call(SYS_dup3, input, 0, 0, 0, 0, 0);
    system_call(SYS_dup3, output, 1, 0, 0, 0, 0);
    system_call(SYS_dup3, output, 2, 0, 0, 0, 0);
    s64 outcome =
        system_call(SYS_execve, (s64) arguments[0], (s64) arguments, (s64) environment, 0, 0, 0);
    require(outcome, "exec");
}

/* The output, a line at a time; lines that do not fit are cut. */
static void say_output(void)
{
    static char chunk[4096];
    static char line[256];
    u64 length = 5;
    memcpy(line, "said ", 5);
    s64 file = open_file(OUTPUT, 0);
    require(file, "open output");
    for (s64 count = read_file(file, chunk, sizeof chunk); count > 0;
         count = read_file(file, chunk, sizeof chunk)) {
        for (s64 i = 0; i < count; i++) {
            if (chunk[i] == '\n') {
                line[length++] = '\n';
                print(line, length);
                length = 5;
            } else if (length < sizeof line - 1) {
                line[length++] = chunk[i];
            }
        }
    }
    system_call(SYS_close, file, 0, 0, 0, 0, 0);
}

static u64 sum_output(void)
{
    static u64 words[8192];
    u64 sum = 0;
    s64 file = open_file(OUTPUT, 0);
    require(file, "open output");
    for (s64 count = read_file(file, (char *) words, sizeof words); count > 0;
         count = read_file(file, (char *) words, sizeof words)) {
        memset((char *) words + count, 0, (u64) (-count & 7));
        for (s64 i = 0; i * 8 < count; i++) {
            sum = mixed(sum, words[i]);
        }
        sum = mixed(sum, (u64) count);
    }
    system_call(SYS_close, file, 0, 0, 0, 0, 0);
    return sum;
}

u64 kernel_repeat(void)
{
    print_clock();
    s64 child = system_call(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0);
    require(child, "fork");
    if (child == 0) {
        become_program();
        quit(127);
    }
    int status = -1;
    require(system_call(SYS_wait4, child, (s64) &status, 0, 0, 0, 0), "wait");
    print_clock();
    if (status != 0) {
        say_output();
        require(-(status & 0xffff), "the program: wait status");
    }
    if (says) {
        say_output();
        return 0;
    }
    return sum_output();
}
