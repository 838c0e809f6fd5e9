/* The integer kernel on every CPU of a Linux guest at once, a process each; the first process adds
   up what they have done. A repetition is a fifth of a second. */
#include "linux.h"

#define kernel_name integer_name
#define kernel_prepare integer_prepare
#define kernel_repeat integer_repeat
#include "integer.c"
#undef kernel_name
#undef kernel_prepare
#undef kernel_repeat

const char kernel_name[] = "smp-integer";

#define SYS_nanosleep 101
#define SYS_sched_setaffinity 122
#define SYS_sched_getaffinity 123
#define SYS_clone 220
#define SYS_wait4 260
#define SYS_mmap 222
#define SIGCHLD 17
#define PROTECTION_READ_WRITE 3
#define MAP_SHARED_ANONYMOUS 0x21
#define WNOHANG 1
#define CPUS 64

/* Shared by all processes; a cache line each. */
struct worker {
    volatile u64 repetitions;
    volatile u64 sum;
    u64 padding[6];
};

static struct worker *workers;
static int cpus;

static void work(int cpu)
{
    u64 mask = 1ul << cpu;
    require(system_call(SYS_sched_setaffinity, 0, 8, (s64) &mask, 0, 0, 0), "affinity");
    for (;;) {
        u64 sum = integer_repeat();
        require(workers[cpu].repetitions == 0 || sum == workers[cpu].sum ? 0 : -1,
                "repetitions differ");
        workers[cpu].sum = sum;
        workers[cpu].repetitions++;
    }
}

void kernel_prepare(void)
{
    integer_prepare();
    s64 shared = system_call(SYS_mmap, 0, CPUS * sizeof(struct worker), PROTECTION_READ_WRITE,
                             MAP_SHARED_ANONYMOUS, -1, 0);
    require(shared < 0 && shared > -4096 ? shared : 0, "mmap");
    workers = (struct worker *) shared;
    u64 mask = 0;
    require(system_call(SYS_sched_getaffinity, 0, 8, (s64) &mask, 0, 0, 0), "affinity");
    while ((mask >> cpus & 1) != 0) {
        s64 child = system_call(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0);
        require(child, "fork");
        if (child == 0) {
            work(cpus);
        }
        cpus++;
    }
}

/* Until every worker has done one more, so that all sums can be compared. */
u64 kernel_repeat(void)
{
    s64 fifth[2] = {0, 200000000};
    int ready = 0;
    while (!ready) {
        system_call(SYS_nanosleep, (s64) fifth, 0, 0, 0, 0, 0);
        s64 ended = system_call(SYS_wait4, -1, 0, WNOHANG, 0, 0, 0);
        require(ended == 0 ? 0 : -1, "a worker ended");
        ready = 1;
        for (int i = 0; i < cpus; i++) {
            ready &= workers[i].repetitions > 0;
        }
    }
    for (int i = 1; i < cpus; i++) {
        require(workers[i].sum == workers[0].sum ? 0 : -1, "workers differ");
    }
    return workers[0].sum;
}

u64 kernel_done(u64 repetitions)
{
    (void) repetitions;
    u64 done = 0;
    for (int i = 0; i < cpus; i++) {
        done += workers[i].repetitions;
    }
    return done;
}
