// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the churn of benchmarks/Churn in C, for tools that work on C programs. One source, built once per peer:
//   (nothing)      malloc and free of the C library
//   PEER_LSAN      with -fsanitize=leak: every call is recorded with its call stack
//   PEER_BOEHM     Boehm's collector in leak-finding mode: GC_MALLOC and GC_FREE
// Who calls it: the verb bench with --peers (eng/build), which builds it too.
// The one idea: about 16 real frames at each allocation, from 64 call stacks. Every call goes through a pointer that the
// compiler cannot see through, and its result is looked at afterwards, so that nothing is inlined or a tail call.
// Usage: churn THREADS PAIRS BLOCKS     prints one RESULT line
//        churn verify                   leaks one block below the 16 frames; LeakSanitizer must show its stack
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#if defined(PEER_BOEHM)
#define GC_THREADS 1
#include <gc/gc.h>
#define PEER_NAME "boehm"
#define ALLOC(byte_count) GC_MALLOC(byte_count)
#define FREE(block) GC_FREE(block)
#else
#define ALLOC(byte_count) malloc(byte_count)
#define FREE(block) free(block)
#if defined(PEER_LSAN)
#include <sanitizer/lsan_interface.h>
#define PEER_NAME "lsan"
#else
#define PEER_NAME "raw"
#endif
#endif

#define NOINLINE __attribute__((noinline))
enum { LEVELS = 6, STACKS = 1 << LEVELS, PAIRS_PER_STACK = 16, OUTER_FRAMES = 4, SEGMENTS = 15, MOST_THREADS = 64 };
static const uint32_t least_bytes = 16, byte_range = 1009;

typedef void *(*alloc_fn)(unsigned path, int levels, size_t byte_count);
static NOINLINE void *left(unsigned path, int levels, size_t byte_count);
static NOINLINE void *right(unsigned path, int levels, size_t byte_count);
// Volatile: read anew at each call, so the callee is never known.
static alloc_fn volatile branch[2] = { left, right };

static NOINLINE void *fail(void)
{
    fputs("out of memory\n", stderr);
    _exit(1);
}

// Two frames a heap's wrapper would have; the C# peers have as many above the C heap.
static NOINLINE void *allocate(size_t byte_count)
{
    void *block = ALLOC(byte_count);
    return block != NULL ? block : fail();
}

static NOINLINE void *left(unsigned path, int levels, size_t byte_count)
{
    void *block = levels == 0 ? allocate(byte_count) : branch[path & 1](path >> 1, levels - 1, byte_count);
    return block != NULL ? block : fail();
}

static NOINLINE void *right(unsigned path, int levels, size_t byte_count)
{
    void *block = levels == 0 ? allocate(byte_count) : branch[path & 1](path >> 1, levels - 1, byte_count);
    return block != NULL ? block : fail();
}

static NOINLINE void release(void *block)
{
    FREE(block);
    __asm__ volatile("" ::: "memory");
}

static double now(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec * 1e9 + time.tv_nsec;
}

struct run {
    int thread;
    long pairs;
    uint32_t blocks;
    void **slots;
    uint64_t random;
    double cpu[SEGMENTS], wall[SEGMENTS];
};

static pthread_barrier_t ready;

static NOINLINE void loop(struct run *run, long pairs)
{
    uint64_t state = run->random;
    void **slots = run->slots;
    for (long i = 0; i < pairs; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        uint32_t slot = (uint32_t)(((state >> 32) * run->blocks) >> 32);
        size_t byte_count = least_bytes + (((state & 0xffffff) * byte_range) >> 24);
        release(slots[slot]);
        void *block = branch[0]((unsigned)(i / PAIRS_PER_STACK) & (STACKS - 1), LEVELS, byte_count);
        *(long *)block = i;
        slots[slot] = block;
    }
    run->random = state;
}

typedef int (*nest_fn)(int frames, struct run *run, long pairs);
static NOINLINE int nest(int frames, struct run *run, long pairs);
static nest_fn volatile deeper = nest;

static NOINLINE int nest(int frames, struct run *run, long pairs)
{
    if (frames > 0)
        return deeper(frames - 1, run, pairs) + 1;
    loop(run, pairs);
    __asm__ volatile("" ::: "memory");
    return 0;
}

static int by_value(const void *left_value, const void *right_value)
{
    double a = *(const double *)left_value, b = *(const double *)right_value;
    return (a > b) - (a < b);
}

