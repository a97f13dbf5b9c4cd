// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: turns what a scan found inside a managed object, (MethodTable, offset), into "Ingest.Node" and "_row".
// Who calls it: reporting, in the application's own process, after every thread runs again. The child only takes numbers.
// The one idea: a MethodTable is a type handle, so the runtime's own reflection names it; a private layout (where a
// FieldDesc keeps its offset) is used only after known fields of known types proved it. Otherwise: no name, the caller
// prints the address.
namespace NativeLeak.Naming;

/// <summary>Names of managed types and of the fields in them. Thread-safe.</summary>
internal static class ManagedTypeNames
{
    // Types are few and live long; a program that makes types without end must not make this table grow without end.
    private const int MaximumTypes = 4096;

    private static readonly Lock s_lock = new();
    private static readonly Dictionary<ulong, TypeFields?> s_types = [];

    /// <summary>Whether fields can be named here: decided once, by known fields of known types.</summary>
    public static bool CanNameFields => FieldLayout.IsVerified;

    /// <summary>Names the type of an object, and the field at an offset in it.</summary>
    /// <param name="methodTable">The object's first word, without the collector's mark bits. Any number is allowed.</param>
    /// <param name="offset">Bytes from the object's start (its MethodTable word) to the word in question.</param>
    /// <param name="typeName">
    /// The type as source writes it (<c>System.Collections.Generic.List&lt;nint&gt;</c>, <c>nint[]</c>,
    /// <c>Ingest.Load+closure</c>); empty when this returns false.
    /// </param>
    /// <param name="fieldName">
    /// <c>_row</c>, <c>_entries.Value</c> inside structs, <c>[3].Key</c> in arrays; null when no field lies there or fields
    /// cannot be named.
    /// </param>
    /// <returns>
    /// False for what is no MethodTable, and for types of collectible contexts: such a type may be gone before it is
    /// named.
    /// </returns>
    /// <remarks>Cold: microseconds, at a type's first time some hundred. Never throws, never runs code of the application.</remarks>
    public static bool TryDescribe(ulong methodTable, ulong offset, out string typeName, out string? fieldName)
    {
        TypeFields? type = Find(methodTable);
        typeName = type?.Name ?? string.Empty;
        fieldName = type?.Describe(offset);
        return type is not null;
    }

    private static TypeFields? Find(ulong methodTable)
    {
        lock (s_lock)
        {
            if (s_types.TryGetValue(methodTable, out TypeFields? known))
            {
                return known;
            }

            TypeFields? type = null;
            try
            {
                type = MethodTables.TryGetType(methodTable, out MethodTableFacts facts) is { } found
                    ? new TypeFields(found, facts)
                    : null;
            }
            catch (Exception exception) when (exception is not OutOfMemoryException)
            {
                // Reflection fails for types whose own parts cannot be loaded; the address is then all there is to say.
            }

            if (type is null)
            {
                return null; // not kept: the address may become a type later
            }

            if (s_types.Count == MaximumTypes)
            {
                s_types.Clear();
            }

            s_types.Add(methodTable, type);
            return type;
        }
    }
}
