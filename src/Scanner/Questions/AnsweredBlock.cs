// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Questions;

/// <summary>A block that was asked about.</summary>
/// <param name="ByteCount">Bytes asked for.</param>
/// <param name="Allocator">The API called.</param>
/// <param name="Site">The line that allocated it.</param>
/// <param name="Verdict">reachable, definite, indirect, possible or young.</param>
/// <param name="Ordinal">Order of allocation.</param>
/// <param name="Thread">The thread that allocated it.</param>
internal sealed record AnsweredBlock(long ByteCount, string Allocator, string Site, string Verdict, long Ordinal, string Thread);
