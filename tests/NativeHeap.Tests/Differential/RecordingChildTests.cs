// Licensed under the MIT License. See LICENSE in the repository root.
using System.Diagnostics;
using System.Text.RegularExpressions;
using NativeLeak.NativeHeap.Allocation;

namespace NativeLeak.NativeHeap.Tests.Differential;

/// <summary>Runs the differential fixtures once more where the switch is on.</summary>
[TestFixture]
internal sealed partial class RecordingChildTests
{
    [TestCase(null, false)]
    [TestCase("", false)]
    [TestCase("off", false)]
    [TestCase("OFF", false)]
    [TestCase("0", false)]
    [TestCase("false", false)]
    [TestCase("False", false)]
    [TestCase(" off ", false)]
    [TestCase("on", true)]
    [TestCase("1", true)]
    [TestCase("true", true)]
    [TestCase("count", true)]
    [TestCase("paranoid", true)]
    public void TheSwitchReadsItsVariable(string? value, bool isOn) => Assert.That(TrackingSwitch.Parse(value), Is.EqualTo(isOn));

    [Test]
    public void EverythingIsEqualWhileRecordingToo()
    {
        if (TrackingSwitch.IsOn)
        {
            Assert.Pass("this is the child, or the whole suite runs with the switch on");
        }

        ProcessStartInfo start = new(Environment.ProcessPath!)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
        {
            start.ArgumentList.Add(typeof(RecordingChildTests).Assembly.Location);
        }

        start.ArgumentList.Add("--filter");
        start.ArgumentList.Add("FullyQualifiedName~Differential");
        start.Environment[TrackingSwitch.VariableName] = "on";
        using Process child = Process.Start(start)!;
        Task<string> errors = child.StandardError.ReadToEndAsync();
        string output = child.StandardOutput.ReadToEnd();
        child.WaitForExit();
        Assert.That(child.ExitCode, Is.Zero, output + errors.Result);
        Match succeeded = Succeeded().Match(output);
        Assert.That(succeeded.Success, output);
        Assert.That(int.Parse(succeeded.Groups[1].ValueSpan), Is.GreaterThan(100), output);
    }

    [GeneratedRegex(@"succeeded: (\d+)")]
    private static partial Regex Succeeded();
}
