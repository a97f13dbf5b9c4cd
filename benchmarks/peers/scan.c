// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the scans of benchmarks/Scan in C, for tools that work on C programs. One source, built once per peer:
//   (nothing)      no check: what blocks weigh without any tool
//   PEER_LSAN      with -fsanitize=leak: one check is __lsan_do_recoverable_leak_check
//   PEER_BOEHM     Boehm's collector in leak-finding mode: one check is GC_gcollect; GC_MARKERS says how many mark
// Who calls it: the verb bench with --peers (eng/build), which builds it too.
// The one idea: the same graph and the same big blocks, checked once uncounted and then some times; the median counts.
// Usage: scan graph BLOCKS CHECKS NAME                  prints one RESULT line
//        scan scan RANDOM_MIB DENSE_MIB TARGETS CHECKS NAME
#define _GNU_SOURCE
#include <alloca.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#if defined(PEER_BOEHM)
#define GC_THREADS 1
#include <gc/gc.h>
#define ALLOC(byte_count) GC_MALLOC(byte_count)
#else
#define ALLOC(byte_count) malloc(byte_count)
#if defined(PEER_LSAN)
#include <sanitizer/lsan_interface.h>
#endif
#endif

#define NOINLINE __attribute__((noinline))
enum { BLOCK_BYTES = 64, POINTERS = 4, LOST_PER_HUNDRED = 1, CHAIN = 4, FRESH_FROM = 20, LEAST_FRESH = 200000, MOST_CHECKS = 100 };
static const size_t big_bytes = (size_t)64 << 20;

static uint64_t state = 88172645463325252u;
static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static double wall_seconds(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec * 1e-9;
}

// Of this process, all its threads, and helpers that have been waited for (LeakSanitizer's tracer).
static double cpu_seconds(void)
{
    double sum = 0;
    for (int who = RUSAGE_CHILDREN; who <= RUSAGE_SELF; who++) {
        struct rusage usage;
        getrusage(who, &usage);
        sum += usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
    }
    return sum;
}

static double resident_bytes(void)
{
    long all = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%ld %ld", &all, &resident) != 2)
        resident = 0;
    if (file != NULL)
        fclose(file);
    return (double)resident * sysconf(_SC_PAGESIZE);
}

