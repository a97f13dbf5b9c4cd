// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;
using NUnit.Framework;

namespace TestedApp;

/// <summary>A test of a user's, which passes and loses a block.</summary>
public sealed class LosingTests
{
    /// <summary>Passes.</summary>
    [Test]
    public void Passes_and_loses_a_block()
    {
        nint block = Marshal.AllocHGlobal(77);
        Marshal.WriteByte(block, 1);
        Assert.That(Marshal.ReadByte(block), Is.EqualTo(1));
    }
}
