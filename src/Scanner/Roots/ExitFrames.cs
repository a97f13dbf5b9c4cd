// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: which part of the ending thread's stack belongs to the application, and which to the runtime's way out.
// Who calls it: ExitReporter, first thing in ProcessExit; the child when it trims that thread's stack.
// The one idea: the frames of the way out lie where the application's dead frames lay, and have holes through which stale
// pointers show; so only what these frames saved for their callers counts, and the stack counts from the application's
// innermost frame on. After a return from Main there is none, and nothing counts (LSan's caller stack pointer rule).
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;

namespace NativeLeak.Roots;

/// <summary>The frames of the runtime's way out. In native pages of ours; the child reads it.</summary>
[StructLayout(LayoutKind.Sequential)]
[ChildCode]
internal unsafe struct ExitFrames
{
    // A frame saves at most five registers (rbx, r12 … r15), right below where it saved its caller's rbp.
    private const nuint SavedRegisterByteCount = 5 * 8;
    private const int MaximumFrames = 120;
    private const nuint MaximumFrameByteCount = 1 << 20;

    /// <summary>The thread; 0 = nothing is known.</summary>
    public int ThreadId;

    /// <summary>How many frames lie between our handler and the application's innermost frame.</summary>
    public int Count;

    /// <summary>Where the application's part of the stack begins.</summary>
    public nuint LiveStackPointer;

    /// <summary>Frame addresses; the saved registers lie in the bytes below each.</summary>
    public fixed ulong Frames[MaximumFrames];

    private static ExitFrames* s_current;

    /// <summary>What <see cref="Capture"/> found, null before.</summary>
    public static ExitFrames* Current => s_current;

    /// <summary>Looks at the calling thread, which must be the one that ends the process. Never throws.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Capture()
    {
        try
        {
            MachineCode.EmitFrameStubs();
            ExitFrames* frames = (ExitFrames*)Platform.Pages.AllocatePrivate(Platform.Pages.PageByteCount);
            if (frames != null)
            {
                Walk(frames, MachineCode.FramePointer(), ProcessMaps.Read());
                frames->ThreadId = (int)RawSyscall.Invoke(SyscallNumber.Gettid);
                s_current = frames;
            }
        }
        catch (Exception)
        {
            // Without the list of modules (it cannot be read, or is too long for the memory there is) nobody's frame can be
            // told: the whole stack counts, which is safe. The end of the process must not be disturbed.
        }
    }

    // Safety: frames are read only inside the mapping the first one lies in, upwards, 8-aligned: this thread's own stack.
    private static void Walk(
        ExitFrames* frames, nuint frame, IReadOnlyList<(MemoryRange Range, string Access, string Path)> mappings)
    {
        nuint end = mappings.FirstOrDefault(m => m.Range.Contains(frame)).Range.End;
        MemoryRange[] runtime = [.. RuntimeCode(mappings)];
        for (bool isOurs = true; frames->Count < MaximumFrames && frame + 16 <= end; isOurs = false)
        {
            frames->Frames[frames->Count++] = frame;
            frames->LiveStackPointer = frame + 16;
            nuint returnAddress = *(nuint*)(frame + 8), next = *(nuint*)frame;
            bool isRuntime = isOurs || Array.Exists(runtime, r => r.Contains(returnAddress));
            if (!isRuntime || next <= frame || (next & 7) != 0 || next - frame > MaximumFrameByteCount)
            {
                return;
            }

            frame = next;
        }
    }

    // Code that holds no pointer of the application: the host, the runtime, and the core library.
    private static IEnumerable<MemoryRange> RuntimeCode(
        IReadOnlyList<(MemoryRange Range, string Access, string Path)> mappings)
    {
        string? host = Environment.ProcessPath;
        foreach ((MemoryRange range, string access, string path) in mappings)
        {
            bool isRuntime = path == host || Path.GetFileName(path.AsSpan()) is "libcoreclr.so" or "libhostpolicy.so"
                or "libhostfxr.so" or "System.Private.CoreLib.dll";
            if (isRuntime && access.Contains('x', StringComparison.Ordinal))
            {
                yield return range;
            }
        }
    }

    /// <summary>Bytes below a frame's address that hold what it saved for its caller.</summary>
    [MethodImpl(ChildCode.Options)]
    public static MemoryRange SavedRegisters(ExitFrames* frames, int i)
        => new((nuint)frames->Frames[i] - SavedRegisterByteCount, (nuint)frames->Frames[i]);
}
