// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Interop;

namespace NativeLeak.Litmus;

/// <summary>The system's pages, given back at the end of a batch.</summary>
internal sealed class LitmusPages : IPageSource, IDisposable
{
    private readonly List<(nuint Address, nuint ByteCount)> _owned = [];

    public nuint PageByteCount => Platform.Pages.PageByteCount;

    public nuint Reserve(nuint byteCount) => Own(Platform.Pages.Reserve(byteCount), byteCount);

    public bool Commit(nuint address, nuint byteCount) => Platform.Pages.Commit(address, byteCount);

    public nuint AllocatePrivate(nuint byteCount) => Own(Platform.Pages.AllocatePrivate(byteCount), byteCount);

    public nuint AllocateShared(nuint byteCount) => Own(Platform.Pages.AllocateShared(byteCount), byteCount);

    public void Release(nuint address, nuint byteCount)
    {
        lock (_owned)
        {
            _owned.Remove((address, byteCount));
        }

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
            lock (_owned)
            {
                _owned.Add((address, byteCount));
            }
        }

        return address;
    }
}
