// Licensed under the MIT License. See LICENSE in the repository root.
using System.Text;
using NativeLeak.Baselines;
using NativeLeak.Reporting;
using NativeLeak.Scanner.Tests.Reporting;

namespace NativeLeak.Scanner.Tests.Baselines;

/// <summary>A baseline is read as it was written; whatever else a file holds is one sentence with its place.</summary>
[TestFixture]
internal sealed class BaselineFileTests
{
    private const string Good = """
        {"schema":"nativeleak.baseline/1","leaks":[
          {"fingerprint":"a","blocks":1,"bytes":10},
          {"fingerprint":"b","blocks":2,"bytes":20},
          {"fingerprint":"a","blocks":4,"bytes":40}]}
        """;

    private string _folder = string.Empty;

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("nativeleak-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void WhatIsWrittenIsReadAndTheSameEveryTime()
    {
        byte[] written = BaselineWriter.Write(SampleReports.Leaky);
        LeakReport later = SampleReports.Leaky with
        {
            Leaks =
            [
                .. SampleReports.Leaky.Leaks.Reverse().Select(static group => group with
                {
                    FirstAge = TimeSpan.FromHours(1), Samples = [], Threads = ["another"],
                    Stack = [.. group.Stack.Select(static frame => frame with { Line = frame.Line + 3 })],
                }),
            ],
        };
        Assert.That(Encoding.UTF8.GetString(BaselineWriter.Write(later)), Is.EqualTo(Encoding.UTF8.GetString(written)), "times, addresses, lines and order are not in it");
        Assert.That(Encoding.UTF8.GetString(written), Does.Contain("\"method\": \"Ingest.Parser.Read(Stream)\"").And.EndWith("}\n"));
        Assert.That(Read(written)!.Sites, Is.EquivalentTo(new Dictionary<string, BlockTotal>
        {
            ["0123456789abcdef"] = new(1, 4096), ["fedcba9876543210"] = new(3, 40),
        }));
    }

    [Test]
    public void AReportWillDoAsWell()
        => Assert.That(Read(JsonReportWriter.Write(SampleReports.Leaky))!.Sites, Is.EquivalentTo(Read(BaselineWriter.Write(SampleReports.Leaky))!.Sites));

    [Test]
    public void LeaksOfOneSiteAddUpAndAByteOrderMarkIsNoObstacle()
        => Assert.That(Read([0xEF, 0xBB, 0xBF, .. Encoding.UTF8.GetBytes(Good)])!.Sites,
            Is.EquivalentTo(new Dictionary<string, BlockTotal> { ["a"] = new(5, 50), ["b"] = new(2, 20) }));

    [TestCase("", "line 1, byte 1")]
    [TestCase("==1==NATIVELEAK: ERROR", "line 1, byte 1")]
    [TestCase("[]", "its schema is neither nativeleak.baseline/1 nor nativeleak.report/1")]
    [TestCase("{\"schema\":7}", "its schema is neither")]
    [TestCase("{\"schema\":\"nativeleak.baseline/2\",\"leaks\":[]}", "its schema is neither")]
    [TestCase("{\"schema\":\"nativeleak.baseline/1\"}", "it has no leaks")]
    [TestCase("{\"schema\":\"nativeleak.baseline/1\",\"leaks\":{}}", "it has no leaks")]
    [TestCase("{\"schema\":\"nativeleak.baseline/1\",\"leaks\":[7]}", "leaks[0] has no fingerprint")]
    [TestCase("{\"schema\":\"nativeleak.baseline/1\",\"leaks\":[{\"fingerprint\":\"a\",\"blocks\":-1,\"bytes\":0}]}", "leaks[0].blocks is no whole number from 0")]
    [TestCase("{\"schema\":\"nativeleak.baseline/1\",\"leaks\":[{\"fingerprint\":\"a\",\"blocks\":1,\"bytes\":1e300}]}", "leaks[0].bytes is no whole number")]
    [TestCase("{\"schema\":\"nativeleak.baseline/1\",\"leaks\":[{\"fingerprint\":\"\\ud800\",\"blocks\":1,\"bytes\":1}]}", "cannot be read: ")]
    public void AnotherFileIsToldWhatItIsNot(string text, string expected)
    {
        Assert.That(Read(Encoding.UTF8.GetBytes(text), out string? error), Is.Null);
        Assert.That(error, Does.StartWith(_folder + "/baseline ").Or.StartWith($"the baseline {_folder}/baseline ").And.Contains(expected));
        Assert.That(error, Does.Contain(expected));
    }

    [Test]
    public void AFileThatCannotBeReadIsNamed()
    {
        foreach (string path in (string[])[_folder, _folder + "/missing", "\0"])
        {
            Assert.That(BaselineFile.TryRead(path, out string? error), Is.Null);
            Assert.That(error, Does.StartWith($"the baseline {path} cannot be read: "));
        }

        Assert.That(BaselineFile.TryRead("/dev/zero", out string? endless), Is.Null);
        Assert.That(endless, Is.EqualTo("/dev/zero is no baseline: it has more than 67108864 bytes"));
    }

    // Whatever the bytes are: a baseline or a sentence.
    [Test]
    public void NoBytesMakeItFailInAnotherWay()
    {
        Random random = new(20261129);
        byte[] good = Encoding.UTF8.GetBytes(Good);
        int read = 0;
        for (int i = 0; i < 2000; i++)
        {
            byte[] bytes = [.. good.Take(random.Next(good.Length + 1))];
            bytes = i % 2 == 0 ? bytes : [.. good];
            for (int j = random.Next(4); j > 0 && bytes.Length > 0; j--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }

            AcceptedLeaks? baseline = Read(bytes, out string? error);
            Assert.That(baseline is null, Is.EqualTo(error is not null));
            read += baseline is null ? 0 : 1;
        }

        Assert.That(read, Is.GreaterThan(100), "those that were left as they are");
    }

    private AcceptedLeaks? Read(byte[] bytes) => Read(bytes, out _);

    private AcceptedLeaks? Read(byte[] bytes, out string? error)
    {
        string path = _folder + "/baseline";
        File.WriteAllBytes(path, bytes);
        return BaselineFile.TryRead(path, out error);
    }
}
