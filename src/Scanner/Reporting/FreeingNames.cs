// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: names the API of a call from its stack, and the families it may belong to.
// Who calls it: MisuseCollector, once per site.
// The one idea: as AllocatorNames, but a name that is only likely is no ground for an accusation: the families are those
// of every call that could be meant, and two calls mismatch only when no such family is common to both.
using System.Reflection;
using System.Runtime.InteropServices;
using System.Security;
using NativeLeak.NativeHeap.Misuse;
using NativeLeak.NativeHeap.Records;

namespace NativeLeak.Reporting;

/// <summary>Names and possible families of allocating and freeing calls.</summary>
internal static class FreeingNames
{
    // As AllocatorNames: as far as the compiler inlines without being told to.
    private const int MaximumInlinedByteCount = 100;
    private const int MaximumInlinedDepth = 3;
    private const int MaximumInlinedCalls = 32;

    private static readonly string[] s_names = BuildNames();

    /// <summary>The freeing API's name as <c>Type.Method</c>; null when it cannot be told.</summary>
    public static string? Find(FreeingApi api, IReadOnlyList<CallFrame> frames)
    {
        if (api > FreeingApi.UnknownRealloc)
        {
            return s_names[(int)api];
        }

        List<string> names = CallsOf(frames, Frees(api), out string? shown);
        return shown is not null && !IsFunnel(shown) ? shown : names.Count > 0 ? names[0] : shown;
    }

    /// <summary>The families an allocation can belong to; None when it cannot be told.</summary>
    public static HeapFamily FamiliesOf(AllocationApi api, IReadOnlyList<CallFrame> frames)
    {
        HeapFamily recorded = HeapFamilies.Of(api);
        return recorded != HeapFamily.None ? recorded : Families(frames, Allocates(api));
    }

    /// <summary>The families a free can belong to; None when it cannot be told.</summary>
    public static HeapFamily FamiliesOf(FreeingApi api, IReadOnlyList<CallFrame> frames)
    {
        HeapFamily recorded = HeapFamilies.Of(api);
        return recorded != HeapFamily.None ? recorded : Families(frames, Frees(api));
    }

    /// <summary>Whether the call was made by .NET itself; then how its parts fit together is .NET's business.</summary>
    public static bool IsByFramework(IReadOnlyList<CallFrame> frames)
    {
        int count = CountApiFrames(frames);
        return count < frames.Count && Fingerprint.IsFramework(frames[count]);
    }

    /// <summary>How many frames at the top of the stack are the API itself.</summary>
    public static int CountApiFrames(IReadOnlyList<CallFrame> frames) => AllocatorNames.CountApiFrames(frames);

    private static HeapFamily Families(IReadOnlyList<CallFrame> frames, Func<string, bool> isWanted)
    {
        List<string> names = CallsOf(frames, isWanted, out string? shown);
        if (shown is not null && !IsFunnel(shown))
        {
            return FamilyOf(shown);
        }

        // The API was inlined. Optimised code can share one call between several statements, and then the statement that
        // the trace names is only one of them: all that the method calls may be meant.
        HeapFamily families = HeapFamily.None;
        foreach (string name in names.Count == 0 ? [] : AllCallsOf(frames[CountApiFrames(frames)].Method!, isWanted))
        {
            families |= FamilyOf(name);
        }

        return families;
    }

    private static IEnumerable<string> AllCallsOf(MethodBase caller, Func<string, bool> isWanted)
    {
        IReadOnlyList<MethodBase> calls = CallSite.CallsOfBody(caller, int.MaxValue);
        for (int depth = 0; depth <= MaximumInlinedDepth && calls.Count > 0; depth++)
        {
            foreach (MethodBase called in calls)
            {
                if (NameOf(called, isWanted) is { } name)
                {
                    yield return name;
                }
            }

            calls = [.. calls.Where(called => NameOf(called, static _ => true) is null).Take(MaximumInlinedCalls)
                .SelectMany(static called => CallSite.CallsOfBody(called, MaximumInlinedByteCount))];
        }
    }

    // The outermost API that the stack shows, and the names of all APIs that the caller's statement can call.
    private static List<string> CallsOf(
        IReadOnlyList<CallFrame> frames, Func<string, bool> isWanted, out string? shown)
    {
        int count = CountApiFrames(frames);
        shown = null;
        for (int i = count - 1; i >= 0 && shown is null; i--)
        {
            shown = frames[i].Method is { } method ? NameOf(method, isWanted) : null;
        }

        if (count >= frames.Count || frames[count] is not { Method: { } caller, ILOffset: >= 0 and var offset })
        {
            return [];
        }

        IReadOnlyList<MethodBase> calls = CallSite.CallsOfStatement(caller, offset);
        for (int depth = 0; depth <= MaximumInlinedDepth && calls.Count > 0; depth++)
        {
            List<string> names = [.. calls.Select(called => NameOf(called, isWanted)).OfType<string>()];
            if (names.Count > 0)
            {
                return names;
            }

            calls = [.. calls.Take(MaximumInlinedCalls).SelectMany(static called
                => CallSite.CallsOfBody(called, MaximumInlinedByteCount))];
        }

        return [];
    }

    // NativeMemory does the work of all others: seeing it says nothing of who called it.
    private static bool IsFunnel(string name) => name is "NativeMemory.Free" or "NativeMemory.Alloc" or "NativeMemory.Realloc";

    private static HeapFamily FamilyOf(string name)
    {
        int dot = name.IndexOf('.', StringComparison.Ordinal);
        return HeapFamilies.Of(isMarshal: name.StartsWith("Marshal.", StringComparison.Ordinal), name[(dot + 1)..]);
    }

    // Which members end in the export that was called.
    private static Func<string, bool> Allocates(AllocationApi api) => api == AllocationApi.NativeMemoryRealloc
        ? IsRealloc
        : static member => !IsRealloc(member) && (member.Contains("Alloc", StringComparison.Ordinal)
            || member.StartsWith("StringTo", StringComparison.Ordinal)
            || member.StartsWith("SecureStringTo", StringComparison.Ordinal));

    // ReAllocCoTaskMem to size 0 is a free.
    private static Func<string, bool> Frees(FreeingApi api) => api == FreeingApi.UnknownRealloc
        ? IsRealloc
        : static member => member.Contains("Free", StringComparison.Ordinal) || member == "ReAllocCoTaskMem";

    private static bool IsRealloc(string member) => member.Contains("ReAlloc", StringComparison.OrdinalIgnoreCase);

    private static string? NameOf(MethodBase method, Func<string, bool> isWanted)
    {
        Type? type = method.DeclaringType;
        bool isMarshal = type == typeof(Marshal) || type?.FullName == "NativeLeak.TrackedMarshal";
        bool isNative = type == typeof(NativeMemory) || type?.FullName == "NativeLeak.TrackedMemory";
        return (isMarshal || isNative) && isWanted(method.Name) && HeapFamilies.Of(isMarshal, method.Name) != HeapFamily.None
            ? (isMarshal ? "Marshal." : "NativeMemory.") + method.Name
            : null;
    }

    private static string[] BuildNames()
    {
        string[] names = new string[Enum.GetValues<FreeingApi>().Length];
        foreach (FreeingApi api in Enum.GetValues<FreeingApi>())
        {
            string word = api.ToString();
            names[(int)api] = word.StartsWith("Marshal", StringComparison.Ordinal)
                ? "Marshal." + word["Marshal".Length..]
                : word.Replace("NativeMemory", "NativeMemory.", StringComparison.Ordinal);
        }

        return names;
    }
}
