// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.NativeHeap.Annotations;

/// <summary>What an annotation says about its block. What needs no more than a bit is in BlockFlags.</summary>
internal enum AnnotationKind : byte
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>The block's contents are not read.</summary>
    NoScan,

    /// <summary>Only this part of it is read: offset, byte count. A block may have many.</summary>
    ScanArea,

    /// <summary>Pointers it takes to keep the block alive; the block that gets those beyond (0: none).</summary>
    MinimumReferences,

    /// <summary>The number of the last scan that does not judge the block.</summary>
    Transient,

    /// <summary>How pointers in it are written: form, value (<see cref="PointerDecoder"/>).</summary>
    Decoder,

    /// <summary>Its tag (<see cref="HintTexts"/>).</summary>
    Tag,

    /// <summary>The function that frees it (<see cref="HintTexts"/>): a block that native code made.</summary>
    FreeName,

    /// <summary>The check in which it was made (<see cref="CheckScopes"/>).</summary>
    Check,

    /// <summary>The site it was recorded with, which knows the API's name.</summary>
    FirstSite,
}
