// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: holders in words.
// Who calls it: ReportBuilder for evidence and last holders, the answers to questions.
// The one idea: the copy knew threads, objects and blocks; names of types, methods and modules are this process's own. What
// has no name is given as an address, never as a guess.
using System.Globalization;
using NativeLeak.Naming;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.Roots;
using NativeLeak.Verdicts;

namespace NativeLeak.Reporting;

/// <summary>Describes holders. Not thread-safe; one per report. Never throws.</summary>
internal sealed class HolderText(IReportFacts facts, MemoryPlaces places, FrameDescriber describer)
{
    // In the order of the kernel's signal frame.
    private static readonly string[] s_registers =
    [
        "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rdi", "rsi", "rbp", "rbx", "rdx", "rax", "rcx", "rsp", "rip",
    ];

    private static readonly CultureInfo s_invariant = CultureInfo.InvariantCulture;

    private readonly StaticFields _statics = new();

    /// <summary>A holder that was seen now or earlier; null when there is none.</summary>
    public LeakHolder? Describe(in HolderInfo info) => info.Kind == HolderKind.None
        ? null
        : new(info.Kind.ToString().ToLowerInvariant(), Place(info) + (info.IsFrail != 0 ? " (weak evidence)" : string.Empty));

    /// <summary>A line of source that allocated: method, file and line of its innermost frame that is not .NET's.</summary>
    public string Site(uint site)
    {
        IReadOnlyList<CallFrame> frames = facts.GetFrames(site);
        foreach (CallFrame frame in frames)
        {
            if (!Fingerprint.IsFramework(frame))
            {
                LeakFrame described = describer.Describe(frame);
                string line = described.File is null ? string.Empty
                    : string.Create(s_invariant, $" in {Path.GetFileName(described.File)}:{described.Line}");
                return described.Method + line;
            }
        }

        return frames.Count > 0 ? describer.Describe(frames[0]).Method : "a call path that is not known";
    }

    private string Place(in HolderInfo info) => info.Kind switch
    {
        HolderKind.Register => Register(info.Offset) + " of " + Thread(info.ThreadId),
        HolderKind.Stack => string.Create(s_invariant, $"the stack of {Thread(info.ThreadId)}, {Math.Abs(info.Offset)} bytes "
            + $"{(info.Offset < 0 ? "below" : "above")} its stack pointer") + Frame(info.Container),
        HolderKind.Object => Object(info),
        HolderKind.Block => string.Create(s_invariant, $"the block allocated at {Site(info.Site)}, at its start + {info.Offset}"),
        HolderKind.RegisteredRoot => string.Create(s_invariant, $"a registered root, at 0x{info.Address:x}"),
        HolderKind.Shared or HolderKind.Memory or HolderKind.Module when _statics.Describe(info.Address, isReference: false) is { } field
            => "static field " + field,
        _ => string.Create(s_invariant, $"memory at 0x{info.Address:x}, {places.Describe(info.Address)}"),
    };

    private string Object(in HolderInfo info)
    {
        // Static references are elements of arrays of the runtime's, which stay where they are. An entry of an earlier scan
        // has no address.
        if (info.Address != 0 && info.Container == (nuint)typeof(object[]).TypeHandle.Value
            && _statics.Describe(info.Address, isReference: true) is { } field)
        {
            return "static field " + field;
        }

        if (!ManagedTypeNames.TryDescribe(info.Container, (ulong)info.Offset, out string type, out string? inside))
        {
            return string.Create(s_invariant, $"an object of the type at 0x{info.Container:x}, at + {info.Offset}");
        }

        return inside is null ? string.Create(s_invariant, $"{type}, at + {info.Offset}")
            : type + (inside.StartsWith('[') ? string.Empty : ".") + inside;
    }

    // A return address that was in some allocation's call stack has its method; others have a module at least.
    private string Frame(nuint code) => code == 0 ? string.Empty
        : FrameTable.Find(code) is { } frame ? ", in a frame of " + frame
        : string.Create(s_invariant, $", in a frame of code at 0x{code:x} {places.Describe(code)}");

    private static string Register(long number)
        => number >= 0 && number < s_registers.Length ? "register " + s_registers[number] : "a vector register";

    private static string Thread(int id)
    {
        string number = id.ToString(s_invariant);
        try
        {
            return "thread " + number + " \"" + File.ReadAllText($"/proc/self/task/{number}/comm").Trim() + "\"";
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return "thread " + number + ", which has ended";
        }
    }
}
