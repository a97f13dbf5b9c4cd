// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Cli.Assemblies;

/// <summary>How a call is seen by the detector.</summary>
internal enum SeenBy
{
    /// <summary>By none: it is no allocation.</summary>
    Nobody,

    /// <summary>By the hook into the runtime (startup hook, run, attach).</summary>
    Hook,

    /// <summary>By itself, also without the hook.</summary>
    ItselfToo,
}

/// <summary>The members that allocate unmanaged memory.</summary>
internal static class AllocationApis
{
    private const string Interop = "System.Runtime.InteropServices";

    /// <summary>Who sees a call of a member.</summary>
    /// <param name="typeNamespace">Namespace of its type.</param>
    /// <param name="type">Name of its type.</param>
    /// <param name="member">Its own name.</param>
    public static SeenBy Judge(string typeNamespace, string type, string member) => (typeNamespace, type) switch
    {
        (Interop, "Marshal") => IsOfMarshal(member) ? SeenBy.Hook : SeenBy.Nobody,
        (Interop, "NativeMemory") => IsOfNativeMemory(member) ? SeenBy.Hook : SeenBy.Nobody,
        (Interop + ".Marshalling", "Utf8StringMarshaller" or "AnsiStringMarshaller" or "Utf16StringMarshaller" or "BStrStringMarshaller")
            => member == "ConvertToUnmanaged" ? SeenBy.Hook : SeenBy.Nobody,
        ("NativeLeak", "TrackedMarshal") => IsOfMarshal(member) ? SeenBy.ItselfToo : SeenBy.Nobody,
        ("NativeLeak", "TrackedMemory") => IsOfNativeMemory(member) ? SeenBy.ItselfToo : SeenBy.Nobody,
        ("NativeLeak", "BlockPool") => member == "Alloc" ? SeenBy.ItselfToo : SeenBy.Nobody,
        _ => SeenBy.Nobody,
    };

    private static bool IsOfMarshal(string member)
        => member is "AllocHGlobal" or "AllocCoTaskMem" or "ReAllocHGlobal" or "ReAllocCoTaskMem"
            || member.StartsWith("StringTo", StringComparison.Ordinal)
            || (member.StartsWith("SecureStringTo", StringComparison.Ordinal)
                && !member.EndsWith("Array", StringComparison.Ordinal));

    private static bool IsOfNativeMemory(string member)
        => member is "Alloc" or "AllocZeroed" or "Realloc" or "AlignedAlloc" or "AlignedRealloc";
}
