// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Cli;

return await CommandLine.RunAsync(args).ConfigureAwait(false);
