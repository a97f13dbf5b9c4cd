#!/usr/bin/env bash
# Five minutes: a build that fails when a leak is new. What leaks today is accepted as a file; only what comes on top fails.
# Run by "./build.sh journeys" in an empty folder; JOURNEY_PACKAGES is the folder of the packed packages.
set -euo pipefail

dotnet tool install dotnet-nativeleak --tool-path tools --add-source "$JOURNEY_PACKAGES" >/dev/null
tool=$PWD/tools/dotnet-nativeleak

dotnet new console --name Letters --no-restore >/dev/null
cat >Letters/Program.cs <<'CODE'
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

OnItsOwnThread(() => Letters.Stamp());
if (args.Contains("--express"))
{
    OnItsOwnThread(() => Letters.Express());
}

static void OnItsOwnThread(Action work)
{
    Thread thread = new(() => work());
    thread.Start();
    thread.Join();
}

static class Letters
{
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static nint Stamp() => Marshal.AllocHGlobal(48); // known for years

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static nint Express() => Marshal.AllocCoTaskMem(96); // came with the last change
}
CODE
dotnet build Letters -c Release -v:q -nologo >/dev/null
letters=Letters/bin/Release/net10.0/Letters.dll

gate() { # runs the program, then compares with what was accepted
    "$tool" run --fail-on none --format json -o leaks.json -- dotnet "$letters" "$@"
    "$tool" diff accepted.json leaks.json --fail-on new
}

echo '$ dotnet nativeleak run --format json -o accepted.json -- dotnet Letters.dll'
code=0
"$tool" run --format json -o accepted.json -- dotnet "$letters" || code=$?
echo "exit code $code"
[ "$code" -eq 23 ] # without a gate every leak fails

echo '$ dotnet nativeleak diff accepted.json leaks.json --fail-on new'
gate
echo 'exit code 0'

echo '# a change brings a new leak'
code=0
gate --express >difference.txt || code=$?
cat difference.txt
echo "exit code $code"
[ "$code" -eq 23 ]
grep -q '^new  *definite .*Letters.Express() in .*Letters/Program.cs' difference.txt
"$tool" report leaks.json | tail -n 1
