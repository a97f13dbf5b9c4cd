// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Soak;

if (SoakOptions.Parse(args) is not { } options)
{
    Console.Error.WriteLine(SoakOptions.Usage);
    return 2;
}

return new SoakRun(new DetectorProbe(), options, Console.Out).Run() ? 0 : 1;
