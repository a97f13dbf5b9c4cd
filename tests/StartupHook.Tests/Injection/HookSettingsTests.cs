// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Injection;

namespace NativeLeak.StartupHook.Tests.Injection;

/// <summary>The texts the trampoline itself has to understand.</summary>
[TestFixture]
internal sealed class HookSettingsTests
{
    [TestCase(null, false)]
    [TestCase("", false)]
    [TestCase("  ", false)]
    [TestCase("off", false)]
    [TestCase("OFF", false)]
    [TestCase("0", false)]
    [TestCase("false", false)]
    [TestCase("False", false)]
    [TestCase("on", true)]
    [TestCase("1", true)]
    [TestCase("true", true)]
    [TestCase("count", true)]
    [TestCase("sample", true)]
    [TestCase("paranoid", true)]
    [TestCase("onn", true, Description = "the detector itself warns about it")]
    public void The_level_switches_on_or_off(string? level, bool on)
        => Assert.That(HookSettings.IsOn(level), Is.EqualTo(on));

    [TestCase("processes=a", "a")]
    [TestCase("format=json,processes=a,b,c", "a,b,c")]
    [TestCase("processes=a,b,format=json", "a,b")]
    [TestCase("processes=a:format=json", "a")]
    [TestCase("exitcode=3:PROCESSES=a", "a")]
    [TestCase("processes=a,processes=b", "b")]
    [TestCase("exclude_processes=x", null)]
    [TestCase("processes=", "")]
    [TestCase("processes", null)]
    [TestCase("processes='a b'", "a b")]
    [TestCase(",,:,=,processes=a", "a")]
    [TestCase("", null)]
    [TestCase(null, null)]
    public void A_key_is_found_among_the_options(string? line, string? expected)
        => Assert.That(HookSettings.FindInLine(line, "processes"), Is.EqualTo(expected));

    [Test]
    public void A_path_with_a_colon_survives()
        => Assert.That(HookSettings.FindInLine(@"log_path=C:\x,inherit=0", "log_path"), Is.EqualTo(@"C:\x"));

    [TestCase("/opt/nl/NativeLeak.StartupHook.dll", null)]
    [TestCase("NativeLeak.StartupHook", null)]
    [TestCase("/elsewhere/NativeLeak.StartupHook.dll:/opt/nl/NativeLeak.StartupHook.dll", null)]
    [TestCase("/a/Other.dll:/opt/nl/NativeLeak.StartupHook.dll:Third", "/a/Other.dll:Third")]
    [TestCase("/a/Other.dll", "/a/Other.dll")]
    public void Only_our_entry_is_taken_out_of_the_startup_hooks(string hooks, string? expected)
        => Assert.That(
            InheritedVariables.WithoutHook(hooks, "/opt/nl/NativeLeak.StartupHook.dll", "NativeLeak.StartupHook"),
            Is.EqualTo(expected));
}
