// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the roots that providers name for one scan.
// Who calls it: the scanner thread, around every scan.
// The one idea: ranges are registered for the time of the scan, and pointers stand in one more range, so that the child
// needs to know nothing of providers. Each is asked on a thread of its own (ProviderCall): one that never returns costs every
// scan its roots, and none a scan.
// Safety: the buffer of pointers holds PointerCapacity words, is ours, and is read by the child as a registered range.
using System.Diagnostics;
using System.Runtime.InteropServices;
using NativeLeak.Interop;
using NativeLeak.Reporting;

namespace NativeLeak.Roots;

/// <summary>Asks providers, and takes their roots back at the end. One at a time, on the scanner's thread.</summary>
internal sealed unsafe class ProvidedRoots : IDisposable
{
    /// <summary>Pointers a scan takes.</summary>
    public const int PointerCapacity = 65_536;

    /// <summary>Ranges a scan takes.</summary>
    public const int RangeCapacity = 4_096;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);

    // Room for a provider that stops when it is refused to come back before it is given up.
    private static readonly TimeSpan s_returnPatience = TimeSpan.FromSeconds(2);

    private static nuint* s_pointers;

    // Calls that were given up; touched by the scanner's thread only.
    private static readonly List<ProviderCall> s_lateCalls = [];

    private readonly Lock _lock = new();
    private readonly List<RootRegistration> _ranges = [];
    private readonly List<string> _warnings = [];
    private int _pointerCount;
    private int _refused;
    private long _startedAt;

    private ProvidedRoots()
    {
    }

    /// <summary>Asks every provider.</summary>
    public static ProvidedRoots Collect(RootProviderList providers)
    {
        ProvidedRoots roots = new();
        RootProvider[] all = providers.Providers;
        if (all.Length > 0 && (s_pointers != null || TryAllocate()))
        {
            s_lateCalls.RemoveAll(static call => call.HasEnded);
            foreach (RootProvider provider in all)
            {
                roots.Ask(provider);
            }

            roots.Register(new MemoryRange((nuint)s_pointers, (nuint)(s_pointers + roots._pointerCount)), default);
        }

        return roots;
    }

    /// <summary>The request with what went wrong here.</summary>
    public ReportRequest Extend(in ReportRequest request)
        => _warnings.Count == 0 ? request : request with { Warnings = [.. request.Warnings, .. _warnings], HasGaps = true };

    /// <summary>Takes a pointer; false when there is no room, the provider takes too long, or its call is over.</summary>
    public bool TryAdd(RootCollector collector, nuint pointer)
    {
        lock (_lock)
        {
            if (!collector.IsOpen)
            {
                return false;
            }

            bool isTaken = _pointerCount < PointerCapacity && IsInTime;
            if (isTaken)
            {
                s_pointers[_pointerCount++] = pointer;
            }

            _refused += isTaken ? 0 : 1;
            return isTaken;
        }
    }

    /// <summary>Takes a range; false as above.</summary>
    public bool TryAdd(RootCollector collector, MemoryRange range, PointerDecoder decoder)
    {
        lock (_lock)
        {
            if (!collector.IsOpen)
            {
                return false;
            }

            bool isTaken = _ranges.Count < RangeCapacity && IsInTime && Register(range, decoder);
            _refused += isTaken ? 0 : 1;
            return isTaken;
        }
    }

    /// <summary>Takes all roots back.</summary>
    public void Dispose()
    {
        foreach (RootRegistration range in _ranges)
        {
            range.Dispose();
        }

        _ranges.Clear();
        if (_pointerCount > 0)
        {
            NativeMemory.Clear(s_pointers, (nuint)_pointerCount * (nuint)sizeof(nuint));
            _pointerCount = 0;
        }
    }

    private bool IsInTime => Stopwatch.GetElapsedTime(_startedAt) < s_patience;

    private void Ask(RootProvider provider)
    {
        if (s_lateCalls.Exists(call => call.Provider == provider))
        {
            _warnings.Add("a root provider has not returned from an earlier call, and is not asked until it does: "
                + "what it holds may be called lost");
            return;
        }

        RootCollector collector = new(this);
        _startedAt = Stopwatch.GetTimestamp();
        int refused = _refused;
        ProviderCall call = new(provider, collector);
        bool hasEnded = call.Run(s_returnPatience, out string? failure);
        lock (_lock)
        {
            // From here on the provider, which may still run, is answered with false.
            collector.Close();
        }

        if (!hasEnded)
        {
            s_lateCalls.Add(call);
        }

        if (failure is not null)
        {
            _warnings.Add($"a root provider {failure}: what it holds may be called lost");
        }

        if (_refused > refused)
        {
            _warnings.Add($"{_refused - refused} root(s) of a provider were refused: "
                + $"a scan takes {PointerCapacity} pointers and {RangeCapacity} ranges, and of one provider those of its first second");
        }
    }

    private bool Register(MemoryRange range, PointerDecoder decoder)
    {
        bool isRegistered = range.End > range.Start && RegisteredRoots.TryAdd(range, decoder);
        if (isRegistered)
        {
            _ranges.Add(new RootRegistration(range, decoder, isRegistered: true));
        }

        return isRegistered;
    }

    private static bool TryAllocate()
    {
        s_pointers = (nuint*)Platform.Pages.AllocatePrivate(PointerCapacity * (nuint)sizeof(nuint));
        return s_pointers != null;
    }
}
