#!/usr/bin/env bash
# Five minutes: a new program, the package, one variable, and the line that leaks.
# Run by "./build.sh journeys" in an empty folder whose NuGet.config names the packed packages.
set -euo pipefail

dotnet new console --name Thermometer --no-restore >/dev/null
cd Thermometer
cat >Program.cs <<'CODE'
using System.Runtime.InteropServices;

for (int i = 0; i < 10; i++)
{
    nint reading = Marshal.AllocHGlobal(64);
    Marshal.WriteInt32(reading, 20 + i);
    Console.WriteLine($"{Marshal.ReadInt32(reading)} degrees");
    if (i != 7)
    {
        Marshal.FreeHGlobal(reading);
    }
}
CODE
dotnet add package NativeLeak >/dev/null

echo '$ dotnet run'
dotnet run -c Release >plain.txt 2>plain-errors.txt
cat plain.txt
[ ! -s plain-errors.txt ] # without the variable nothing is said

echo '$ NATIVELEAK=on dotnet run'
NATIVELEAK=on dotnet run -c Release --no-build >watched.txt 2>report.txt
cat report.txt
cmp plain.txt watched.txt # the program's own output is the same
grep -q 'Definite leak of 64 byte(s) in 1 block(s) allocated by Marshal.AllocHGlobal' report.txt
grep -q 'Program.cs:5$' report.txt

echo '$ NATIVELEAK=on NATIVELEAK_FAIL_ON=definite dotnet run'
code=0
NATIVELEAK=on NATIVELEAK_FAIL_ON=definite dotnet run -c Release --no-build >/dev/null 2>&1 || code=$?
echo "exit code $code"
[ "$code" -eq 23 ]
