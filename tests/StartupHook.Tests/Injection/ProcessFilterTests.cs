// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Injection;

namespace NativeLeak.StartupHook.Tests.Injection;

/// <summary>Which processes are watched.</summary>
[TestFixture]
internal sealed class ProcessFilterTests
{
    private const string Framework = "/usr/share/dotnet/shared/Microsoft.NETCore.App/10.0.12";

    [TestCase("MyService", "dotnet")]
    [TestCase("MyService", "MyService")]
    [TestCase("testhoster", "dotnet")]
    [TestCase("dotnetty", "dotnet")]
    [TestCase("cscope", "cscope")]
    [TestCase(null, "MyService")]
    [TestCase(null, null)]
    public void An_application_is_watched(string? application, string? executable)
        => Assert.That(IsWatched(application, executable), Is.True);

    [TestCase("dotnet")]
    [TestCase("MSBuild")]
    [TestCase("msbuild")]
    [TestCase("csc")]
    [TestCase("vbc")]
    [TestCase("fsc")]
    [TestCase("VBCSCompiler")]
    [TestCase("testhost")]
    [TestCase("testhost.x86")]
    [TestCase("vstest.console")]
    [TestCase("datacollector")]
    [TestCase("dotnet-watch")]
    [TestCase("dotnet-nativeleak")]
    [TestCase("NuGet.Build.Tasks.Console")]
    [TestCase("ilc")]
    [TestCase("crossgen2")]
    public void A_tool_is_left_alone_unless_it_is_named(string tool)
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(IsWatched(tool, "dotnet"), Is.False);
            Assert.That(IsWatched(tool, "dotnet", processes: "*"), Is.False, "everything is not a name");
            Assert.That(IsWatched(tool, "dotnet", processes: "other"), Is.False);
            Assert.That(IsWatched(tool, "dotnet", processes: tool), Is.True);
            Assert.That(IsWatched(tool, "dotnet", processes: "other," + tool[..^1] + "?"), Is.True);
            Assert.That(IsWatched(tool, "dotnet", processes: tool, excluded: tool), Is.False);
        }
    }

    [Test]
    public void Whatever_lies_in_the_SDK_is_a_tool()
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(IsWatched("Something", "dotnet", folder: "/usr/share/dotnet/sdk/10.0.401/Roslyn/bincore/"), Is.False);
            Assert.That(IsWatched("Something", "dotnet", folder: "/usr/share/dotnet/sdk-samples/"), Is.True);
            Assert.That(IsWatched("Something", "dotnet", folder: "/opt/sdk/"), Is.True, "another folder of that name");
            Assert.That(
                ProcessFilter.IsWatched("Something", "Something", "/sdk/app/", "", null, null), Is.True,
                "a self-contained single file has no shared framework");
        }
    }

    [TestCase("Worker", true)]
    [TestCase("worker", true, Description = "case does not matter")]
    [TestCase("Wor*", true)]
    [TestCase("Other;Wor?er", true)]
    [TestCase("Other, Worker", true)]
    [TestCase("*", true)]
    [TestCase("", true)]
    [TestCase("Other", false)]
    [TestCase("Work", false)]
    [TestCase("dotnet", false, Description = "the host is not the application")]
    public void Only_named_applications_are_watched(string processes, bool watched)
        => Assert.That(IsWatched("Worker", "dotnet", processes), Is.EqualTo(watched));

    [TestCase("Worker", false)]
    [TestCase("W*", false)]
    [TestCase("Other", true)]
    [TestCase("*", false)]
    public void Excluded_applications_are_not_watched(string excluded, bool watched)
        => Assert.That(IsWatched("Worker", "dotnet", "Worker", excluded), Is.EqualTo(watched));

    [Test]
    public void The_name_of_the_executable_counts_too()
        => Assert.That(IsWatched("Worker", "worker-launcher", "worker-*"), Is.True);

    private static bool IsWatched(
        string? application, string? executable, string? processes = null, string? excluded = null, string folder = "/srv/app/")
        => ProcessFilter.IsWatched(application, executable, folder, Framework, processes, excluded);
}
