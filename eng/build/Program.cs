// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the entry of the build program; build.sh and build.ps1 hand every verb to it.
// The one idea: a verb is one row of one table, from which both the help and the dispatch are made.
using NativeLeak.Build;

return await BuildProgram.RunAsync(args).ConfigureAwait(false);
