#!/usr/bin/env bash
# Five minutes: a test suite that already exists: its test host is watched, and the test that loses memory is named.
# Run by "./build.sh journeys" in an empty folder; JOURNEY_PACKAGES is the folder of the packed packages. The packages of the
# test framework come from wherever packages come from.
set -euo pipefail

dotnet tool install dotnet-nativeleak --tool-path tools --add-source "$JOURNEY_PACKAGES" >/dev/null
tool=$PWD/tools/dotnet-nativeleak

dotnet new nunit --name Kettle.Tests --no-restore >/dev/null
rm -f Kettle.Tests/UnitTest1.cs
cat >Kettle.Tests/KettleTests.cs <<'CODE'
using System.Runtime.InteropServices;

namespace Kettle.Tests;

public class KettleTests
{
    [Test]
    public void Boils()
    {
        nint water = Marshal.AllocHGlobal(100);
        Marshal.WriteByte(water, 100);
        Assert.That(Marshal.ReadByte(water), Is.EqualTo(100));
        Marshal.FreeHGlobal(water);
    }

    [Test]
    public void Whistles()
    {
        nint whistle = Marshal.StringToCoTaskMemUTF8("wheee"); // never freed
        Assert.That(Marshal.ReadByte(whistle), Is.EqualTo((byte)'w'));
    }
}
CODE
dotnet build Kettle.Tests -v:q -nologo >/dev/null

# The test host is killed 100 ms after its last test unless it is given more time.
export VSTEST_TESTHOST_SHUTDOWN_TIMEOUT=30000

echo '$ dotnet nativeleak run --option processes=testhost --format json -o leaks.json -- dotnet test --no-build Kettle.Tests'
"$tool" run --fail-on none --option processes=testhost --format json -o leaks.json -- dotnet test --no-build Kettle.Tests
"$tool" report leaks.json >report.txt
cat report.txt
grep -q 'Kettle.Tests.KettleTests.Whistles() in .*KettleTests.cs:19' report.txt
! grep -q 'KettleTests.Boils' report.txt
