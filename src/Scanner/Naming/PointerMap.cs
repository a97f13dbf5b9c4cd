// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: which words of a type's objects, or of an array's elements, can hold an address.
// Who calls it: TypeLayouts.
// The one idea: leave out only what certainly holds none (characters, floating point, numbers below 64 bits); 64-bit numbers
// count, for programs keep addresses in them, and so does all of a struct whose bytes are laid out by hand.
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.Roots;

namespace NativeLeak.Naming;

/// <summary>Marks, one for each 4 bytes.</summary>
internal sealed class PointerMap
{
    private const uint StepByteCount = 4;

    // Objects beyond this are buffers, not records: words do.
    private const uint MaximumByteCount = 1 << 14;
    private const int MaximumDepth = 16;

    private PointerMap(uint byteCount)
    {
        StepCount = byteCount / StepByteCount;
        Marks = new ulong[(StepCount + 63) / 64];
    }

    /// <summary>Number of steps that have a mark.</summary>
    public uint StepCount { get; }

    /// <summary>The marks, 64 in a word.</summary>
    public ulong[] Marks { get; }

    /// <summary>Takes a type apart.</summary>
    /// <returns>What to read; <see cref="TypeWords.Any"/> when that is not certain.</returns>
    public static TypeWords Describe(Type type, MethodTableFacts facts, out PointerMap? map)
    {
        map = null;
        if (type.IsArray)
        {
            return DescribeElements(type.GetElementType()!, facts.ComponentByteCount, out map);
        }

        uint byteCount = facts.BaseByteCount - 16;
        if (facts.ComponentByteCount != 0 || byteCount > MaximumByteCount)
        {
            return TypeWords.Any;
        }

        PointerMap fields = new(byteCount);
        for (Type? part = type; part is not null && part != typeof(object); part = part.BaseType)
        {
            if (!fields.Add(part, 0, 0))
            {
                return TypeWords.Any;
            }
        }

        map = fields;
        return TypeWords.Fields;
    }

    /// <summary>Whether an address may begin at an offset from the first field or the start of an element.</summary>
    public bool IsMarked(uint offset)
        => offset % StepByteCount == 0 && (Marks[offset / StepByteCount / 64] & (1UL << (int)(offset / StepByteCount % 64))) != 0;

    private static TypeWords DescribeElements(Type element, uint byteCount, out PointerMap? map)
    {
        map = null;
        if (element == typeof(char) || element == typeof(bool) || element == typeof(float) || element == typeof(double))
        {
            return TypeWords.None;
        }

        if (!element.IsValueType || element.IsPrimitive || element.IsEnum || byteCount % StepByteCount != 0 || byteCount > MaximumByteCount)
        {
            return TypeWords.Any;
        }

        PointerMap fields = new(byteCount);
        if (!fields.Add(element, 0, 0))
        {
            return TypeWords.Any;
        }

        map = fields;
        return TypeWords.Elements;
    }

    [UnconditionalSuppressMessage("Trimming", "IL2070", Justification = Trimmed.Fields)]
    private bool Add(Type type, uint start, int depth)
    {
        foreach (FieldInfo field in IsLaidOutByHand(type) ? [] : type.GetFields(FieldLayout.OwnFields))
        {
            if (!FieldLayout.TryRead(field, out uint offset, out ElementKind kind))
            {
                return false;
            }

            switch (kind)
            {
                case ElementKind.Boolean or ElementKind.Char or ElementKind.Float or ElementKind.Double:
                case >= ElementKind.SignedByte and <= ElementKind.UnsignedInt:
                    break;
                case ElementKind.Class or ElementKind.Pointer or ElementKind.FunctionPointer or ElementKind.NativeInt
                    or ElementKind.UnsignedNativeInt or ElementKind.Long or ElementKind.UnsignedLong:
                    Mark(start + offset);
                    break;
                case ElementKind.Struct when depth < MaximumDepth && Add(field.FieldType, start + offset, depth + 1):
                    break;
                default:
                    return false;
            }
        }

        return !IsLaidOutByHand(type);
    }

    // Inline arrays, fixed buffers, unions, and structs with a size of their own: their fields do not tell what is in them.
    private static bool IsLaidOutByHand(Type type) => type.IsValueType && !type.IsPrimitive
        && (type.IsExplicitLayout || type.IsDefined(typeof(InlineArrayAttribute), inherit: false)
            || type.StructLayoutAttribute is { Size: > 0 });

    private void Mark(uint offset)
    {
        uint step = offset / StepByteCount;
        if (offset % StepByteCount == 0 && step < StepCount)
        {
            Marks[step / 64] |= 1UL << (int)(step % 64);
        }
    }
}
