// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.StartupHook.Tests.Interception;

/// <summary>What the recorder sees of an application's calls, in each tier. The application is HookDriver.</summary>
[TestFixture("Exports", "near")]
[TestFixture("Exports", "far")]
[TestFixture("GlobalOffsetTable", "near")]
internal sealed class TierTests(string tier, string stubs)
{
    // Facts: 25 API cases end in seven functions; each allocates one block, and its free leaves none.
    private static readonly string[] s_oneBlockEach =
    [
        "NativeMemory.Alloc", "NativeMemory.Alloc.zero", "NativeMemory.Alloc.elements", "NativeMemory.Alloc.large",
        "NativeMemory.AllocZeroed", "NativeMemory.AllocZeroed.zero", "NativeMemory.AllocZeroed.large",
        "NativeMemory.Realloc.null", "NativeMemory.Realloc.grow", "NativeMemory.Realloc.zero",
        "NativeMemory.AlignedAlloc", "NativeMemory.AlignedAlloc.large",
        "NativeMemory.AlignedRealloc.null", "NativeMemory.AlignedRealloc.grow",
        "Marshal.AllocHGlobal", "Marshal.AllocHGlobal.nint", "Marshal.ReAllocHGlobal",
        "Marshal.AllocCoTaskMem", "Marshal.ReAllocCoTaskMem.null", "Marshal.ReAllocCoTaskMem", "Marshal.ReAllocCoTaskMem.free",
        "Marshal.StringToHGlobalAnsi", "Marshal.StringToHGlobalUni", "Marshal.StringToHGlobalAuto",
        "Marshal.StringToCoTaskMemAnsi", "Marshal.StringToCoTaskMemUni", "Marshal.StringToCoTaskMemAuto",
        "Marshal.StringToCoTaskMemUTF8", "Marshal.StringToBSTR", "Marshal.StringToBSTR.zerofree",
        "Marshal.SecureStringToBSTR", "Marshal.SecureStringToGlobalAllocAnsi", "Marshal.SecureStringToGlobalAllocUnicode",
        "Marshal.SecureStringToCoTaskMemAnsi", "Marshal.SecureStringToCoTaskMemUnicode",
        "reflection", "delegate", "function pointer", "finalizer thread",
    ];

    [Test]
    public void Every_allocating_API_is_seen_once_and_so_is_its_free()
    {
        ChildResult result = Drive("apis");
        string[] expected =
        [
            .. s_oneBlockEach.Select(name => $"case={name} live=1 left=0 unknown=0"),
            "case=native free live=0 left=0 unknown=0",
            "case=marshalled string live=0 left=0 unknown=0",
        ];
        Assert.That(result.Lines.Where(line => line.StartsWith("case=", StringComparison.Ordinal)), Is.EqualTo(expected));
    }

    [Test]
    public void Every_way_a_reallocation_can_end_leaves_the_right_records()
    {
        ChildResult result = Drive("realloc");
        string[] expected =
        [
            "case=in place live=1 left=0 unknown=0",
            "case=moved live=1 left=0 unknown=0",
            "case=failed keeps the block live=1 left=0 unknown=0",
            "case=failed aligned keeps the block live=1 left=0 unknown=0",
            "case=aligned copies what fits live=1 left=0 unknown=0",
            "case=to zero live=0 left=0 unknown=0",
            "case=of null live=1 left=0 unknown=0",
            "case=of a foreign block live=1 left=0 unknown=1",
        ];
        Assert.That(result.Lines.Where(line => line.StartsWith("case=", StringComparison.Ordinal)), Is.EqualTo(expected));
    }

    [Test]
    public void Errno_is_what_the_original_functions_leave()
    {
        ChildResult result = Drive("errno");
        string[] expected =
        [
            "errno=malloc value=12", "errno=calloc value=12", "errno=realloc value=12", "errno=aligned value=12",
            "errno=kept by alloc value=4242", "errno=kept by realloc value=4242", "errno=kept by free value=4242",
            "errno=out of memory value=thrown",
        ];
        Assert.That(result.Lines.Where(line => line.StartsWith("errno=", StringComparison.Ordinal)), Is.EqualTo(expected));
    }

