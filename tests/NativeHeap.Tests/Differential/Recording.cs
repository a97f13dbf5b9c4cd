// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.NativeHeap.Reclamation;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Tests.Differential;

/// <summary>
/// The differential fixtures run twice: in the suite's own process, where the switch is off, and in a child with
/// NATIVELEAK=on (<see cref="RecordingChildTests"/>), where everything is recorded and the records are checked too.
/// </summary>
internal static class Recording
{
    /// <summary>Whether the explicit API records in this process.</summary>
    public static bool IsOn => TrackingSwitch.IsOn;

    /// <summary>Starts recording where the switch is on.</summary>
    public static void StartIfOn()
    {
        if (IsOn)
        {
            AllocationRecorder.Start(16);
            Assert.That(AllocationRecorder.StartFailure, Is.Null);
        }
    }

    /// <summary>While recording, checks the record of a block and the first frame of its site.</summary>
    public static void AssertRecorded(nint address, nuint byteCount, AllocationApi api, BlockFlags flags, string caller)
    {
        if (!IsOn)
        {
            return;
        }

        using EpochGuard guard = RecordTable.EnterGuard();
        Assert.That(RecordTable.TryFind(in guard, (nuint)address, out RecordHandle found), $"{api} is not recorded");
        using (found)
        {
            Assert.That(found.Record.BlockByteCount, Is.EqualTo(byteCount), $"{api}");
            Assert.That(found.Record.Api, Is.EqualTo(api));
            Assert.That(found.Record.Flags, Is.EqualTo(flags), $"{api}");
            Assert.That(SiteDepot.GetStack(found.Record.Site)!.Frames[0].Method!.Name, Does.Contain(caller), $"{api}");
        }
    }

    /// <summary>Checks that no record is left at an address.</summary>
    public static void AssertForgotten(nint address)
    {
        if (IsOn)
        {
            using EpochGuard guard = RecordTable.EnterGuard();
            Assert.That(RecordTable.TryFind(in guard, (nuint)address, out _), Is.False);
        }
    }
}
