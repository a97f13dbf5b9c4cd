// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;
using NUnit.Framework;

namespace TestedApp;

/// <summary>A test of a user's, which passes and loses blocks: many, for an old copy of an address may keep one or another.</summary>
public sealed class LosingTests
{
    /// <summary>Passes.</summary>
    [Test]
    public void Passes_and_loses_blocks()
    {
        for (int i = 0; i < 16; i++)
        {
            nint block = Marshal.AllocHGlobal(77);
            Marshal.WriteByte(block, 1);
            Assert.That(Marshal.ReadByte(block), Is.EqualTo(1));
        }
    }
}
