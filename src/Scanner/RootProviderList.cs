// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak;

/// <summary>The providers that every scan asks. Thread-safe; changes hold from the next scan on. The idea is libmemunreachable's
/// for memory that the binder driver holds, and kmemleak's for memory that only hardware points to.</summary>
public sealed class RootProviderList
{
    private readonly Lock _lock = new();
    private RootProvider[] _providers = [];

    internal RootProviderList()
    {
    }

    /// <summary>How many there are.</summary>
    public int Count => Providers.Length;

    // Order: acquires a complete array; pairs with the writes below.
    internal RootProvider[] Providers => Volatile.Read(ref _providers);

    /// <summary>Adds a provider. One that is added twice is asked twice.</summary>
    /// <param name="provider">The provider.</param>
    /// <exception cref="ArgumentNullException"><paramref name="provider"/> is null.</exception>
    public void Add(RootProvider provider)
    {
        ArgumentNullException.ThrowIfNull(provider);
        lock (_lock)
        {
            // Order: publishes a complete array.
            Volatile.Write(ref _providers, [.. _providers, provider]);
        }
    }

    /// <summary>Takes a provider out, once. A scan that has begun may still ask it.</summary>
    /// <param name="provider">The provider; null: there is none.</param>
    /// <returns>Whether it was there.</returns>
    public bool Remove(RootProvider? provider)
    {
        lock (_lock)
        {
            int at = provider is null ? -1 : Array.LastIndexOf(_providers, provider);
            if (at >= 0)
            {
                // Order: as above.
                Volatile.Write(ref _providers, [.. _providers[..at], .. _providers[(at + 1)..]]);
            }

            return at >= 0;
        }
    }
}
