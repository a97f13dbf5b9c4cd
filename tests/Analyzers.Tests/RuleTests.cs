// Licensed under the MIT License. See LICENSE in the repository root.
using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;
using NativeLeak.Analyzers.Rules;

namespace NativeLeak.Analyzers.Tests;

/// <summary>What each rule finds, and where it is silent.</summary>
[TestFixture]
internal sealed class RuleTests
{
    private const string Alloc = "Marshal.AllocHGlobal(8)";

    private static readonly Dictionary<string, DiagnosticAnalyzer> s_analyzers = new()
    {
        ["NL0001"] = new UnreachableCallAnalyzer(),
        ["NL0002"] = new LostResultAnalyzer(),
        ["NL0003"] = new WrongFreeAnalyzer(),
        ["NL0004"] = new UnprotectedAllocationAnalyzer(),
        ["NL0005"] = new UndestroyedStructureAnalyzer(),
    };

    [TestCase("Func<int, nint> f = Marshal.AllocHGlobal; f(1);", "Marshal.AllocHGlobal")]
    [TestCase("delegate*<int, nint> f = &Marshal.AllocHGlobal; f(1);", "Marshal.AllocHGlobal")]
    [TestCase("Action<nint> f = Marshal.FreeCoTaskMem; f(0);", "Marshal.FreeCoTaskMem")]
    public void NL0001_finds(string body, string at) => Finds("NL0001", Code.InMethod(body), at);

    [TestCase("Func<int, nint> f = n => Marshal.AllocHGlobal(n); f(1);")]
    [TestCase("string name = nameof(Marshal.AllocHGlobal);")]
    [TestCase("Func<int, nint> f = NativeLeak.TrackedMarshal.AllocHGlobal; f(1);")]
    [TestCase("Func<Type, int> f = Marshal.SizeOf;")]
    public void NL0001_is_silent(string body) => IsSilent("NL0001", Code.InMethod(body));

    [TestCase("Marshal.AllocHGlobal(8);", "Marshal.AllocHGlobal(8)")]
    [TestCase("_ = Marshal.StringToCoTaskMemUTF8(\"a\");", "Marshal.StringToCoTaskMemUTF8(\"a\")")]
    [TestCase("nint p = Marshal.AllocHGlobal(8);", "Marshal.AllocHGlobal(8)")]
    [TestCase("byte* p = (byte*)NativeMemory.Alloc(8); p = null; if (p == null) Work();", "NativeMemory.Alloc(8)")]
    [TestCase("nint p = Marshal.AllocHGlobal(8); p = Marshal.AllocHGlobal(16); Marshal.FreeHGlobal(p);", "Marshal.AllocHGlobal(8)")]
    [TestCase("nint p = Marshal.AllocHGlobal(8); if (flag) { p = 1; } else { p = 2; } Keep(p);", "Marshal.AllocHGlobal(8)")]
    [TestCase("nint p; while (Length() > 0) { p = Marshal.AllocHGlobal(8); }", "Marshal.AllocHGlobal(8)")]
    [TestCase("Action a = () => { nint p = Marshal.AllocHGlobal(8); }; a();", "Marshal.AllocHGlobal(8)")]
    [TestCase("void Local() { nint p = Marshal.AllocHGlobal(8); } Local();", "Marshal.AllocHGlobal(8)")]
    [TestCase("nint p = NativeLeak.TrackedMarshal.AllocHGlobal(8);", "NativeLeak.TrackedMarshal.AllocHGlobal(8)")]
    public void NL0002_finds(string body, string at) => Finds("NL0002", Code.InMethod(body), at);

    [TestCase("nint p = Marshal.AllocHGlobal(8); Marshal.FreeHGlobal(p);")]
    [TestCase("nint p = Marshal.AllocHGlobal(8); if (flag) { p = 0; } Keep(p);", Description = "one path reads it")]
    [TestCase("nint p = 0; try { p = Marshal.AllocHGlobal(8); Work(); } finally { Marshal.FreeHGlobal(p); }")]
    [TestCase("nint p = 0; try { p = Marshal.AllocHGlobal(8); Work(); p = 0; } catch (Exception) { Marshal.FreeHGlobal(p); }")]
    [TestCase("nint p = Marshal.AllocHGlobal(8); Action a = () => Marshal.FreeHGlobal(p); a();")]
    [TestCase("nint p = Marshal.AllocHGlobal(8); nint* q = &p; Keep(*q);")]
    [TestCase("nint p = Marshal.AllocHGlobal(8); ref nint q = ref p; Keep(q);")]
    [TestCase("nint p = Marshal.AllocHGlobal(8); for (int i = 0; i < 2; i++) { Keep(p); p = 0; }")]
    [TestCase("Action a = () => Marshal.AllocHGlobal(-1); a();", Description = "an arrow may be there for its exception")]
    [TestCase("nint p = Marshal.AllocCoTaskMem(8); Marshal.ReAllocCoTaskMem(p, 0);", Description = "size 0 frees")]
    [TestCase("Keep(Marshal.AllocHGlobal(8));")]
    public void NL0002_is_silent(string body) => IsSilent("NL0002", Code.InMethod(body));

