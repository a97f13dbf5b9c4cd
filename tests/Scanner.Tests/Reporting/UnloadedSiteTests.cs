// Licensed under the MIT License. See LICENSE in the repository root.
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;
using NativeLeak.NativeHeap.Allocation;
using NativeLeak.Reporting;

namespace NativeLeak.Scanner.Tests.Reporting;

/// <summary>Sites in code that is unloaded before the report is written: nothing keeps it loaded, nothing is lost.</summary>
[TestFixture]
internal sealed class UnloadedSiteTests
{
    private const string Name = "NativeLeak.Scanner.Tests.Reporting.UnloadedSiteTests.CallFromPlugin(Func<uint>, out int)";

    [OneTimeSetUp]
    public void StartRecording()
    {
        SiteFrame.Describe = static method => (MethodNames.Describe(method), MethodNames.LambdaOrdinal(method));
        AllocationRecorder.Start(16);
        Assert.That(AllocationRecorder.StartFailure, Is.Null);
    }

    [TestCase(false)]
    [TestCase(true)]
    public void TheContextGoesAndTheReportStillNamesMethodFileAndLine(bool isFromMemory)
    {
        uint site = Allocate(isFromMemory, out WeakReference context, out int line);
        for (int i = 0; i < 20 && context.IsAlive; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.That(context.IsAlive, Is.False, "the site keeps the context loaded");
        using SymbolResolver symbols = new(TimeSpan.FromMinutes(1));
        FrameDescriber describer = new(symbols);
        LeakFrame frame = RecordedFrames.Of(site).Select(describer.Describe).Single(candidate => candidate.Method == Name);
        Assert.Multiple(() =>
        {
            Assert.That(frame.Assembly, Is.EqualTo("NativeLeak.Scanner.Tests"));
            Assert.That(frame.File, Does.EndWith("UnloadedSiteTests.cs"));
            Assert.That(frame.Line, Is.EqualTo(line));
            Assert.That(frame.IsNative || frame.IsFramework, Is.False);
        });
    }

    [Test]
    public void ASecondLoadOfTheSameCodeIsTheSameGroup()
    {
        uint[] sites = new uint[3];
        for (int i = 0; i < sites.Length; i++)
        {
            // One line for all, so that only the plugin differs.
            sites[i] = Allocate(isFromMemory: false, out _, out _);
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        SiteIndex index = new(new RecorderFacts(NativeHeap.Interception.InterceptionTier.None, "", DetectorLevel.On));
        ReportedSite[] lines = [.. sites.Select(site => index.Get(site, NativeHeap.Records.AllocationApi.MarshalAllocHGlobal)).Distinct()];
        Assert.That(sites.Distinct().Count(), Is.EqualTo(3), "each load is other code");
        Assert.That(lines, Has.Length.EqualTo(1));
    }

    [Test]
    public void AnotherBuildInTheFilesPlaceGivesNoLines()
    {
        string path = typeof(UnloadedSiteTests).Assembly.Location;
        MethodInfo method = typeof(UnloadedSiteTests).GetMethod(nameof(CallFromPlugin))!;
        using SymbolResolver symbols = new(TimeSpan.FromMinutes(1));
        Guid version = method.Module.ModuleVersionId;
        Assert.That(symbols.TryFind(path, version, method.MetadataToken, 0, out _, out _));
        Assert.That(symbols.TryFind(path, Guid.NewGuid(), method.MetadataToken, 0, out _, out _), Is.False);
        Assert.That(symbols.TryFind(path + ".gone", version, method.MetadataToken, 0, out _, out _), Is.False);
        Assert.That(symbols.Missing, Is.Not.Empty);
    }

    /// <summary>Runs in a copy of this assembly.</summary>
    public static uint CallFromPlugin(Func<uint> intern, out int line)
    {
        line = Line(); uint site = intern();
        GC.KeepAlive(site);
        return site;
    }

    private static int Line([CallerLineNumber] int line = 0) => line;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static uint Allocate(bool isFromMemory, out WeakReference context, out int line)
    {
        AssemblyLoadContext load = new("plugin", isCollectible: true);
        context = new WeakReference(load);
        string path = typeof(UnloadedSiteTests).Assembly.Location;
        Assembly copy;
        if (isFromMemory)
        {
            using MemoryStream image = new(File.ReadAllBytes(path));
            using MemoryStream symbols = new(File.ReadAllBytes(Path.ChangeExtension(path, ".pdb")));
            copy = load.LoadFromStream(image, symbols);
        }
        else
        {
            copy = load.LoadFromAssemblyPath(path);
        }

        object?[] arguments = [(Func<uint>)Intern, null];
        uint site = (uint)copy.GetType(typeof(UnloadedSiteTests).FullName!)!.GetMethod(nameof(CallFromPlugin))!
            .Invoke(null, arguments)!;
        line = (int)arguments[1]!;
        load.Unload();
        return site;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static uint Intern()
    {
        AllocationCall call = StackWalker.Caller();
        uint site = SiteDepot.Intern(in call, StackWalker.StackEnd, out _);
        GC.KeepAlive(site);
        return site;
    }
}
