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

echo '$ dotnet nativeleak run -- dotnet Letters.dll'
code=0
"$tool" run -- dotnet "$letters" 2>/dev/null || code=$?
echo "exit code $code"
[ "$code" -eq 23 ] # without a baseline every leak fails

echo '$ dotnet nativeleak run --baseline accepted.json --update-baseline -- dotnet Letters.dll'
"$tool" run --baseline accepted.json --update-baseline -- dotnet "$letters" 2>update.txt
tail -n 1 update.txt
cat accepted.json
grep -q '"method": "Letters.Stamp()"' accepted.json

echo '$ dotnet nativeleak run --baseline accepted.json --fail-on new -- dotnet Letters.dll'
"$tool" run --baseline accepted.json --fail-on new -- dotnet "$letters" 2>known.txt
grep 'beside the baseline' known.txt
echo 'exit code 0'

echo '# a change brings a new leak'
echo '$ dotnet nativeleak run --baseline accepted.json --fail-on new --format github -o annotations.txt -- dotnet Letters.dll --express'
code=0
"$tool" run --baseline accepted.json --fail-on new --format github -o annotations.txt -- dotnet "$letters" --express || code=$?
cut -c -160 annotations.txt
echo "exit code $code"
[ "$code" -eq 23 ]
grep -q '^::error file=Letters/Program.cs,line=[0-9]*,title=NativeLeak%3A Definite leak::.* in Letters.Express()' annotations.txt
grep -q '^::notice file=Letters/Program.cs,.* in Letters.Stamp()' annotations.txt
