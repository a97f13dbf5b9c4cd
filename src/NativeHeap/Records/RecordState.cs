// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.NativeHeap.Records;

/// <summary>Life of a record: Empty → Live → Retired → Empty. Nothing else.</summary>
internal enum RecordState : uint
{
    /// <summary>Free for use.</summary>
    Empty = 0,

    /// <summary>Describes a live block.</summary>
    Live = 1,

    /// <summary>The block was freed; the record waits until every reader that may hold it has moved on.</summary>
    Retired = 2,

    /// <summary>No record: holds the size of a large block, and lives as long as that block's record.</summary>
    SizeEntry = 3,
}
