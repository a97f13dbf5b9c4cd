// Licensed under the MIT License. See LICENSE in the repository root.
namespace LeakCases.Corpus;

/// <summary>A way in which managed code holds an address.</summary>
/// <param name="Name">Its name in the corpus.</param>
/// <param name="Make">
/// Makes what must be kept for the address to be kept; calls what it is given for the block, on a line of its own kind.
/// </param>
/// <param name="Release">What is to be done before that is dropped; nothing when null.</param>
internal sealed record HolderKind(string Name, Func<Func<nint>, object> Make, Action<object>? Release = null);
