// Licensed under the MIT License. See LICENSE in the repository root.
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.Diagnostics;
using NativeLeak.Analyzers.CodeFixes;
using NativeLeak.Analyzers.Rules;

namespace NativeLeak.Analyzers.Tests;

/// <summary>What the fixes make of source: it compiles, and the rule has nothing more to say.</summary>
[TestFixture]
internal sealed class FixTests
{
    private static readonly Dictionary<string, (DiagnosticAnalyzer Analyzer, CodeFixProvider Fix)> s_pairs = new()
    {
        ["NL0001"] = (new UnreachableCallAnalyzer(), new TrackedTwinFix()),
        ["NL0002"] = (new LostResultAnalyzer(), new LostResultFix()),
        ["NL0003"] = (new WrongFreeAnalyzer(), new WrongFreeFix()),
        ["NL0004"] = (new UnprotectedAllocationAnalyzer(), new UnprotectedAllocationFix()),
        ["NL0005"] = (new UndestroyedStructureAnalyzer(), new UndestroyedStructureFix()),
    };

    [TestCase("NL0001", "Func<int, nint> f = Marshal.AllocHGlobal; f(1);", "TrackedMarshal.AllocHGlobal; f(1)")]
    [TestCase("NL0001", "delegate*<nuint, void*> f = &NativeMemory.Alloc; f(1);", "TrackedMemory.Alloc; f(1)")]
    [TestCase("NL0002", "Work(); Marshal.AllocHGlobal(8);", null)]
    [TestCase("NL0002", "nint p = Marshal.AllocHGlobal(8); p = Marshal.AllocHGlobal(16); Marshal.FreeHGlobal(p);", "Marshal.FreeHGlobal(p);")]
    [TestCase("NL0002", "byte* p = (byte*)Marshal.AllocHGlobal(8); p = null; if (p == null) Work();", "Marshal.FreeHGlobal((nint)p);")]
    [TestCase("NL0003", "nint p = Marshal.AllocHGlobal(8); Marshal.FreeCoTaskMem(p);", "Marshal.FreeHGlobal(p);")]
    [TestCase("NL0003", "nint p = (nint)NativeMemory.Alloc(8); Marshal.FreeHGlobal(p);", "NativeMemory.Free((void*)p);")]
    [TestCase("NL0003", "void* p = (void*)Marshal.AllocHGlobal(8); NativeMemory.Free(p);", "Marshal.FreeHGlobal((nint)p);")]
    [TestCase("NL0004", "nint p = Marshal.AllocHGlobal(8);\n Work();\n try\n {\n Keep(p);\n }\n finally\n {\n Marshal.FreeHGlobal(p);\n }", null)]
    public void The_fix_ends_the_finding(string id, string body, string? expected)
    {
        string source = Code.InMethod(body);
        string? text = Code.Fix(s_pairs[id].Analyzer, s_pairs[id].Fix, source);
        Assert.That(text, Is.Not.Null, "no fix was offered");
        Assert.That(text, Is.Not.EqualTo(source));
        Assert.That(Code.Analyze(s_pairs[id].Analyzer, text!), Is.Empty, text);
        if (expected is not null)
        {
            Assert.That(text, Does.Contain(expected));
        }
    }

    [Test]
    public void A_structure_is_destroyed_before_its_block_is_freed()
    {
        string source = Code.InMethod(
            "nint p = Marshal.AllocHGlobal(64);\n Marshal.StructureToPtr(new Outer(), p, false);\n Marshal.FreeHGlobal(p);",
            "public struct Outer { public string? Text; }");
        string text = Code.Fix(s_pairs["NL0005"].Analyzer, s_pairs["NL0005"].Fix, source)!;
        Assert.That(Code.Analyze(s_pairs["NL0005"].Analyzer, text), Is.Empty, text);
        Assert.That(text.IndexOf("DestroyStructure<Outer>(p)", StringComparison.Ordinal),
            Is.Positive.And.LessThan(text.IndexOf("FreeHGlobal", StringComparison.Ordinal)));
    }

    [TestCase("NL0002", "nint p = Marshal.AllocHGlobal(8);", Description = "where it should be freed is not known")]
    [TestCase("NL0002", "nint p; while (Length() > 0) { p = Marshal.AllocHGlobal(8); }")]
    [TestCase("NL0002", "Marshal.AllocHGlobal(Length());", Description = "the argument does something")]
    [TestCase("NL0004", "nint p = Marshal.AllocHGlobal(8); int n = Length(); try { Keep(p); } finally { Marshal.FreeHGlobal(p); } Keep(n);",
        Description = "n would be out of scope")]
    public void No_fix_is_offered_where_it_could_be_wrong(string id, string body)
        => Assert.That(Code.Fix(s_pairs[id].Analyzer, s_pairs[id].Fix, Code.InMethod(body)), Is.Null);
}
