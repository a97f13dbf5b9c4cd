// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: one type, its name, and the fields of its objects by offset.
// Who calls it: ManagedTypeNames.
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Reflection;

namespace NativeLeak.Naming;

/// <summary>The names inside one type. Immutable once made; holds no reference to the type.</summary>
internal sealed class TypeFields
{
    // Where fields begin in an object: behind its MethodTable word.
    private const uint FieldsOffset = 8;

    // Structs in structs: deeper ones are named by their outermost fields alone.
    private const int MaximumDepth = 8;

    private readonly MethodTableFacts _facts;
    private readonly bool _isText;
    private readonly List<(uint Offset, string Name)> _fields = [];

    /// <summary>Reads the fields of a type.</summary>
    public TypeFields(Type type, MethodTableFacts facts)
    {
        _facts = facts;
        _isText = type == typeof(string);
        Name = HolderNames.OfType(type);
        if (!FieldLayout.IsVerified || _isText)
        {
            return;
        }

        if (!type.IsArray)
        {
            for (Type? part = type; part is not null && part != typeof(object); part = part.BaseType)
            {
                Add(part, FieldsOffset, string.Empty, 0);
            }
        }
        else if (type.GetElementType() is { IsValueType: true, IsPrimitive: false } element)
        {
            Add(element, 0, string.Empty, 0);
        }

        _fields.Sort(static (left, right) => left.Offset.CompareTo(right.Offset));
    }

    /// <summary>The type as source writes it.</summary>
    public string Name { get; }

    /// <summary>What lies at an offset from the object's start; null when nothing with a name does.</summary>
    public string? Describe(ulong offset)
    {
        if (!FieldLayout.IsVerified || _isText)
        {
            return null;
        }

        if (_facts.ComponentByteCount == 0)
        {
            return offset <= uint.MaxValue ? FieldAt((uint)offset) : null;
        }

        if (offset < _facts.ElementsOffset)
        {
            return null;
        }

        ulong inside = offset - _facts.ElementsOffset;
        string index = string.Create(CultureInfo.InvariantCulture, $"[{inside / _facts.ComponentByteCount}]");
        return FieldAt((uint)(inside % _facts.ComponentByteCount)) is { } field ? index + "." + field : index;
    }

    private string? FieldAt(uint offset)
    {
        string? name = null;
        foreach ((uint start, string field) in _fields)
        {
            if (start > offset)
            {
                break;
            }

            name = field;
        }

        return name;
    }

    [UnconditionalSuppressMessage("Trimming", "IL2070", Justification = Trimmed.Names)]
    [UnconditionalSuppressMessage("Trimming", "IL2075", Justification = Trimmed.Names)]
    private void Add(Type type, uint start, string prefix, int depth)
    {
        foreach (FieldInfo field in type.GetFields(FieldLayout.OwnFields))
        {
            if (!FieldLayout.TryRead(field, out uint offset, out ElementKind kind))
            {
                continue;
            }

            string name = prefix + HolderNames.OfField(field.Name);

            // A struct's type is loaded, or its owner could not have been laid out: asking for it loads nothing. Those of
            // the runtime that say "number" are numbers to a reader as well.
            if (kind == ElementKind.Struct && depth < MaximumDepth && field.FieldType is { IsPrimitive: false, IsEnum: false } inner
                && inner.GetFields(FieldLayout.OwnFields).Length > 0)
            {
                Add(inner, start + offset, name + ".", depth + 1);
            }
            else
            {
                _fields.Add((start + offset, name));
            }
        }
    }
}
