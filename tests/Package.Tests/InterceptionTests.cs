// Licensed under the MIT License. See LICENSE in the repository root.
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;
using System.Text.Json;

namespace NativeLeak.Package.Tests;

/// <summary>The real compiler, with the packed generator, really led the calls elsewhere; and what that is good for.</summary>
[TestFixture]
internal sealed class InterceptionTests
{
    private static readonly (string, string) s_noHook = ("NATIVELEAK_HOOK", "0");

    // A generator that needs a newer compiler is left out with a warning (CS9057), and every interceptor with it.
    [Test]
    public void The_compiler_loads_the_generator_and_intercepts() => Assert.Multiple(() =>
    {
        string[] called = [.. CallsOf(ConsumerTests.Plain, "Lose")];
        Assert.That(Consumer.LogOf("plain"), Does.Not.Contain("CS9057").And.Not.Contain("CS8032"));
        Assert.That(called, Does.Contain("AllocHGlobal_2").And.Contain("AllocZeroed_3"));
        Assert.That(called, Does.Not.Contain("AllocHGlobal").And.Not.Contain("AllocZeroed"));
    });

    [Test]
    public void Control_without_interception_the_same_look_sees_the_originals()
    {
        string[] called = [.. CallsOf(Consumer.Build("not-intercepted", "-p:NativeLeakIntercept=false"), "Lose")];
        Assert.That(called, Does.Contain("AllocHGlobal").And.Contain("AllocZeroed"));
    }

    [Test]
    public void Without_the_hook_intercepted_calls_are_recorded_and_the_report_says_what_it_cannot_see()
    {
        using JsonDocument report = ConsumerTests.Report(ConsumerTests.Plain, ("NATIVELEAK", "on"), s_noHook);
        JsonElement coverage = report.RootElement.GetProperty("coverage");
        Assert.Multiple(() =>
        {
            Assert.That(coverage.GetProperty("tier").GetString(), Is.EqualTo("interceptors"));
            Assert.That(coverage.GetProperty("unseen").EnumerateArray().Select(item => item.GetString()),
                Has.Some.Contains("other packages").And.Some.Contains("function pointers"));
            Assert.That(ConsumerTests.Live(report), Is.EqualTo((40, 20 * (100 + 210))));
            Assert.That(report.RootElement.GetProperty("leaks").EnumerateArray().Select(Site).Distinct(),
                Is.EquivalentTo(Sites), "walked stacks; a number that looks like an address may make a block possible");
        });
    }

    // No symbols: nothing but the number that the compiler put into the call can name the line.
    [TestCase("-p:DebugType=none")]
    [TestCase("-p:DebugType=portable")]
    public void At_level_count_the_line_comes_from_the_call_itself(string symbols)
    {
        string program = Consumer.Build("symbols-" + symbols[^4..], symbols, "-p:DebugSymbols=false");
        using JsonDocument report = ConsumerTests.Report(program, ("NATIVELEAK", "count"), s_noHook);
        JsonElement[] groups = [.. report.RootElement.GetProperty("stillAllocated").EnumerateArray()];
        Assert.Multiple(() =>
        {
            Assert.That(groups.Select(Site), Is.EquivalentTo(Sites));
            Assert.That(groups.Select(group => group.GetProperty("blocks").GetInt32()), Is.All.EqualTo(20));
            Assert.That(groups.Select(group => group.GetProperty("stack").GetArrayLength()), Is.All.EqualTo(1));
            Assert.That(groups.Select(group => group.GetProperty("allocator").GetString()),
                Is.EquivalentTo(new[] { "Marshal.AllocHGlobal", "NativeMemory.AllocZeroed" }));
        });
    }

    [Test]
    public void Without_variable_and_hook_a_report_says_that_nothing_is_recorded()
    {
        string program = Consumer.Build("manual", "-p:NativeLeakAutoStart=false");
        ChildResult result = ConsumerTests.Run(program, ["start"], s_noHook, ("NATIVELEAK_VERBOSITY", "1"));
        Assert.That(result.Error, Does.Contain("nothing is recorded").And.Contain("NATIVELEAK"));
    }

    private static IEnumerable<(string?, int)> Sites =>
    [
        ("Leaks.Lose()", Consumer.LineOf("AllocHGlobal(100)")), ("Leaks.Lose()", Consumer.LineOf("AllocZeroed(30, 7)")),
    ];

    private static (string?, int) Site(JsonElement group)
    {
        JsonElement frame = group.GetProperty("stack")[0];
        Assert.That(frame.GetProperty("file").GetString(), Does.EndWith("Program.cs"));
        return (frame.GetProperty("method").GetString(), frame.GetProperty("line").GetInt32());
    }

    // Names of the methods that a method's IL calls.
    private static List<string> CallsOf(string assembly, string methodName)
    {
        using PEReader image = new(File.OpenRead(assembly));
        MetadataReader metadata = image.GetMetadataReader();
        List<string> names = [];
        foreach (MethodDefinitionHandle handle in metadata.MethodDefinitions)
        {
            MethodDefinition method = metadata.GetMethodDefinition(handle);
            if (metadata.GetString(method.Name) != methodName)
            {
                continue;
            }

            byte[] il = image.GetMethodBody(method.RelativeVirtualAddress).GetILBytes()!;
            for (int i = 0; i + 4 < il.Length; i++)
            {
                // call and a token: what only looks like it names no method, or one that is not asked for.
                int token = BitConverter.ToInt32(il, i + 1);
                if (il[i] == 0x28 && (token >> 24) is 0x06 or 0x0A)
                {
                    EntityHandle called = MetadataTokens.EntityHandle(token);
                    if (called.Kind == HandleKind.MethodDefinition && MetadataTokens.GetRowNumber(called) <= metadata.MethodDefinitions.Count)
                    {
                        names.Add(metadata.GetString(metadata.GetMethodDefinition((MethodDefinitionHandle)called).Name));
                    }
                    else if (called.Kind == HandleKind.MemberReference && MetadataTokens.GetRowNumber(called) <= metadata.MemberReferences.Count)
                    {
                        names.Add(metadata.GetString(metadata.GetMemberReference((MemberReferenceHandle)called).Name));
                    }
                }
            }
        }

        return names;
    }
}
