// What several harts do to each other under Linux: locks, forks, page faults, address spaces that
// change under running threads, code that one writes and all execute. Each part checks its own
// result and prints one line. stress PART ROUNDS
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/cachectl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 8
#define HARTS 4
#define PAGE 4096
#define ATOMICS 200
#define PRIVATE (MAP_PRIVATE | MAP_ANONYMOUS)

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turned = PTHREAD_COND_INITIALIZER;
static long rounds, guarded, spun, added, compared, turn;
static int spinlock;
static uint8_t small[8];

static void fail(const char *what, long a, long b) {
    printf("STRESS FAILED %s: %ld %ld\n", what, a, b);
    fflush(stdout);
    _exit(1);
}

static void equal(const char *what, long found, long expected) {
    if (found != expected) fail(what, found, expected);
}

// A mutex (futexes), a spinlock and a loop of compare-and-swap (LR and SC), an AMO, and a byte,
// which is LR and SC of the word it shares with seven others.
static void *lock(void *self) {
    for (long i = 0; i < rounds; i++) {
        pthread_mutex_lock(&mutex);
        guarded++;
        pthread_mutex_unlock(&mutex);
        while (__atomic_exchange_n(&spinlock, 1, __ATOMIC_ACQUIRE)) sched_yield();
        spun++;
        __atomic_store_n(&spinlock, 0, __ATOMIC_RELEASE);
        // Many: two harts must be between LR and SC at the same moment.
        for (int j = 0; j < ATOMICS; j++) {
            long seen = __atomic_load_n(&compared, __ATOMIC_RELAXED);
            while (!__atomic_compare_exchange_n(&compared, &seen, seen + 1, 1, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {}
            __atomic_fetch_add(&added, 1, __ATOMIC_RELAXED);
            __atomic_fetch_add(&small[(long)self], 1, __ATOMIC_RELAXED);
        }
    }
    return self;
}

// Each waits for its turn: a futex wake between harts for every step.
static void *takeTurns(void *self) {
    for (long i = 0; i < rounds; i++) {
        pthread_mutex_lock(&mutex);
        while (turn % THREADS != (long)self) pthread_cond_wait(&turned, &mutex);
        turn++;
        pthread_cond_broadcast(&turned);
        pthread_mutex_unlock(&mutex);
    }
    return self;
}

// Maps, fills, protects, checks and unmaps while the others do the same in one address space.
static void *remap(void *self) {
    long pages = 16;
    for (long i = 0; i < rounds; i++) {
        uint8_t *at = mmap(0, pages * PAGE, PROT_READ | PROT_WRITE, PRIVATE, -1, 0);
        if (at == MAP_FAILED) fail("mmap", i, 0);
        uint8_t mark = (uint8_t)(i * 7 + (long)self);
        for (long p = 0; p < pages; p++) {
            equal("a new page", at[p * PAGE], 0);
            at[p * PAGE] = mark;
        }
        if (mprotect(at, pages * PAGE, PROT_READ)) fail("mprotect", i, 0);
        for (long p = 0; p < pages; p++) equal("a page of another", at[p * PAGE], mark);
        if (mprotect(at, PAGE, PROT_READ | PROT_WRITE)) fail("mprotect back", i, 0);
        at[0] = 1;
        if (munmap(at, pages * PAGE)) fail("munmap", i, 0);
    }
    return self;
}

typedef long function(void);

// lui a0, number; ret
static uint32_t luiOf(long number) { return (uint32_t)number << 12 | 0x537; }

static uint32_t *codePage(void) {
    uint32_t *at = mmap(0, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, PRIVATE, -1, 0);
    if (at == MAP_FAILED) fail("mmap of code", 0, 0);
    at[1] = 0x8067;
    return at;
}

static uint32_t *shared;
static long published;
static long called[HARTS];

// The first changes an instruction that all of them execute; who has heard of a change must not
// execute an older one. They wait asleep: a hart that spins takes a processor from one that works.
static void *patch(void *argument) {
    long self = (long)argument;
    for (long version = 1; self == 0 && version <= rounds; version++) {
        __atomic_store_n(&shared[0], luiOf(version), __ATOMIC_RELAXED);
        __riscv_flush_icache(shared, shared + 2, 0);
        __atomic_store_n(&published, version, __ATOMIC_RELEASE);
        equal("own code", ((function *)shared)() >> 12, version);
        for (int other = 1; other < HARTS; other++) {
            while (__atomic_load_n(&called[other], __ATOMIC_ACQUIRE) < version) usleep(50);
        }
    }
    while (self != 0 && called[self] < rounds) {
        long version = __atomic_load_n(&published, __ATOMIC_ACQUIRE);
        if (version == called[self]) usleep(50);
        long result = ((function *)shared)() >> 12;
        if (result < version) fail("old code", result, version);
        __atomic_store_n(&called[self], version, __ATOMIC_RELEASE);
    }
    return argument;
}

// Code in pages that were another's data or code a moment ago.
static void *newCode(void *self) {
    for (long i = 0; i < rounds; i++) {
        uint32_t *at = codePage();
        long number = (i * THREADS + (long)self) % 500000;
        at[0] = luiOf(number);
        __riscv_flush_icache(at, at + 2, 0);
        equal("code in a new page", ((function *)at)() >> 12, number);
        at[0] = luiOf(number + 1);
        __riscv_flush_icache(at, at + 2, 0);
        equal("code written anew", ((function *)at)() >> 12, number + 1);
        if (munmap(at, PAGE)) fail("munmap of code", i, 0);
    }
    return self;
}

static void together(void *(*what)(void *), long count) {
    pthread_t threads[THREADS];
    for (long i = 0; i < count; i++) {
        if (pthread_create(&threads[i], 0, what, (void *)i)) fail("pthread_create", i, 0);
    }
    for (long i = 0; i < count; i++) pthread_join(threads[i], 0);
}

static void forks(void) {
    for (long i = 0; i < rounds; i++) {
        pid_t children[THREADS];
        for (long c = 0; c < THREADS; c++) {
            children[c] = fork();
            if (children[c] < 0) fail("fork", i, c);
            if (children[c] == 0) {
                char *memory = malloc(64 * PAGE);
                memset(memory, (int)c, 64 * PAGE);
                _exit(memory[63 * PAGE]);
            }
        }
        for (long c = 0; c < THREADS; c++) {
            int status = 0;
            waitpid(children[c], &status, 0);
            if (!WIFEXITED(status) || WEXITSTATUS(status) != c) fail("child", c, status);
        }
    }
}

// Copy on write in many processes at once: nobody sees what another wrote.
static void faults(void) {
    long words = 512 * PAGE / sizeof(long);
    long *memory = mmap(0, words * sizeof(long), PROT_READ | PROT_WRITE, PRIVATE, -1, 0);
    for (long w = 0; w < words; w += 512) memory[w] = w;
    for (long i = 0; i < rounds; i++) {
        pid_t children[HARTS];
        for (long c = 0; c < HARTS; c++) {
            if ((children[c] = fork()) == 0) {
                for (long w = 0; w < words; w += 512) memory[w] += c + 1;
                for (long w = 0; w < words; w += 512) {
                    if (memory[w] != w + c + 1) _exit(1);
                }
                _exit(0);
            }
        }
        for (long c = 0; c < HARTS; c++) {
            int status = 0;
            waitpid(children[c], &status, 0);
            if (status) fail("a page of another process", c, status);
        }
    }
    for (long w = 0; w < words; w += 512) equal("the parent's page", memory[w], w);
}

int main(int count, char **arguments) {
    if (count != 3) return 2;
    char *part = arguments[1];
    rounds = atol(arguments[2]);
    if (!strcmp(part, "locks")) {
        together(lock, THREADS);
        equal("under the mutex", guarded, rounds * THREADS);
        equal("under the spinlock", spun, rounds * THREADS);
        equal("by compare-and-swap", compared, rounds * THREADS * ATOMICS);
        equal("by AMO", added, rounds * THREADS * ATOMICS);
        for (int i = 0; i < THREADS; i++) equal("a byte", small[i], rounds * ATOMICS & 255);
    } else if (!strcmp(part, "turns")) {
        together(takeTurns, THREADS);
        equal("turns", turn, rounds * THREADS);
    } else if (!strcmp(part, "maps")) {
        together(remap, THREADS);
    } else if (!strcmp(part, "patches")) {
        shared = codePage();
        shared[0] = luiOf(0);
        __riscv_flush_icache(shared, shared + 2, 0);
        together(patch, HARTS);
    } else if (!strcmp(part, "code")) {
        together(newCode, THREADS);
    } else if (!strcmp(part, "forks")) {
        forks();
    } else if (!strcmp(part, "faults")) {
        faults();
    } else {
        return 2;
    }
    printf("STRESS PASSED %s\n", part);
    return 0;
}
