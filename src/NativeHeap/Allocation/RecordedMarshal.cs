// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: Marshal's allocating members, served by the C heap directly and recorded under their own names.
// Who calls it: TrackedMarshal while recording.
// The one idea: as RecordedMemory; where only the runtime can do the work (secure strings) it does it, hidden from the
// hook, and the result is recorded here.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security;
using System.Text;
using NativeLeak.NativeHeap.Misuse;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.NativeHeap.Allocation;

/// <summary>Recorded counterparts of Marshal. Pre: <see cref="AllocationRecorder.IsRecording"/>. Sites as in
/// <see cref="RecordedMemory"/>.</summary>
internal static unsafe class RecordedMarshal
{
    private const int BstrPrefixByteCount = 8;

    // The runtime keeps Windows' habit of rounding a BSTR's block to 16 bytes.
    private const ulong BstrRounding = 15;

    /// <summary>Marshal.ReAllocCoTaskMem: size 0 frees.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static nint ReAllocCoTaskMem(nint pv, int cb, uint site = 0)
    {
        if (cb == 0 && pv != 0)
        {
            RecordedMemory.Free((void*)pv, FreeingApi.MarshalReAllocCoTaskMem);
            return 0;
        }

        return (nint)RecordedMemory.Realloc((void*)pv, (uint)cb, AllocationApi.MarshalReAllocCoTaskMem, site);
    }

    /// <summary>UTF-8 with the room Marshal gives to "Ansi" strings: three bytes per UTF-16 unit.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static nint StringToAnsi(string s, AllocationApi api, uint site = 0)
    {
        AllocationCall call = StackWalker.Caller() with { Site = site };
        int byteCount = (int)((s.Length + 1) * (long)Marshal.SystemMaxDBCSCharSize);
        byte* block = (byte*)RecordedMemory.Alloc((nuint)byteCount, api, BlockFlags.None, in call);
        block[Encoding.UTF8.GetBytes(s, new Span<byte>(block, byteCount))] = 0;
        return (nint)block;
    }

    /// <summary>Whether Marshal itself must be called because a string this long makes it throw.</summary>
    public static bool IsTooLongForAnsi(string s)
        => (s.Length + 1) * (long)Marshal.SystemMaxDBCSCharSize > int.MaxValue;

    /// <summary>UTF-8 with the room the encoding asks for at most.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static nint StringToUtf8(string s, AllocationApi api, uint site = 0)
    {
        AllocationCall call = StackWalker.Caller() with { Site = site };
        // Throws for strings whose UTF-8 form could exceed 2 GiB, as the original does at the same place.
        int byteCount = Encoding.UTF8.GetMaxByteCount(s.Length);
        byte* block = (byte*)RecordedMemory.Alloc((nuint)checked(byteCount + 1), api, BlockFlags.None, in call);
        block[Encoding.UTF8.GetBytes(s, new Span<byte>(block, byteCount))] = 0;
        return (nint)block;
    }

    /// <summary>UTF-16 with a final zero.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static nint StringToUni(string s, AllocationApi api, uint site = 0)
    {
        AllocationCall call = StackWalker.Caller() with { Site = site };
        char* block = (char*)RecordedMemory.Alloc(((nuint)s.Length + 1) * sizeof(char), api, BlockFlags.None,
            in call);
        CopyTerminated(s, block);
        return (nint)block;
    }

    /// <summary>A BSTR: length in bytes before the characters, a final zero after them.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static nint StringToBstr(string s, uint site = 0)
    {
        AllocationCall call = StackWalker.Caller() with { Site = site };
        byte* block = (byte*)RecordedMemory.Alloc(BstrBlockByteCount((uint)s.Length * sizeof(char)),
            AllocationApi.MarshalStringToBSTR, BlockFlags.BstrPrefixed, in call);
        char* text = (char*)(block + BstrPrefixByteCount);
        ((uint*)text)[-1] = (uint)s.Length * sizeof(char);
        CopyTerminated(s, text);
        return (nint)text;
    }

    /// <summary>Marshal.FreeBSTR.</summary>
    public static void FreeBstr(nint bstr, FreeingApi api)
    {
        if (bstr != 0)
        {
            RecordedMemory.Free((byte*)bstr - BstrPrefixByteCount, api);
        }
    }