// Memory of the workload's own, which no tool takes for a root.
static void *list_of(long count)
{
    void *list = mmap(NULL, (count + 1) * 8, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (list == MAP_FAILED) {
        fputs("out of memory\n", stderr);
        _exit(1);
    }
    return list;
}

static NOINLINE void wipe_stack(void)
{
    char *room = alloca(256 << 10);
    memset(room, 0, 256 << 10);
    __asm__ volatile("" ::"r"(room) : "memory");
}

static int by_value(const void *left_value, const void *right_value)
{
    double a = *(const double *)left_value, b = *(const double *)right_value;
    return (a > b) - (a < b);
}

// Medians of some checks, after one that is not counted. False: this peer has none, or it found no leak where one is.
static int check(int count, int expects_leaks, double *wall, double *cpu)
{
    double walls[MOST_CHECKS], cpus[MOST_CHECKS];
    int found = 0;
    for (int i = -1; i < count; i++) {
        double wall_before = wall_seconds(), cpu_before = cpu_seconds();
#if defined(PEER_LSAN)
        found |= __lsan_do_recoverable_leak_check();
#elif defined(PEER_BOEHM)
        GC_gcollect();
        found = 1;
#endif
        if (i >= 0) {
            walls[i] = wall_seconds() - wall_before;
            cpus[i] = cpu_seconds() - cpu_before;
        }
    }
    qsort(walls, count, sizeof(double), by_value);
    qsort(cpus, count, sizeof(double), by_value);
    *wall = walls[count / 2];
    *cpu = cpus[count / 2];
    return found || !expects_leaks;
}

static void **root;
static uintptr_t *hidden; // complements: no pointers

static void shuffle(uintptr_t *list, long count)
{
    for (long i = count - 1; i > 0; i--) {
        long other = next() % (i + 1);
        uintptr_t moved = list[i];
        list[i] = list[other];
        list[other] = moved;
    }
}

static NOINLINE void build_graph(long count, long lost)
{
    long kept = count - lost, fresh = count / FRESH_FROM;
    fresh = fresh < LEAST_FRESH ? LEAST_FRESH : fresh;
    fresh = fresh > count / 2 ? count / 2 : fresh;
    uintptr_t *keep = list_of(kept);
    uint8_t *is_lost = list_of(count / 8);
    hidden = list_of(lost);
    for (long chosen = 0; chosen < lost;) {
        long at = fresh + (long)(next() % (count - fresh));
        chosen += 1 - is_lost[at];
        is_lost[at] = 1;
    }
    long k = 0, h = 0;
    for (long i = 0; i < count; i++) {
        void *block = ALLOC(BLOCK_BYTES);
        memset(block, 0x11, BLOCK_BYTES);
        if (is_lost[i])
            hidden[h++] = ~(uintptr_t)block;
        else
            keep[k++] = (uintptr_t)block;
    }
    shuffle(keep, kept);
    shuffle(hidden, lost);
    for (long i = 0; i < kept; i++)
        for (int p = 0; p < POINTERS; p++) {
            long child = 3 * i + 1 + p;
            ((uintptr_t *)keep[i])[p] = keep[p < POINTERS - 1 && child < kept ? child : (long)(next() % kept)];
        }
    for (long i = 0; i < lost; i++) {
        uintptr_t *block = (uintptr_t *)~hidden[i];
        block[0] = i % CHAIN != CHAIN - 1 ? ~hidden[i + 1] : 0;
        for (int p = 1; p < POINTERS; p++)
            block[p] = keep[next() % kept];
    }
    root = (void **)keep[0];
    munmap(keep, (kept + 1) * 8);
    munmap(is_lost, (count / 8 + 1) * 8);
}

static int graph(long count, int checks, const char *name)
{
    long lost = count * LOST_PER_HUNDRED / 100 / CHAIN * CHAIN;
    double before = resident_bytes();
    build_graph(count, lost);
    wipe_stack();
    double resident = (resident_bytes() - before - lost * 8.0) / count, wall = 0, cpu = 0;
#if defined(PEER_BOEHM)
    GC_enable();
#endif
    if (!check(checks, 1, &wall, &cpu)) {
        printf("NOTE %s found no leak\n", name);
        return strcmp(name, "raw") == 0
            ? printf("RESULT workload=graph peer=raw n=%ld bytes_per_block=%.1f\n", count, resident) < 0 : 1;
    }
    printf("RESULT workload=graph peer=%s n=%ld cpu_ns_block=%.2f ns_block=%.2f bytes_per_block=%.1f planted=%ld\n",
        name, count, cpu * 1e9 / count, wall * 1e9 / count, resident, lost);
    return 0;
}

static void *big[1024];
static void **targets_root;

static NOINLINE void fill(long random_blocks, long dense_blocks, long targets)
{
    if (dense_blocks > 0) {
        targets_root = ALLOC(targets * sizeof(void *));
        for (long i = 0; i < targets; i++)
            targets_root[i] = memset(ALLOC(BLOCK_BYTES), 0, BLOCK_BYTES);
    }
    for (long b = 0; b < random_blocks + dense_blocks; b++) {
        uint64_t *words = big[b] = ALLOC(big_bytes);
        for (size_t i = 0; i < big_bytes / 8; i++) {
            uint64_t number = next();
            words[i] = b < random_blocks ? number : (uint64_t)targets_root[(number >> 20) % targets];
        }
    }
}

static int scan(long random_mib, long dense_mib, long targets, int checks, const char *name)
{
    fill(random_mib / 64, dense_mib / 64, targets);
    wipe_stack();
    double wall = 0, cpu = 0, bytes = (random_mib + dense_mib) * 1048576.0;
    check(checks, 0, &wall, &cpu);
    printf("RESULT workload=scan peer=%s random_mib=%ld dense_mib=%ld targets=%ld cpu_gb_s=%.3f gb_s=%.3f cpu_ns_word=%.3f\n",
        name, random_mib, dense_mib, dense_mib > 0 ? targets : 0, bytes / cpu * 1e-9, bytes / wall * 1e-9, cpu * 8e9 / bytes);
    return 0;
}

int main(int argc, char **argv)
{
    int result = 64;
#if defined(PEER_BOEHM)
    GC_set_find_leak(1);
    GC_INIT();
    GC_disable();
#endif
    if (argc == 5 && strcmp(argv[1], "graph") == 0 && atoi(argv[3]) > 0 && atoi(argv[3]) <= MOST_CHECKS)
        result = graph(atol(argv[2]), atoi(argv[3]), argv[4]);
    else if (argc == 7 && strcmp(argv[1], "scan") == 0 && atoi(argv[5]) > 0 && atoi(argv[5]) <= MOST_CHECKS) {
#if defined(PEER_BOEHM)
        GC_enable();
#endif
        result = scan(atol(argv[2]), atol(argv[3]), atol(argv[4]), atoi(argv[5]), argv[6]);
    } else
        fputs("usage: scan graph BLOCKS CHECKS NAME | scan scan RANDOM_MIB DENSE_MIB TARGETS CHECKS NAME\n", stderr);
    fflush(stdout);
    // No check at the end of the process.
    _exit(result);
}
