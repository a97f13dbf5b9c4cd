// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the birth time of blocks, coarse and cheap.
// Who calls it: RecordStore on every insert; scanner and reports turn ticks back into times.
// The one idea: CLOCK_MONOTONIC_COARSE is read from a page the kernel shares with us: no system call, about 4 ms fine.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Allocation;

/// <summary>Ticks of 16 ms since <see cref="Start"/>. A tick count wraps after 2.1 years. Thread-safe.</summary>
internal static unsafe class CoarseClock
{
    /// <summary>Milliseconds in one tick.</summary>
    public const int TickMilliseconds = 16;

    private const int ClockMonotonicCoarse = 6;

    // Safety: the kernel's function in the vDSO, or glibc's that calls it: it never blocks, does not touch managed memory, and
    // has the C prototype written here. Typed as managed on purpose: a plain call without a GC transition or poll.
    private static delegate*<int, TimeSpec*, int> s_read;
    private static long s_startMilliseconds;
    private static long s_startUtcTicks;

    /// <summary>Ticks since the start; 0 before it.</summary>
    public static uint NowTicks
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => s_read == null ? 0 : (uint)((ulong)(NowMilliseconds() - s_startMilliseconds) / TickMilliseconds);
    }

    /// <summary>Reads the clock, whose reading changes every few milliseconds. Pre: <see cref="Start"/>.</summary>
    // Safety: as in NowMilliseconds.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read(TimeSpec* now) => s_read(ClockMonotonicCoarse, now);

    /// <summary>Ticks since the start, of the clock as it stands now; keeps both for who asks often.</summary>
    public static void Keep(ClockMemo* memo)
    {
        TimeSpec now;
        Read(&now);
        CoarsePage.Check(&now);
        memo->Now = now;
        memo->Tick = TickOf(now.Seconds, now.Nanoseconds) & PackedRecord.BirthMask;
    }

    /// <summary>The clock's function, for machine code; 0 before <see cref="Start"/>.</summary>
    public static nint FunctionAddress => (nint)s_read;

    /// <summary>Fixes tick 0. Idempotent, cold.</summary>
    /// <exception cref="EntryPointNotFoundException">The C library has no clock_gettime.</exception>
    public static void Start()
    {
        if (s_read == null)
        {
            delegate*<int, TimeSpec*, int> read = (delegate*<int, TimeSpec*, int>)FindClock();
            s_startUtcTicks = DateTimeOffset.UtcNow.UtcTicks;
            TimeSpec now;
            read(ClockMonotonicCoarse, &now);
            s_startMilliseconds = (now.Seconds * 1000) + (now.Nanoseconds / 1_000_000);
            s_read = read;
            CoarsePage.Find(FindVdso());
        }
    }

    /// <summary>Time between two ticks, right across one wrap.</summary>
    public static TimeSpan Elapsed(uint fromTicks, uint toTicks)
        => TimeSpan.FromMilliseconds((long)unchecked(toTicks - fromTicks) * TickMilliseconds);

    /// <summary>Age of something born at <paramref name="birthTicks"/>.</summary>
    public static TimeSpan Age(uint birthTicks) => Elapsed(birthTicks, NowTicks);

    /// <summary>Ticks in a duration, rounded down; the largest count for what does not fit.</summary>
    public static uint ToTicks(TimeSpan duration)
        => (uint)Math.Clamp(duration.TotalMilliseconds / TickMilliseconds, 0, uint.MaxValue);

    /// <summary>Wall-clock time of a tick, by the clock as it stood at the start.</summary>
    public static DateTimeOffset ToDateTimeOffset(uint ticks)
        => new DateTimeOffset(s_startUtcTicks, TimeSpan.Zero).AddMilliseconds((double)ticks * TickMilliseconds);

    // The vDSO is a loaded library like any other, under this name; glibc's wrapper around it costs a third of the call.
    private static nint FindClock()
        => NativeLibrary.TryLoad("linux-vdso.so.1", out nint vdso)
            && NativeLibrary.TryGetExport(vdso, "__vdso_clock_gettime", out nint address)
            ? address
            : NativeLibrary.GetExport(NativeLibrary.Load("libc.so.6"), "clock_gettime");

    // 33 is AT_SYSINFO_EHDR, where the kernel tells every process where the vDSO lies.
    private static nuint FindVdso()
        // Safety: the prototype of sys/auxv.h.
        => NativeLibrary.TryGetExport(NativeLibrary.Load("libc.so.6"), "getauxval", out nint address)
            ? ((delegate* unmanaged<nuint, nuint>)address)(33)
            : 0;

    private static uint TickOf(long seconds, long nanoseconds)
        => (uint)((ulong)((seconds * 1000) + (nanoseconds / 1_000_000) - s_startMilliseconds) / TickMilliseconds);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long NowMilliseconds()
    {
        TimeSpec now;
        // Safety: the kernel fills the 16 bytes of a local; the clock exists since Linux 2.6.32, so the call cannot
        // fail.
        s_read(ClockMonotonicCoarse, &now);
        return (now.Seconds * 1000) + (now.Nanoseconds / 1_000_000);
    }
}
