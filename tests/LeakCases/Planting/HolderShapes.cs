// Licensed under the MIT License. See LICENSE in the repository root.
// Safety: a pointer is only stored, never followed.
using System.Runtime.InteropServices;

namespace LeakCases.Planting;

/// <summary>Managed objects that hold an address, for the cases and for the corpus of holders.</summary>
internal static class HolderShapes
{
    public static nint[] Set(nint[] array, nint address)
    {
        array[^3] = address;
        return array;
    }

    public static unsafe PointerNode MakePointerNode(nint address) => new() { Pointer = (int*)address };

    public static Node MakeList(nint address, int length)
    {
        Node head = new() { Address = address };
        for (int i = 0; i < length; i++)
        {
            head = new Node { Next = head };
        }

        return head;
    }

    public static Lazy<nint> MakeLazy(nint address)
    {
        Lazy<nint> lazy = new(() => address);
        _ = lazy.Value;
        return lazy;
    }

    public static IEnumerator<nint> MakeIterator(nint address)
    {
        IEnumerator<nint> iterator = Repeat(address).GetEnumerator();
        iterator.MoveNext();
        return iterator;
    }

    private static IEnumerable<nint> Repeat(nint address)
    {
        yield return 0;
        yield return address;
    }

    public static async Task WaitWith(nint address, Task gate)
    {
        await gate.ConfigureAwait(false);
        Marshal.FreeHGlobal(address);
    }

    public sealed class Node
    {
        public Node? Next;
        public nint Address;

        public nint Read() => Next is null ? Address : 0;
    }

    public sealed unsafe class PointerNode
    {
        public int* Pointer;
    }
}
