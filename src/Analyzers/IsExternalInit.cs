// Licensed under the MIT License. See LICENSE in the repository root.
namespace System.Runtime.CompilerServices;

/// <summary>What the compiler wants to see for records, which this target lacks.</summary>
internal static class IsExternalInit;
