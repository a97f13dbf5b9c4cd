// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the members that a method's code names.
// Who calls it: AssemblyFacts, for every method.
// The one idea: an instruction's length is known from its first bytes; what cannot be known ends the method, never the tool.
using System.Reflection.Emit;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;

namespace NativeLeak.Cli.Assemblies;

/// <summary>Reads IL.</summary>
internal static class CodeTokens
{
    private const byte TwoByteCodes = 0xFE;

    private static readonly OpCode?[] s_oneByte = new OpCode?[256], s_twoBytes = new OpCode?[256];

    static CodeTokens()
    {
        foreach (System.Reflection.FieldInfo field in typeof(OpCodes).GetFields())
        {
            if (field.GetValue(null) is OpCode code)
            {
                (code.Size == 1 ? s_oneByte : s_twoBytes)[(byte)code.Value] = code;
            }
        }
    }

    /// <summary>The tokens of methods that are called, or whose address is taken, one for each place.</summary>
    public static IEnumerable<EntityHandle> Methods(BlobReader code)
    {
        List<EntityHandle> found = [];
        while (code.RemainingBytes > 0)
        {
            byte first = code.ReadByte();
            OpCode? read = first != TwoByteCodes ? s_oneByte[first] : code.RemainingBytes > 0 ? s_twoBytes[code.ReadByte()] : null;
            if (read is not { } known || !TrySkip(ref code, known, found))
            {
                break;
            }
        }

        return found;
    }

    private static bool TrySkip(ref BlobReader code, OpCode known, List<EntityHandle> found)
    {
        int byteCount = known.OperandType switch
        {
            OperandType.InlineNone => 0,
            OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
            OperandType.InlineVar => 2,
            OperandType.InlineI8 or OperandType.InlineR => 8,
            _ => 4,
        };
        if (code.RemainingBytes < byteCount)
        {
            return false;
        }

        if (known.OperandType == OperandType.InlineMethod)
        {
            found.Add(MetadataTokens.EntityHandle(code.ReadInt32()));
            return true;
        }

        if (known.OperandType != OperandType.InlineSwitch)
        {
            code.Offset += byteCount;
            return true;
        }

        long targets = code.ReadUInt32();
        if (targets * sizeof(int) > code.RemainingBytes)
        {
            return false;
        }

        code.Offset += (int)targets * sizeof(int);
        return true;
    }
}
