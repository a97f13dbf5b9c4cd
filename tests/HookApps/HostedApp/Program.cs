// Licensed under the MIT License. See LICENSE in the repository root.
using HostedApp;

// HostedApp host | web | grow <MiB>
switch (args[0])
{
    case "host":
        await HostedService.RunAsync();
        return 0;
    case "web":
        return await WebService.RunAsync();
    case "grow":
        Growth.Run(int.Parse(args[1], System.Globalization.CultureInfo.InvariantCulture));
        return 0;
    default:
        throw new ArgumentException(args[0]);
}
