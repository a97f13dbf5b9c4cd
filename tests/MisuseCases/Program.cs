// Licensed under the MIT License. See LICENSE in the repository root.
// MisuseCases NAME: makes the mistake of that name, goes on, and says so.
// MisuseCases --native-frees THREADS: measures frees of native blocks while so many other threads have rings.
using System.Globalization;
using MisuseCases;

if (args is ["--native-frees", string count] && int.TryParse(count, CultureInfo.InvariantCulture, out int threadCount))
{
    NativeFrees.Measure(threadCount);
    return 0;
}

if (args is not [string name] || CaseTable.Find(name) is not { } misuseCase)
{
    Console.Error.WriteLine("usage: MisuseCases NAME");
    return 2;
}

misuseCase.Run();
Console.WriteLine("went on");
return 0;
