#!/usr/bin/env bash
# Five minutes: a program that is there already and is not rebuilt: run it under the tool, then attach to it while it runs.
# Run by "./build.sh journeys" in an empty folder; JOURNEY_PACKAGES is the folder of the packed packages.
set -euo pipefail

dotnet tool install dotnet-nativeleak --tool-path tools --add-source "$JOURNEY_PACKAGES" >/dev/null
tool=$PWD/tools/dotnet-nativeleak

dotnet new console --name Oven --no-restore >/dev/null
cat >Oven/Program.cs <<'CODE'
using System.Runtime.InteropServices;

Console.WriteLine("baking");
while (Console.ReadLine() is { Length: > 0 } line)
{
    // A thread of its own: its stack, and what is left there, goes with it.
    Thread baker = new(() => Marshal.StringToHGlobalAnsi(line)); // never freed
    baker.Start();
    baker.Join();
    Console.WriteLine($"{line} is in the oven");
}
CODE
dotnet build Oven -c Release -v:q -nologo >/dev/null
oven=Oven/bin/Release/net10.0/Oven.dll

echo '$ dotnet nativeleak run -- dotnet Oven.dll'
code=0
printf 'a bread of rye\na cake of plums\n\n' | "$tool" run -- dotnet "$oven" >output.txt 2>report.txt || code=$?
cat output.txt report.txt
echo "exit code $code"
[ "$code" -eq 23 ]
grep -q 'a cake of plums is in the oven' output.txt
grep -q 'allocated by Marshal.StringToHGlobalAnsi' report.txt
grep -q 'Oven/Program.cs:7$' report.txt

echo '$ dotnet nativeleak attach -p $PID'
mkfifo orders
dotnet "$oven" <orders >served.txt 2>errors.txt &
pid=$!
trap 'kill -9 $pid 2>/dev/null || true' EXIT # whatever goes wrong below
exec 9>orders
until grep -q baking served.txt; do sleep 0.1; done
echo 'a pie from before' >&9
until grep -q before served.txt; do sleep 0.1; done
"$tool" attach -p $pid
echo 'a pie from afterwards' >&9
until grep -q afterwards served.txt; do sleep 0.1; done

echo '$ dotnet nativeleak scan -p $PID'
code=0
"$tool" scan -p $pid --min-age 0 --fail-on definite >scan.txt || code=$?
cat scan.txt
echo "exit code $code"
[ "$code" -eq 23 ]
grep -q 'Definite leak of 66 byte(s) in 1 block(s) allocated by Marshal.StringToHGlobalAnsi' scan.txt

echo >&9
exec 9>&-
wait $pid
[ ! -s errors.txt ] # the program itself said nothing
