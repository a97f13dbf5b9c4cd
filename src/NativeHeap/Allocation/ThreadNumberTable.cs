// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: who bears which thread number.
// Who calls it: ThreadNumbers, once per thread, inside a hook; reports.
// The one idea: numbers are not used twice while fresh ones are left, so that a report names the right thread; after
// 16,383 threads a number is taken over from a thread the kernel no longer knows. What an ended thread had set aside in
// the record table goes to a younger thread long before. For either a number is claimed: one thread at a time.
// Safety: entries lie in one reservation indexed by a small number, so no index can leave it.
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Allocation;

/// <summary>
/// Thread numbers and names in native pages. Thread-safe, lock-free; <see cref="Assign"/> makes no GC memory.
/// </summary>
internal sealed unsafe class ThreadNumberTable
{
    /// <summary>Numbers 1 … 16,383 fit a record.</summary>
    public const int MaximumCount = RecordStateWord.MaximumThreadNumber;

    // Candidates looked at when a number must be taken over; each costs one system call.
    private const int ProbeLimit = 64;

    // Each new thread looks for an ended one: system calls, and numbers passed over because theirs was found before.
    private const int HeirProbeLimit = 8, HeirScanLimit = 256;

    // What Entry.Claim says.
    private const int Unclaimed = 0, Claimed = 1, Spent = 2;

    private const nint NoSuchProcess = -3;
    private const nint PrGetName = 16;

    private readonly Entry* _entries;
    private readonly int _capacity;
    private readonly int _processId = Environment.ProcessId;
    private int _assigned;
    private int _hand;
    private int _heirHand;

    /// <summary>
    /// One number. 32 bytes: thread id, managed id, times taken over, who is at work on it, then the name as the kernel
    /// keeps it.
    /// </summary>
    [StructLayout(LayoutKind.Explicit, Size = 32)]
    private struct Entry
    {
        [FieldOffset(0)] public int ThreadId;
        [FieldOffset(4)] public int ManagedThreadId;
        [FieldOffset(8)] public int TakenOver;
        [FieldOffset(12)] public int Claim;
        [FieldOffset(16)] public fixed byte Name[16];
    }

    private ThreadNumberTable(Entry* entries, int capacity)
    {
        _entries = entries;
        _capacity = capacity;
    }

    /// <summary>Numbers ever assigned.</summary>
    // Order: a statistic.
    public int AssignedCount => Math.Min(Volatile.Read(ref _assigned), _capacity);

    /// <summary>Creates a table of <paramref name="capacity"/> numbers; null when the system refuses.</summary>
    public static ThreadNumberTable? TryCreate(IPageSource pages, int capacity)
    {
        nuint byteCount = (nuint)(capacity + 1) * (nuint)sizeof(Entry);
        byteCount = (byteCount + pages.PageByteCount - 1) & ~(pages.PageByteCount - 1);
        nuint entries = pages.AllocatePrivate(byteCount);
        return entries == 0 ? null : new ThreadNumberTable((Entry*)entries, capacity);
    }

    /// <summary>Gives the calling thread a number; 0 when all bearers looked at are alive.</summary>
    public ushort Assign()
    {
        int threadId = (int)RawSyscall.Invoke(SyscallNumber.Gettid);
        // Order: only keeps the counter from running on once all numbers are out.
        if (Volatile.Read(ref _assigned) < _capacity)
        {
            // Order: each number is given out once.
            int number = Interlocked.Increment(ref _assigned);
            if (number <= _capacity)
            {
                Fill(_entries + number, threadId);
                return (ushort)number;
            }
        }

        for (int i = 0; i < ProbeLimit; i++)
        {
            // Order: spreads the candidates; a repeated one is only wasted work.
            int candidate = (int)((uint)Interlocked.Increment(ref _hand) % (uint)_capacity) + 1;
            Entry* entry = _entries + candidate;
            if (TryClaim(entry, isSpentToo: true))
            {
                entry->TakenOver++;
                Fill(entry, threadId);
                // Order: releases the bearer; pairs with the compare-exchange in TryClaim.
                Volatile.Write(ref entry->Claim, Unclaimed);
                return (ushort)candidate;
            }
        }

        return 0;
    }

    /// <summary>
    /// Finds the number of an ended thread that nobody claimed yet; the caller is then the only one who may touch what belongs
    /// to it, until <see cref="EndClaim"/>. A few system calls.
    /// </summary>
    public bool TryClaimEnded(out ushort number)
    {
        int assigned = AssignedCount;
        for (int scanned = 0, probes = 0; scanned < HeirScanLimit && probes < HeirProbeLimit && assigned > 0; scanned++)
        {
            // Order: a hand that goes round; where two move it at once, one step is lost.
            int hand = Volatile.Read(ref _heirHand) % assigned;
            Volatile.Write(ref _heirHand, hand + 1);
            number = (ushort)(hand + 1);
            // Order: only saves the question.
            if (Volatile.Read(ref _entries[number].Claim) == Unclaimed)
            {
                probes++;
                if (TryClaim(_entries + number, isSpentToo: false))
                {
                    return true;
                }
            }
        }

        number = 0;
        return false;
    }

    /// <summary>Nothing belongs to the number any more; the next bearer may come.</summary>
    // Order: releases what was done under the claim; pairs with the compare-exchange in TryClaim.
    public void EndClaim(ushort number) => Volatile.Write(ref _entries[number].Claim, Spent);

    // Whether the bearer has ended and the caller is the one to act on it. Asked under the claim: no other bearer, and so none
    // to whom the kernel gave the same thread id again, can come in between. An id given to a stranger counts as alive.
    private bool TryClaim(Entry* entry, bool isSpentToo)
    {
        // Order: only the start; the compare-exchange decides. A thread id is written last (Fill).
        int seen = Volatile.Read(ref entry->Claim);
        int bearer = Volatile.Read(ref entry->ThreadId);
        if (seen == Claimed || (seen == Spent && !isSpentToo) || bearer == 0
            // Order: one thread at a time; acquires what the last one did.
            || Interlocked.CompareExchange(ref entry->Claim, Claimed, seen) != seen)
        {
            return false;
        }

        // Order: bearers change under the claim only.
        if (!IsAlive(Volatile.Read(ref entry->ThreadId)))
        {
            return true;
        }

        // Order: as in EndClaim.
        Volatile.Write(ref entry->Claim, seen);
        return false;
    }

    /// <summary>Thread id, name, and an honest word when the number had several bearers.</summary>
    public string Describe(ushort number)
    {
        if (number == 0 || number > AssignedCount)
        {
            return "unknown thread";
        }

        Entry* entry = _entries + number;
        ReadOnlySpan<byte> name = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(entry->Name);
        string text = string.Create(CultureInfo.InvariantCulture,
            $"T{number} '{Encoding.UTF8.GetString(name)}' "
            + $"(native id {entry->ThreadId}, managed id {entry->ManagedThreadId})");
        return entry->TakenOver == 0 ? text : text + ", or an ended thread that bore this number before";
    }

    private bool IsAlive(int threadId)
        => RawSyscall.Invoke(SyscallNumber.Tgkill, _processId, threadId, 0) != NoSuchProcess;

    // The kernel's name is the managed one, cut to 15 bytes, once the thread has one. It always ends with a zero.
    private static void Fill(Entry* entry, int threadId)
    {
        RawSyscall.Invoke(SyscallNumber.Prctl, PrGetName, (nint)entry->Name);
        entry->ManagedThreadId = Environment.CurrentManagedThreadId;
        // Order: the bearer's id last, so that it never stands beside another thread's name.
        Volatile.Write(ref entry->ThreadId, threadId);
    }
}