    [Test]
    public void Every_block_is_attributed_to_the_method_that_asked_for_it()
    {
        ChildResult result = Drive("sites");
        // The slot tier sees the library's function allocate on behalf of its caller; the stack still tells.
        string alignedRealloc = tier == "Exports" ? "NativeMemoryAlignedRealloc" : "NativeMemoryAlignedAlloc";
        const string Native = "System.Runtime.InteropServices.NativeMemory.";
        Assert.That(result.Lines.Where(line => line.StartsWith("site=", StringComparison.Ordinal)), Is.EqualTo((string[])
        [
            $"site=malloc bytes=100 api=Unknown flags=None first={Native}Alloc mine=True",
            $"site=calloc bytes=200 api=NativeMemoryAllocZeroed flags=None first={Native}AllocZeroed mine=True",
            $"site=realloc bytes=300 api=NativeMemoryRealloc flags=None first={Native}Realloc mine=True",
            $"site=aligned bytes=128 api=NativeMemoryAlignedAlloc flags=Aligned first={Native}AlignedAlloc mine=True",
            $"site=aligned realloc bytes=512 api={alignedRealloc} flags=Aligned first={Native}AlignedRealloc mine=True",
            "site=bstr bytes=32 api=Unknown flags=BstrPrefixed "
                + "first=System.Runtime.InteropServices.Marshal.AllocBSTR mine=True",
        ]));
    }

    [Test]
    public void An_export_with_unknown_code_means_the_slots_for_all_of_them()
    {
        ChildResult result = ChildProcess.Dotnet(Apps.HookDriver, ["unknown", tier]);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.ExitCode, Is.Zero, result.Output + result.Error);
            Assert.That(result.Value("tier"), Is.EqualTo("GlobalOffsetTable"));
            Assert.That(result.Value("detail"), Does.Contain(tier == "Exports" ? "is not followed by padding" : "not asked for"));
            Assert.That(
                result.Lines.Count(line => line.EndsWith(" live=1 left=0 unknown=0", StringComparison.Ordinal)),
                Is.EqualTo(s_oneBlockEach.Length));
        }
    }

    [TestCase("")]
    [TestCase("DOTNET_gcServer=1")]
    [TestCase("DOTNET_TieredCompilation=0")]
    [TestCase("DOTNET_GCgen0size=100000")]
    public void Under_threads_collections_finalizers_and_exceptions_all_blocks_balance(string setting)
    {
        string[] parts = setting.Split('=');
        ChildResult result = parts.Length == 2
            ? Drive("stress", [(parts[0], parts[1])], "20000")
            : Drive("stress", [], "20000");
        Assert.That(result.Value("stress"), Does.StartWith("done allocated=").And.EndsWith(" left=0 unknown=0"));
    }

    [Test]
    public void Installing_amid_threads_that_allocate_leaves_no_record_behind()
    {
        // Frees are redirected before allocations: a block may be freed unseen meanwhile, but none is left over.
        for (int i = 0; i < 5; i++)
        {
            ChildResult result = Drive("late");
            Assert.That(result.Value("late"), Is.EqualTo("done left=0"));
        }
    }

    [Test]
    public void Threads_that_allocate_until_the_end_do_not_disturb_the_exit()
    {
        ChildResult result = ChildProcess.Dotnet(Apps.HookDriver, ["exit", tier]);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.ExitCode, Is.EqualTo(7), result.Output + result.Error);
            Assert.That(result.Error, Is.Empty);
            Assert.That(result.Value("exit"), Is.EqualTo("handler unknown=0"));
        }
    }

    [TestCase("failfast", "asked to fail fast")]
    [TestCase("unhandled", "System.InvalidOperationException: asked to throw")]
    public void A_violent_end_is_reported_by_the_runtime_as_ever(string command, string message)
    {
        ChildResult result = ChildProcess.Dotnet(Apps.HookDriver, [command, tier], ("DOTNET_DbgEnableMiniDump", "0"));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.ExitCode, Is.EqualTo(134), "128 + SIGABRT");
            Assert.That(result.Error, Does.Contain(message));
        }
    }

    [Test]
    public void Only_the_first_copy_of_NativeLeak_in_a_process_installs_the_hook()
    {
        ChildResult result = Drive("copies");
        Assert.That(result.Lines.Where(line => line.StartsWith("copy=", StringComparison.Ordinal)), Is.EqualTo((string[])
        [
            $"copy=same tier={tier} same=True",
            "copy=second tier=ExplicitApiOnly detail=another copy of NativeLeak in this process has the hook",
            "copy=collectible tier=ExplicitApiOnly detail=NativeLeak is loaded in a collectible context: "
                + "its code could be unloaded under the hook",
        ]));
    }

    private ChildResult Drive(string command) => Drive(command, []);

    private ChildResult Drive(string command, (string, string?)[] variables, params string[] more)
    {
        ChildResult result = ChildProcess.Dotnet(Apps.HookDriver, [command, tier, .. more], [.. variables, ("HOOKDRIVER_STUBS", stubs)]);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.ExitCode, Is.Zero, result.Output + result.Error);
            Assert.That(result.Error, Is.Empty);
            Assert.That(result.Value("tier"), Is.EqualTo(tier), result.Value("detail"));
            Assert.That(result.Value("failures"), Is.EqualTo("0"));
            if (stubs == "far")
            {
                Assert.That(result.Value("islands"), Is.EqualTo("7"));
            }
        }

        return result;
    }
}