    [TestCase("nint p = Marshal.AllocHGlobal(8); Marshal.FreeCoTaskMem(p);", "Marshal.FreeCoTaskMem(p)")]
    [TestCase("nint p = Marshal.StringToBSTR(\"a\"); Marshal.FreeHGlobal(p);", "Marshal.FreeHGlobal(p)")]
    [TestCase("void* p = NativeMemory.AlignedAlloc(8, 8); NativeMemory.Free(p);", "NativeMemory.Free(p)")]
    [TestCase("nint p = (nint)NativeMemory.Alloc(8); Marshal.FreeHGlobal(p);", "Marshal.FreeHGlobal(p)")]
    [TestCase("Marshal.FreeHGlobal(Marshal.StringToCoTaskMemUni(\"a\"));", "Marshal.FreeHGlobal(Marshal.StringToCoTaskMemUni(\"a\"))")]
    [TestCase("nint p = 0; try { p = Marshal.AllocCoTaskMem(8); Work(); } finally { Marshal.FreeHGlobal(p); }", "Marshal.FreeHGlobal(p)")]
    [TestCase("nint p = Marshal.AllocHGlobal(8); p = Marshal.ReAllocCoTaskMem(p, 9); Marshal.FreeCoTaskMem(p);", "")]
    public void NL0003_finds(string body, string at)
    {
        // A local of two families is left alone.
        if (at.Length == 0)
        {
            IsSilent("NL0003", Code.InMethod(body));
        }
        else
        {
            Finds("NL0003", Code.InMethod(body), at);
        }
    }

    [TestCase("nint p = Marshal.AllocHGlobal(8); Marshal.FreeHGlobal(p);")]
    [TestCase("nint p = Marshal.SecureStringToGlobalAllocAnsi(new System.Security.SecureString()); Marshal.ZeroFreeGlobalAllocAnsi(p);")]
    [TestCase("nint p = flag ? Marshal.AllocHGlobal(8) : 0; Marshal.FreeCoTaskMem(p);", Description = "not followed: a miss")]
    [TestCase("nint p = Marshal.AllocHGlobal(8); p += 4; Marshal.FreeCoTaskMem(p);")]
    [TestCase("nint p = Marshal.AllocHGlobal(8); p = Length(); Marshal.FreeCoTaskMem(p);")]
    [TestCase("nint p = Marshal.AllocHGlobal(8); Action a = () => p = 3; a(); Marshal.FreeCoTaskMem(p);")]
    [TestCase("nint p = Length(); Marshal.FreeCoTaskMem(p);")]
    public void NL0003_is_silent(string body) => IsSilent("NL0003", Code.InMethod(body));

    [TestCase("nint p = Marshal.AllocHGlobal(8); Work(); try { Keep(p); } finally { Marshal.FreeHGlobal(p); }", Alloc)]
    [TestCase("nint p; p = Marshal.AllocHGlobal(8); int n = Length(); try { Keep(p + n); } finally { Marshal.FreeHGlobal(p); }", Alloc)]
    [TestCase("nint p = Marshal.AllocHGlobal(8); Marshal.WriteInt32(p, 1); if (flag) { throw new Exception(); } try { Keep(p); } finally { Marshal.FreeHGlobal(p); }", Alloc)]
    [TestCase("nint p = Marshal.AllocHGlobal(8); if (p != 0 && Length() > 3) { Work(); } try { Keep(p); } finally { if (flag) { Marshal.FreeHGlobal(p); } }", Alloc)]
    public void NL0004_finds(string body, string at) => Finds("NL0004", Code.InMethod(body), at);

