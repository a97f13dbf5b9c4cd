// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;

namespace Ingest.Before;

/// <summary>The last readings of one device, in unmanaged memory to keep them out of the collector's way.</summary>
internal sealed unsafe class Window : IDisposable
{
    private const int Capacity = 32;

    private readonly double* _values = (double*)NativeMemory.AllocZeroed(Capacity, sizeof(double));
    private int _count;

    public long LastSeen { get; private set; }

    public double Add(in Reading reading)
    {
        _values[_count++ % Capacity] = reading.Celsius;
        LastSeen = reading.UnixSeconds;
        double sum = 0;
        int length = Math.Min(_count, Capacity);
        for (int i = 0; i < length; i++)
        {
            sum += _values[i];
        }

        return sum / length;
    }

    public void Dispose() => NativeMemory.Free(_values);
}
