// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;

namespace Ingest.After;

/// <summary>A linked list in the layout the alarm panel reads.</summary>
internal sealed unsafe class AlarmLog : IAlarmLog
{
    private Entry* _newest;

    public int Count { get; private set; }

    public void Add(in Reading reading)
    {
        Entry* entry = (Entry*)NativeMemory.Alloc((nuint)sizeof(Entry));
        entry->Next = _newest;
        entry->UnixSeconds = reading.UnixSeconds;
        entry->Celsius = reading.Celsius;
        _newest = entry;
        Count++;
    }

    public void EndShift()
    {
        while (_newest is not null)
        {
            Entry* entry = _newest;
            _newest = entry->Next;
            NativeMemory.Free(entry);
        }

        Count = 0;
    }

    public void Dispose() => EndShift();

    private struct Entry
    {
        public Entry* Next;
        public long UnixSeconds;
        public double Celsius;
    }
}
