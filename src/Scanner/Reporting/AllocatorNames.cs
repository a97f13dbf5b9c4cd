// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: names the API that allocated a block: Marshal.AllocHGlobal, NativeMemory.AlignedAlloc, …
// Who calls it: ReportBuilder, once per allocation site.
// The one idea: all APIs end in seven native exports, and between them and the caller methods vanish (inlined, or left
// by a tail call), so the call in the caller's own IL is the best witness, then the outermost API frame, then the
// record.
using System.Reflection;
using System.Runtime.InteropServices;
using System.Security;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.Reporting;

/// <summary>Names of allocating APIs.</summary>
internal static class AllocatorNames
{
    // As far as the JIT inlines without being told to.
    private const int MaximumInlinedByteCount = 100;
    private const int MaximumInlinedDepth = 3;
    private const int MaximumInlinedCalls = 32;

    private static readonly string[] s_names = BuildNames();

    private static readonly HashSet<string> s_allocating = [.. s_names.Where(static name => name.Length > 0)];

    /// <summary>The API of a block that was recorded with <paramref name="api"/> at this stack (innermost
    /// first).</summary>
    public static string Find(AllocationApi api, IReadOnlyList<CallFrame> frames)
    {
        string recorded = Name(api);
        if (recorded.StartsWith("Marshal.", StringComparison.Ordinal)
            || api is AllocationApi.LeakHintsAdopt or AllocationApi.BlockPoolAlloc)
        {
            // Only a caller's own words can say these: the exports do not know them.
            return recorded;
        }

        int count = CountApiFrames(frames);
        string? frameName = OutermostApi(frames, count);
        string? callName = count < frames.Count ? FromCode(frames[count], frameName, Export(recorded)) : null;
        return callName ?? frameName ?? (recorded.Length > 0 ? recorded : "SystemNative_Malloc");
    }

    /// <summary>How many frames at the top of the stack are the allocating API itself.</summary>
    public static int CountApiFrames(IReadOnlyList<CallFrame> frames)
    {
        int count = 0;
        while (count < frames.Count && IsApiFrame(frames[count].Method))
        {
            count++;
        }

        return count;
    }

    /// <summary>The API's name as <c>Type.Method</c>; empty for <see cref="AllocationApi.Unknown"/>.</summary>
    public static string Name(AllocationApi api)
        => (int)api < s_names.Length ? s_names[(int)api] : string.Empty;

    private static string? OutermostApi(IReadOnlyList<CallFrame> frames, int count)
    {
        for (int i = count - 1; i >= 0; i--)
        {
            if (AllocatingName(frames[i].Method!) is { } name)
            {
                return name;
            }
        }

        return null;
    }

    private static string? FromCode(in CallFrame caller, string? frameName, AllocationApi export)
    {
        if (caller is not { Method: { } method, ILOffset: >= 0 })
        {
            return null;
        }

        IReadOnlyList<MethodBase> calls = CallSite.CallsOfStatement(method, caller.ILOffset);
        for (int depth = 0; depth <= MaximumInlinedDepth && calls.Count > 0; depth++)
        {
            if (Choose(calls, frameName, export) is { } name)
            {
                return name;
            }

            // Nothing at this depth: the callee that allocates was itself inlined. Look where the compiler looked.
            calls = [.. calls.Take(MaximumInlinedCalls).SelectMany(static called
                => CallSite.CallsOfBody(called, MaximumInlinedByteCount))];
        }

        return null;
    }

    // Several may be called: the one the stack shows, if it shows one of them; else the first that ends in the export
    // that was called; else the first.
    private static string? Choose(IReadOnlyList<MethodBase> calls, string? frameName, AllocationApi export)
    {
        List<string> names = [.. calls.Select(AllocatingName).OfType<string>()];
        return frameName is not null && names.Contains(frameName) ? frameName
            : names.Find(name => Export(name) == export) ?? (names.Count > 0 ? names[0] : null);
    }

    // Which of the native exports an API ends in; Unknown is malloc, which most of them do.
    private static AllocationApi Export(string name) => name switch
    {
        "NativeMemory.AllocZeroed" => AllocationApi.NativeMemoryAllocZeroed,
        "NativeMemory.AlignedAlloc" => AllocationApi.NativeMemoryAlignedAlloc,
        "NativeMemory.AlignedRealloc" => AllocationApi.NativeMemoryAlignedRealloc,
        _ when name.Contains("Realloc", StringComparison.OrdinalIgnoreCase) => AllocationApi.NativeMemoryRealloc,
        _ => AllocationApi.Unknown,
    };

    private static string? AllocatingName(MethodBase method)
        => NameOf(method) is { } name && s_allocating.Contains(name) ? name : null;

    // SecureString does the work of Marshal.SecureStringTo… in its own methods.
    private static bool IsApiFrame(MethodBase? method) => method?.DeclaringType is { } type
        && (type == typeof(Marshal) || type == typeof(NativeMemory) || type == typeof(SecureString)
            || (type.Assembly == typeof(Marshal).Assembly
                && type.FullName?.StartsWith("Interop", StringComparison.Ordinal) == true));

    // TrackedMarshal and TrackedMemory are the same APIs under our name.
    private static string? NameOf(MethodBase method)
    {
        Type? type = method.DeclaringType;
        return type == typeof(Marshal) || type?.FullName == "NativeLeak.TrackedMarshal" ? "Marshal." + method.Name
            : type == typeof(NativeMemory) || type?.FullName == "NativeLeak.TrackedMemory"
                ? "NativeMemory." + method.Name
                : null;
    }

    // The enum's members are the class name and the method name in one word.
    private static string[] BuildNames()
    {
        string[] names = new string[Enum.GetValues<AllocationApi>().Length];
        foreach (AllocationApi api in Enum.GetValues<AllocationApi>())
        {
            string word = api.ToString();
            names[(int)api] = word switch
            {
                _ when word.StartsWith("Marshal", StringComparison.Ordinal) => "Marshal." + word["Marshal".Length..],
                _ when word.StartsWith("NativeMemory", StringComparison.Ordinal)
                    => "NativeMemory." + word["NativeMemory".Length..],
                nameof(AllocationApi.LeakHintsAdopt) => "LeakHints.Adopt",
                nameof(AllocationApi.BlockPoolAlloc) => "BlockPool.Alloc",
                _ => string.Empty,
            };
        }

        return names;
    }
}
