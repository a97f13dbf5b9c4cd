// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Benchmarks.Churn;

/// <summary>How much one run does.</summary>
/// <param name="Threads">Threads that measure, each with blocks of its own.</param>
/// <param name="Pairs">Pairs of free and alloc that each thread measures.</param>
/// <param name="Blocks">Blocks that each thread holds.</param>
/// <param name="Pause">Milliseconds between two rounds of warming up.</param>
/// <param name="Run">Pairs in a row from one call stack: a recorder may recognise the stack it saw last.</param>
internal sealed record ChurnSize(int Threads, long Pairs, int Blocks, int Pause, int Run);
