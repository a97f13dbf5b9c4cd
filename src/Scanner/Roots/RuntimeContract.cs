// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: reads CoreCLR's exported contract descriptor (the "cDAC" JSON inside libcoreclr.so).
// Who calls it: ManagedHeapLayouts, once per process.
// The one idea: the runtime itself publishes its layouts for diagnostic tools; what it does not publish we do not guess.
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace NativeLeak.Roots;

/// <summary>The types and globals that the runtime publishes. Origin: dotnet/runtime docs/design/datacontracts.</summary>
internal sealed unsafe class RuntimeContract
{
    private const ulong Magic = 0x00434144_43434e44; // "DNCCDAC\0", little-endian
    private const uint MaximumJsonByteCount = 1 << 20;

    private readonly JsonElement _types;
    private readonly JsonElement _globals;
    private readonly nint* _pointers;
    private readonly uint _pointerCount;

    private RuntimeContract(JsonElement root, nint* pointers, uint pointerCount)
    {
        _types = root.GetProperty("types");
        _globals = root.GetProperty("globals");
        _pointers = pointers;
        _pointerCount = pointerCount;
    }

    /// <summary>Reads the descriptor of the running runtime; null, with the reason, when there is none we understand.</summary>
    public static RuntimeContract? TryRead(out string reason)
    {
        try
        {
            string path = Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "libcoreclr.so");
            nint library = File.Exists(path) ? NativeLibrary.Load(path) : NativeLibrary.GetMainProgramHandle();
            if (!NativeLibrary.TryGetExport(library, "DotNetRuntimeContractDescriptor", out nint address))
            {
                reason = "the runtime exports no contract descriptor";
                return null;
            }

            // Safety: layout of the exported descriptor: magic @0, flags @8, JSON byte count @12, JSON @16, pointer count
            // @24, pointers @32; the magic is checked before anything else is believed.
            byte* descriptor = (byte*)address;
            uint jsonByteCount = *(uint*)(descriptor + 12);
            if (*(ulong*)descriptor != Magic || jsonByteCount is 0 or > MaximumJsonByteCount)
            {
                reason = "the runtime's contract descriptor has an unknown form";
                return null;
            }

            byte[] json = new ReadOnlySpan<byte>(*(byte**)(descriptor + 16), (int)jsonByteCount).ToArray();
            using JsonDocument document = JsonDocument.Parse(json);
            reason = string.Empty;
            return new RuntimeContract(document.RootElement.Clone(), *(nint**)(descriptor + 32), *(uint*)(descriptor + 24));
        }
        catch (Exception e) when (e is JsonException or DllNotFoundException or BadImageFormatException
            or KeyNotFoundException or InvalidOperationException)
        {
            reason = "the runtime's contract descriptor cannot be read: " + e.Message;
            return null;
        }
    }

    /// <summary>Offset of a field, or −1 when it is not published.</summary>
    public int FieldOffset(string type, string field)
    {
        if (!_types.TryGetProperty(type, out JsonElement fields) || !fields.TryGetProperty(field, out JsonElement value))
        {
            return -1;
        }

        // Either a number, or [number, "type name"].
        JsonElement number = value.ValueKind == JsonValueKind.Array ? value[0] : value;
        return number.ValueKind == JsonValueKind.Number && number.TryGetInt32(out int offset) ? offset : -1;
    }

    /// <summary>Size of a type (the pseudo field "!"), or −1 when it is not published.</summary>
    public int TypeByteCount(string type) => FieldOffset(type, "!");

    /// <summary>A global given as a number, or −1.</summary>
    public long Number(string name)
    {
        if (!_globals.TryGetProperty(name, out JsonElement value) || value.ValueKind != JsonValueKind.Array
            || value[0].ValueKind != JsonValueKind.String)
        {
            return -1;
        }

        string text = value[0].GetString()!;
        return text.StartsWith("0x", StringComparison.Ordinal)
            && long.TryParse(text.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out long number) ? number : -1;
    }

    /// <summary>Address of the runtime's variable for a global given as an index into the pointer table, or 0.</summary>
    public nuint Address(string name)
    {
        if (!_globals.TryGetProperty(name, out JsonElement value) || value.ValueKind != JsonValueKind.Array
            || value[0].ValueKind != JsonValueKind.Array || !value[0][0].TryGetUInt32(out uint index)
            || index >= _pointerCount)
        {
            return 0;
        }

        return (nuint)_pointers[index];
    }
}