    [TestCase("nint p = Marshal.AllocHGlobal(8); try { Work(); } finally { Marshal.FreeHGlobal(p); }")]
    [TestCase("nint p = Marshal.AllocHGlobal(8); nint q = Marshal.AllocHGlobal(9); try { Work(); } finally { Marshal.FreeHGlobal(p); Marshal.FreeHGlobal(q); }")]
    [TestCase("Work(); nint p = Marshal.AllocHGlobal(8); int n = 3 + 4; Marshal.WriteInt32(p, n); try { Work(); } finally { Marshal.FreeHGlobal(p); }")]
    [TestCase("nint p = Marshal.AllocHGlobal(8); Keep(p); Work(); try { Work(); } finally { Marshal.FreeHGlobal(p); }", Description = "Keep may own it")]
    [TestCase("nint p = Marshal.AllocHGlobal(8); nint q = p; Work(); try { Keep(q); } finally { Marshal.FreeHGlobal(p); }")]
    [TestCase("nint p = 0; try { p = Marshal.AllocHGlobal(8); Work(); try { Work(); } finally { Marshal.FreeHGlobal(p); p = 0; } } catch { Marshal.FreeHGlobal(p); }")]
    [TestCase("nint p = Marshal.AllocHGlobal(8); Work(); Marshal.FreeHGlobal(p);", Description = "no finally: not this rule's")]
    [TestCase("nint p = 0; Work(); try { p = Marshal.AllocHGlobal(8); } finally { Marshal.FreeHGlobal(p); }")]
    [TestCase("nint p = Marshal.AllocHGlobal(8); try { Work(); } catch { } try { Keep(p); } finally { Marshal.FreeHGlobal(p); }")]
    public void NL0004_is_silent(string body) => IsSilent("NL0004", Code.InMethod(body));

    [TestCase("public string? Text;", "Text")]
    [TestCase("public int[]? Numbers;", "Numbers")]
    [TestCase("public int First; public Inner Rest;", "Rest.Text")]
    public void NL0005_finds(string field, string named)
    {
        Diagnostic found = Finds("NL0005", Code.InMethod(
            "nint p = Marshal.AllocHGlobal(64); Marshal.StructureToPtr(new Outer(), p, false); Marshal.FreeHGlobal(p);",
            $$"""public struct Inner { public string? Text; } public struct Outer { {{field}} }"""),
            "Marshal.StructureToPtr(new Outer(), p, false)");
        Assert.That(found.GetMessage(null), Does.Contain($"'{named}'"));
    }

    [TestCase("public int Number;", "Marshal.StructureToPtr(new Outer(), p, false);")]
    [TestCase("[MarshalAs(UnmanagedType.ByValTStr, SizeConst = 8)] public string? Text;", "Marshal.StructureToPtr(new Outer(), p, false);")]
    [TestCase("[MarshalAs(UnmanagedType.ByValArray, SizeConst = 8)] public int[]? Numbers;", "Marshal.StructureToPtr(new Outer(), p, false);")]
    [TestCase("public string? Text;", "Marshal.StructureToPtr(new Outer(), p, false); Marshal.DestroyStructure<Outer>(p);")]
    [TestCase("public string? Text;", "Marshal.StructureToPtr((object)new Outer(), p, false); Marshal.DestroyStructure(p, typeof(Outer));")]
    [TestCase("public string? Text;", "Type t = typeof(Outer); Marshal.StructureToPtr(new Outer(), p, false); Marshal.DestroyStructure(p, t);")]
    public void NL0005_is_silent(string field, string body) => IsSilent("NL0005", Code.InMethod(
        "nint p = Marshal.AllocHGlobal(64); " + body + " Marshal.FreeHGlobal(p);", $$"""public struct Outer { {{field}} }"""));

    [Test]
    public void NL0005_is_silent_when_another_class_destroys() => IsSilent("NL0005", Code.InMethod(
        "nint p = Marshal.AllocHGlobal(64); Marshal.StructureToPtr(new Outer(), p, false); Marshal.FreeHGlobal(p);",
        "public struct Outer { public string? Text; }") + "internal static class Other { static void End(nint p) => Marshal.DestroyStructure<Sample.Outer>(p); }");

    [Test]
    public void Every_rule_has_its_page() => Assert.Multiple(() =>
    {
        foreach (DiagnosticAnalyzer analyzer in s_analyzers.Values)
        {
            DiagnosticDescriptor rule = analyzer.SupportedDiagnostics.Single();
            Assert.That(rule.HelpLinkUri, Is.EqualTo($"docs/analyzers/{rule.Id}.md"));
            string page = Path.Combine(Root(), rule.HelpLinkUri);
            Assert.That(page, Does.Exist);
            Assert.That(File.ReadAllText(page), Does.Contain(rule.Title.ToString(null)).And.Contain("## Not found"));
        }
    });

    private static string Root()
    {
        string folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "NativeLeak.sln")))
        {
            folder = Path.GetDirectoryName(folder)!;
        }

        return folder;
    }

    private static Diagnostic Finds(string id, string source, string at)
    {
        ImmutableArray<Diagnostic> found = Code.Analyze(s_analyzers[id], source);
        Assert.That(found.Select(problem => (problem.Id, Code.TextOf(problem))), Is.EqualTo(new[] { (id, at) }));
        return found[0];
    }

    private static void IsSilent(string id, string source) => Assert.That(Code.Analyze(s_analyzers[id], source), Is.Empty);
}
