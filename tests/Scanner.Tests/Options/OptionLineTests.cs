// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Options;

namespace NativeLeak.Scanner.Tests.Options;

[TestFixture]
internal sealed class OptionLineTests
{
    [TestCase("", "")]
    [TestCase("format=json", "format=json")]
    [TestCase("format=json,exitcode=5", "format=json|exitcode=5")]
    [TestCase("format=json:exitcode=5", "format=json|exitcode=5")]
    [TestCase("log_path=C:\\x:format=json", "log_path=C:\\x|format=json")]
    [TestCase("log_path=/a:b/c:d=e,format=json", "log_path=/a:b/c:d=e|format=json")]
    [TestCase(" format = json , exitcode=5 ,", "format=json|exitcode=5")]
    [TestCase("log_path='/a,b':format=json", "log_path=/a,b|format=json")]
    [TestCase("log_path=/it's/a,format=json", "log_path=/it's/a|format=json")]
    [TestCase("log_path='open,format=json", "log_path='open|format=json")]
    [TestCase("report_at=exit,signal,format=json", "report_at=exit,signal|format=json")]
    [TestCase("processes=a,b,format=json", "processes=a,b|format=json")]
    [TestCase("help", "help?")]
    [TestCase("format=json,help", "format=json|help?")]
    [TestCase("=x", "=x")]
    public void TheLineFallsIntoItsAssignments(string line, string expected)
    {
        IEnumerable<string> parts = OptionLine.Split(line)
            .Select(static part => part.Value is null ? part.Name + "?" : part.Name + "=" + part.Value);
        Assert.That(string.Join('|', parts), Is.EqualTo(expected));
    }
}
