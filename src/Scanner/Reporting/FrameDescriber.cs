// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;

namespace NativeLeak.Reporting;

/// <summary>Gives captured frames their names and lines. One per report; the same frame is described once.</summary>
internal sealed class FrameDescriber(SymbolResolver symbols)
{
    private readonly Dictionary<CallFrame, LeakFrame> _described = [];

    /// <summary>Describes a frame.</summary>
    public LeakFrame Describe(CallFrame frame)
    {
        if (!_described.TryGetValue(frame, out LeakFrame? described))
        {
            described = Create(frame);
            _described.Add(frame, described);
        }

        return described;
    }

    private LeakFrame Create(in CallFrame frame)
    {
        bool isFramework = Fingerprint.IsFramework(frame);
        if (frame.Method is not { } method)
        {
            string name = frame.Name
                ?? string.Create(CultureInfo.InvariantCulture, $"native code at 0x{frame.InstructionPointer:x}");
            (string? keptFile, int keptLine) = Locate(frame.Kept, frame.ILOffset);
            return new LeakFrame(
                name, frame.AssemblyName, keptFile, keptLine, IsNative: frame.AssemblyName is null, isFramework);
        }

        string? file = symbols.TryFind(method, frame.ILOffset, out string found, out int line) ? found : null;
        string? assembly = method.Module.Assembly.GetName().Name;
        return new LeakFrame(MethodNames.Describe(method), assembly, file, line, IsNative: false, isFramework);
    }

    private (string? File, int Line) Locate(KeptMethod? kept, int offset)
        => kept?.File is { } known ? (known, kept.Line)
            : kept?.ModulePath is { } path
                && symbols.TryFind(path, kept.ModuleVersion, kept.Token, offset, out string file, out int line)
                ? (file, line)
                : (null, 0);
}
