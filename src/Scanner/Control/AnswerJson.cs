// Licensed under the MIT License. See LICENSE in the repository root.
using System.Buffers;
using System.Text.Json;
using NativeLeak.Questions;

namespace NativeLeak.Control;

/// <summary>Writes an answer about an address as JSON, schema <c>nativeleak.answer/1</c>.</summary>
internal static class AnswerJson
{
    /// <summary>UTF-8, ending with a line feed.</summary>
    public static byte[] Write(LeakAnswer answer)
    {
        ArrayBufferWriter<byte> buffer = new();
        using (Utf8JsonWriter json = new(buffer, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
        {
            json.WriteStartObject();
            json.WriteString("schema", "nativeleak.answer/1");
            json.WriteString("command", answer.Command);
            json.WriteBoolean("conclusive", answer.IsConclusive);
            WriteBlock(json, answer.Block);
            json.WriteStartArray("pointers");
            foreach (AnsweredPointer pointer in answer.Pointers)
            {
                json.WriteStartObject();
                WriteHolder(json, pointer.Holder);
                json.WriteNumber("offset", pointer.Offset);
                json.WriteString("standing", pointer.Standing);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteNumber("pointerCount", answer.PointerCount);
            json.WriteStartArray("path");
            foreach (LeakHolder step in answer.Path)
            {
                json.WriteStartObject();
                WriteHolder(json, step);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteBoolean("endsAtRoot", answer.EndsAtRoot);
            json.WriteString("hex", answer.Hex);
            json.WriteEndObject();
        }

        buffer.Write("\n"u8);
        return buffer.WrittenSpan.ToArray();
    }

    private static void WriteBlock(Utf8JsonWriter json, AnsweredBlock? block)
    {
        if (block is null)
        {
            json.WriteNull("block");
            return;
        }

        json.WriteStartObject("block");
        json.WriteNumber("bytes", block.ByteCount);
        json.WriteString("allocator", block.Allocator);
        json.WriteString("site", block.Site);
        json.WriteString("verdict", block.Verdict);
        json.WriteNumber("ordinal", block.Ordinal);
        json.WriteString("thread", block.Thread);
        json.WriteEndObject();
    }

    private static void WriteHolder(Utf8JsonWriter json, LeakHolder holder)
    {
        json.WriteString("place", holder.Place);
        json.WriteString("description", holder.Description);
    }
}
