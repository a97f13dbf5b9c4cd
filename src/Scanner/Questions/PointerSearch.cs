// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: finds every word in the frozen process that points into a range, dead or alive.
// Who calls it: Answerer, after the verdicts.
// The one idea: a question is about all that is there; whether a pointer counts is told of each, afterwards.
// Safety: mappings are the child's own and readable; after a fault (safe mode) they are copied first.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Marking;

namespace NativeLeak.Questions;

/// <summary>What is searched, and the place where the search stands.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct PointerSearch
{
    /// <summary>Pointers to First … Last, both included, are found.</summary>
    public nuint First, Last;

    /// <summary>Receives each word and its address; returns false to end the search.</summary>
    public delegate*<ChildState*, nuint, nuint, bool> Found;
}

/// <summary>The loops.</summary>
[ChildCode]
internal static unsafe class PointerSearches
{
    private const nuint PieceByteCount = 4 << 20;

    /// <summary>Reads all private memory, then the words the parent kept from memory the copy does not hold.</summary>
    [MethodImpl(ChildCode.Options)]
    public static void Run(ChildState* state, PointerSearch* search)
    {
        for (int i = 0; i < state->MappingCount; i++)
        {
            Mapping* mapping = state->Mappings + i;
            const MappingAccess ReadWrite = MappingAccess.Read | MappingAccess.Write;
            bool isPrivate = (mapping->Access & (ReadWrite | MappingAccess.Shared)) == ReadWrite;
            if (isPrivate && mapping->Kind is not (MappingKind.Device or MappingKind.Special)
                && !InRange(state, search, mapping->Start, mapping->End))
            {
                return;
            }
        }

        LiveWords(state, search);
    }

    /// <summary>Reads [start, end), but for memory of ours; false when the search was ended.</summary>
    [MethodImpl(ChildCode.Options)]
    public static bool InRange(ChildState* state, PointerSearch* search, nuint start, nuint end)
    {
        while (start + 8 <= end)
        {
            nuint pieceEnd = end - start > PieceByteCount ? start + PieceByteCount + 4 : end;
            state->View->Progress++;
            bool goesOn = state->SafeMode == 0
                ? InPiece(state, search, start, pieceEnd, 0)
                : InCopies(state, search, start, pieceEnd);
            if (!goesOn)
            {
                return false;
            }

            start = pieceEnd == end ? end : pieceEnd - 4;
        }

        return true;
    }

    [MethodImpl(ChildCode.Options)]
    private static bool InCopies(ChildState* state, PointerSearch* search, nuint start, nuint end)
    {
        for (nuint at = start; at + 8 <= end; at += state->SafeBufferByteCount - 4)
        {
            nuint want = end - at < state->SafeBufferByteCount ? end - at : state->SafeBufferByteCount;
            nint got = Peek.Copy(state, at, state->SafeBuffer, (nint)want);
            if (got >= 8 && !InPiece(state, search, (nuint)state->SafeBuffer, (nuint)state->SafeBuffer + (nuint)got, at - (nuint)state->SafeBuffer))
            {
                return false;
            }
        }

        return true;
    }

    [MethodImpl(ChildCode.Options)]
    private static bool InPiece(ChildState* state, PointerSearch* search, nuint start, nuint end, nuint shift)
    {
        nuint first = search->First, span = search->Last - first;
        for (nuint at = (start + 3) & ~(nuint)3; at + 8 <= end; at += Marker.Stride)
        {
            nuint word = *(nuint*)at;
            if (word - first <= span && !IsOurs(state, at + shift) && !search->Found(state, at + shift, word))
            {
                return false;
            }
        }

        return true;
    }

    [MethodImpl(ChildCode.Options)]
    private static void LiveWords(ChildState* state, PointerSearch* search)
    {
        for (long i = 0; state->Context->Live != null && state->Context->LivePlaces != null && i < state->Context->Live->WordCount; i++)
        {
            nuint word = state->Context->LiveWords[i];
            if (word - search->First <= search->Last - search->First && !search->Found(state, state->Context->LivePlaces[i], word))
            {
                return;
            }
        }
    }

    [MethodImpl(ChildCode.Options)]
    private static bool IsOurs(ChildState* state, nuint address)
    {
        for (int i = 0; i < state->Context->OwnCount; i++)
        {
            if (state->Context->OwnRanges[i].Contains(address))
            {
                return true;
            }
        }

        return false;
    }
}