// Three frames stand for the runtime's own below a managed thread's first method.
static NOINLINE int measure(struct run *run)
{
    run->slots = ALLOC(run->blocks * sizeof(void *));
    run->random = 0x9E3779B97F4A7C15u * ((uint64_t)run->thread + 1);
    for (uint32_t i = 0; i < run->blocks; i++)
        run->slots[i] = branch[0](i & (STACKS - 1), LEVELS, least_bytes + i % byte_range);
    long pairs = run->pairs / SEGMENTS > 0 ? run->pairs / SEGMENTS : 1;
    nest(OUTER_FRAMES, run, pairs);
    pthread_barrier_wait(&ready);
    for (int i = 0; i < SEGMENTS; i++) {
        double wall = now(CLOCK_MONOTONIC), cpu = now(CLOCK_THREAD_CPUTIME_ID);
        nest(OUTER_FRAMES, run, pairs);
        run->cpu[i] = (now(CLOCK_THREAD_CPUTIME_ID) - cpu) / pairs;
        run->wall[i] = (now(CLOCK_MONOTONIC) - wall) / pairs;
    }
    pthread_barrier_wait(&ready);
    for (uint32_t i = 0; i < run->blocks; i++)
        release(run->slots[i]);
    FREE(run->slots);
    qsort(run->cpu, SEGMENTS, sizeof(double), by_value);
    qsort(run->wall, SEGMENTS, sizeof(double), by_value);
    return 0;
}

static int (*volatile measure_ptr)(struct run *) = measure;
static NOINLINE int second(struct run *run) { int result = measure_ptr(run); __asm__ volatile("" ::: "memory"); return result; }
static int (*volatile second_ptr)(struct run *) = second;
static NOINLINE int first(struct run *run) { int result = second_ptr(run); __asm__ volatile("" ::: "memory"); return result; }
static int (*volatile first_ptr)(struct run *) = first;

static void *thread_main(void *run)
{
    int result = first_ptr(run);
    __asm__ volatile("" ::: "memory");
    return (void *)(intptr_t)result;
}

static int churn(int threads, long pairs, long blocks)
{
    static struct run runs[MOST_THREADS];
    pthread_t handles[MOST_THREADS];
    if (threads < 1 || threads > MOST_THREADS || pairs < 1 || blocks < 1)
        return 64;
    pthread_barrier_init(&ready, NULL, threads);
    for (int i = 0; i < threads; i++) {
        runs[i] = (struct run){ .thread = i, .pairs = pairs, .blocks = (uint32_t)blocks };
        if (pthread_create(&handles[i], NULL, thread_main, &runs[i]) != 0)
            return 1;
    }
    double cpu = 0, least = 0, wall = 0;
    for (int i = 0; i < threads; i++) {
        pthread_join(handles[i], NULL);
        cpu += runs[i].cpu[SEGMENTS / 2] / threads;
        least += runs[i].cpu[0] / threads;
        wall += runs[i].wall[SEGMENTS / 2] / threads;
    }
    printf("RESULT workload=churn peer=" PEER_NAME " threads=%d cpu_ns_pair=%.2f ns_pair=%.2f cpu_ns_pair_min=%.2f pairs=%ld\n",
        threads, cpu, wall, least, pairs);
    return 0;
}

static void *volatile leaked;

// The same frames as the churn has, one block, and no pointer left to it.
static void *leak_main(void *run)
{
    leaked = branch[0](0, LEVELS, 64);
    leaked = NULL;
    return run;
}

static NOINLINE int leak_nested(int frames)
{
    static int (*volatile again)(int) = leak_nested;
    if (frames > 0)
        return again(frames - 1) + 1;
    leak_main(NULL);
    __asm__ volatile("" ::: "memory");
    return 0;
}

static NOINLINE void wipe_stack(void)
{
    char volatile room[64 * 1024];
    for (size_t i = 0; i < sizeof room; i++)
        room[i] = 0;
}

static int verify(void)
{
    leak_nested(OUTER_FRAMES + 3);
    wipe_stack();
#if defined(PEER_LSAN)
    return __lsan_do_recoverable_leak_check() != 0 ? 0 : 1;
#else
    return 0;
#endif
}

int main(int argc, char **argv)
{
#if defined(PEER_BOEHM)
    GC_set_find_leak(1);
    GC_INIT();
    GC_allow_register_threads();
#endif
    int result = 64;
    if (argc == 2 && strcmp(argv[1], "verify") == 0)
        result = verify();
    else if (argc == 4)
        result = churn(atoi(argv[1]), atol(argv[2]), atol(argv[3]));
    if (result == 64)
        fputs("usage: churn THREADS PAIRS BLOCKS | churn verify\n", stderr);
    fflush(stdout);
    // No check at the end of the process: only the pairs are measured.
    _exit(result);
}
