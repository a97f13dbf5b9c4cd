// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Package.Tests;

/// <summary>The consumer in every form in which it can be published.</summary>
[TestFixture]
internal sealed class PublishTests
{
    [TestCase("single-file", "--self-contained=false", "-p:PublishSingleFile=true")]
    [TestCase("single-file-with-runtime", "--self-contained=true", "-p:PublishSingleFile=true")]
    [TestCase("trimmed", "--self-contained=true", "-p:PublishTrimmed=true")]
    public void A_published_program_is_watched(string name, params string[] properties)
    {
        string program = Consumer.Publish(name, properties);
        Assert.That(Consumer.LogOf(name), Does.Not.Contain("warning IL"));
        ChildResult plain = ConsumerTests.Run(program, []);
        ChildResult watched = ConsumerTests.Run(program, [], ("NATIVELEAK", "on"), ("NATIVELEAK_FAIL_ON", "definite"));
        Assert.Multiple(() =>
        {
            Assert.That(plain, Is.EqualTo(new ChildResult(0, "done\n", "")));
            Assert.That((watched.ExitCode, watched.Output), Is.EqualTo((23, "done\n")), watched.Error);
            Assert.That(watched.Error, Does.Contain("runtime hook"));
            Assert.That(watched.Error, Does.Contain($"Program.cs:{Consumer.LineOf("AllocHGlobal(100)")}"), watched.Error);
        });
    }

    [Test]
    public void A_program_compiled_ahead_as_a_whole_is_counted_by_its_call_sites()
    {
        string program = Consumer.Publish("ahead", "-p:PublishAot=true");
        Assert.That(Consumer.LogOf("ahead"), Does.Not.Contain("warning IL"));
        ChildResult plain = ConsumerTests.Run(program, []);
        ChildResult watched = ConsumerTests.Run(program, [], ("NATIVELEAK", "count"));
        Assert.Multiple(() =>
        {
            Assert.That(plain, Is.EqualTo(new ChildResult(0, "done\n", "")));
            Assert.That((watched.ExitCode, watched.Output), Is.EqualTo((0, "done\n")), watched.Error);
            Assert.That(watched.Error, Does.Contain("interceptors").And.Contain("in 40 block(s)"));
            Assert.That(watched.Error, Does.Contain($"Program.cs:{Consumer.LineOf("AllocHGlobal(100)")}"));
        });
    }
}