    /// <summary>Marshal.ZeroFreeBSTR.</summary>
    public static void ZeroFreeBstr(nint bstr)
    {
        if (bstr != 0)
        {
            // Safety: the caller's pointer is a BSTR, so its length stands in the four bytes before it.
            NativeMemory.Clear((void*)bstr, ((uint*)bstr)[-1]);
            FreeBstr(bstr, FreeingApi.MarshalZeroFreeBSTR);
        }
    }

    /// <summary>Marshal.ZeroFree…Ansi and …UTF8.</summary>
    public static void ZeroFreeBytes(nint s, FreeingApi api)
    {
        if (s != 0)
        {
            NativeMemory.Clear((void*)s, (nuint)MemoryMarshal.CreateReadOnlySpanFromNullTerminated((byte*)s).Length);
            RecordedMemory.Free((void*)s, api);
        }
    }

    /// <summary>Marshal.ZeroFree…Unicode.</summary>
    public static void ZeroFreeChars(nint s, FreeingApi api)
    {
        if (s != 0)
        {
            NativeMemory.Clear((void*)s,
                (nuint)MemoryMarshal.CreateReadOnlySpanFromNullTerminated((char*)s).Length * sizeof(char));
            RecordedMemory.Free((void*)s, api);
        }
    }

    /// <summary>Marshal.SecureStringToBSTR.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static nint SecureStringToBstr(SecureString s, uint site = 0)
    {
        AllocationCall call = StackWalker.Caller() with { Site = site };
        nint bstr;
        using (DetectorThread.Enter())
        {
            bstr = Marshal.SecureStringToBSTR(s);
        }

        AllocationRecorder.OnAllocated((nuint)bstr - BstrPrefixByteCount, BstrBlockByteCount(((uint*)bstr)[-1]),
            AllocationApi.MarshalSecureStringToBSTR, BlockFlags.BstrPrefixed, in call);
        return bstr;
    }

    /// <summary>Marshal.SecureStringToCoTaskMemUnicode and …GlobalAllocUnicode.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static nint SecureStringToUni(SecureString s, AllocationApi api, uint site = 0)
    {
        AllocationCall call = StackWalker.Caller() with { Site = site };
        nint text;
        nuint byteCount;
        using (DetectorThread.Enter())
        {
            text = Marshal.SecureStringToGlobalAllocUnicode(s);
            byteCount = Math.Min(((nuint)s.Length + 1) * sizeof(char), CHeap.UsableSize((void*)text));
        }

        AllocationRecorder.OnAllocated((nuint)text, byteCount, api, BlockFlags.None, in call);
        return text;
    }

    /// <summary>Marshal.SecureStringToCoTaskMemAnsi and …GlobalAllocAnsi.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static nint SecureStringToAnsi(SecureString s, AllocationApi api, uint site = 0)
    {
        AllocationCall call = StackWalker.Caller() with { Site = site };
        nint text;
        nuint byteCount;
        using (DetectorThread.Enter())
        {
            text = Marshal.SecureStringToGlobalAllocAnsi(s);
            byteCount = Utf8ByteCount((byte*)text, s.Length, CHeap.UsableSize((void*)text)) + 1;
        }

        AllocationRecorder.OnAllocated((nuint)text, byteCount, api, BlockFlags.None, in call);
        return text;
    }

    /// <summary>Bytes of the C-heap block of a BSTR of <paramref name="textByteCount"/> bytes.</summary>
    internal static nuint BstrBlockByteCount(uint textByteCount)
        => (nuint)(((ulong)textByteCount + BstrPrefixByteCount + sizeof(char) + BstrRounding) & ~BstrRounding);

    // How many bytes of UTF-8 stand for so many UTF-16 units: the text may hold zeros, so its end cannot be searched.
    private static nuint Utf8ByteCount(byte* text, int charCount, nuint limit)
    {
        nuint at = 0;
        int chars = 0;
        while (chars < charCount && at + 1 < limit)
        {
            byte lead = text[at];
            at += lead < 0x80 ? 1u : lead < 0xE0 ? 2u : lead < 0xF0 ? 3u : 4u;
            chars += lead < 0xF0 ? 1 : 2;
        }

        return Math.Min(at, limit - 1);
    }

    private static void CopyTerminated(string s, char* destination)
    {
        s.CopyTo(new Span<char>(destination, s.Length));
        destination[s.Length] = '\0';
    }
}
