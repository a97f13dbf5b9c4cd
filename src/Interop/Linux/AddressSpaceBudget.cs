// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: how much address space the detector may reserve in a process whose address space is limited (RLIMIT_AS).
// Who calls it: LinuxPageSource, at each reservation.
// The one idea: our tables reserve far more than they will ever use. Where that is not free, they take a fixed share of
// what is left and make do with less, so that the application finds the room that it would find without us.
// Safety: the structure handed to the kernel is a local of the size it expects.
using System.Globalization;

namespace NativeLeak.Interop.Linux;

/// <summary>A share of the address space that is left. Thread-safe; asking costs nothing without a limit.</summary>
internal sealed unsafe class AddressSpaceBudget
{
    // Of what is left when we come, a quarter for all reservations together, and of that a quarter for each.
    private const long Share = 4, ShareOfEach = 4;
    private const nint RlimitAddressSpace = 9;

    private readonly long _mostEach;
    private long _left;

    private AddressSpaceBudget(long bytes)
    {
        _left = bytes;
        _mostEach = bytes == long.MaxValue ? bytes : bytes / ShareOfEach;
    }

    /// <summary>The budget of this process; reads a file when its address space is limited. Cold.</summary>
    public static AddressSpaceBudget OfThisProcess()
    {
        ulong* limit = stackalloc ulong[2];
        bool isLimited = RawSyscall.Invoke(SyscallNumber.GetRlimit, RlimitAddressSpace, (nint)limit) == 0
            && limit[0] <= long.MaxValue;
        return new AddressSpaceBudget(isLimited ? Math.Max((long)limit[0] - InUse(), 0) / Share : long.MaxValue);
    }

    /// <summary>Bytes that may still be taken; as many as there are where nothing is limited.</summary>
    // Order: a statistic.
    public long Left => Math.Max(Volatile.Read(ref _left), 0);

    /// <summary>A budget of so many bytes.</summary>
    public static AddressSpaceBudget Of(long bytes) => new(bytes);

    /// <summary>Takes room for a reservation. False when the share does not allow it.</summary>
    public bool TryTake(nuint byteCount)
    {
        if (_mostEach == long.MaxValue)
        {
            return true;
        }

        if (byteCount > (nuint)_mostEach)
        {
            return false;
        }

        // Order: an account of one word; who takes too much gives it back.
        if (Interlocked.Add(ref _left, -(long)byteCount) >= 0)
        {
            return true;
        }

        Interlocked.Add(ref _left, (long)byteCount);
        return false;
    }

    /// <summary>Gives back what was taken for a reservation that the system refused.</summary>
    // Order: as above.
    public void Return(nuint byteCount) => Interlocked.Add(ref _left, _mostEach == long.MaxValue ? 0 : (long)byteCount);

    // The first number of statm: pages of address space. Without it, as if nothing were left.
    private static long InUse()
    {
        try
        {
            return long.Parse(File.ReadAllText("/proc/self/statm").Split(' ')[0], CultureInfo.InvariantCulture) * 4096;
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException or FormatException)
        {
            return long.MaxValue;
        }
    }
}
