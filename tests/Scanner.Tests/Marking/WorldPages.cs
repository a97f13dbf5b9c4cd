// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Interop;

namespace NativeLeak.Scanner.Tests.Marking;

/// <summary>The system's pages, all given back at the end: a record table reserves more than many tests could keep.</summary>
internal sealed class WorldPages : IPageSource, IDisposable
{
    private readonly Dictionary<nuint, nuint> _owned = [];

    public nuint PageByteCount => Platform.Pages.PageByteCount;

    public nuint Reserve(nuint byteCount) => Own(Platform.Pages.Reserve(byteCount), byteCount);

    public bool Commit(nuint address, nuint byteCount) => Platform.Pages.Commit(address, byteCount);

    public nuint AllocatePrivate(nuint byteCount) => Own(Platform.Pages.AllocatePrivate(byteCount), byteCount);

    public nuint AllocateShared(nuint byteCount) => Own(Platform.Pages.AllocateShared(byteCount), byteCount);

    public void Release(nuint address, nuint byteCount)
    {
        _owned.Remove(address);
        Platform.Pages.Release(address, byteCount);
    }

    public void Dispose()
    {
        foreach ((nuint address, nuint byteCount) in _owned)
        {
            Platform.Pages.Release(address, byteCount);
        }

        _owned.Clear();
    }

    private nuint Own(nuint address, nuint byteCount)
    {
        if (address != 0)
        {
            _owned.Add(address, byteCount);
        }

        return address;
    }
}
