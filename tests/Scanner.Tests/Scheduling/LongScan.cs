// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.ExitApps;
using NativeLeak.Scheduling;
using NativeLeak.Verdicts;

namespace NativeLeak.Scanner.Tests.Scheduling;

/// <summary>A scan that runs until it is given up, the given number of times.</summary>
internal sealed class LongScan(int rounds) : ILeakScan, IDisposable
{
    private Func<bool>? _isAborted;
    private int _number;

    public ManualResetEventSlim Began { get; } = new();

    public ManualResetEventSlim Ended { get; } = new();

    public bool IsAborted => _isAborted?.Invoke() == true;

    public bool WasLastGivenUp { get; private set; }

    public ScanOutcome Run(in ScanParameters parameters)
    {
        _isAborted = parameters.IsAborted;
        Began.Set();
        if (_number++ < rounds)
        {
            SpinWait.SpinUntil(() => IsAborted);
        }

        WasLastGivenUp = IsAborted;
        Ended.Set();
        return FakeOutcome.Numbered(_number);
    }

    public void Dispose()
    {
        Began.Dispose();
        Ended.Dispose();
    }
}
