#!/usr/bin/env bash
# Five minutes: a web service in production. It writes checkpoints, so that the last state is there when it is killed for its
# memory; until then it is asked from outside.
# Run by "./build.sh journeys" in an empty folder; JOURNEY_PACKAGES is the folder of the packed packages.
set -euo pipefail

dotnet tool install dotnet-nativeleak --tool-path tools --add-source "$JOURNEY_PACKAGES" >/dev/null
tool=$PWD/tools/dotnet-nativeleak

dotnet new web --name Orders --no-restore >/dev/null
cat >Orders/Program.cs <<'CODE'
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(args);
builder.Logging.ClearProviders();
WebApplication app = builder.Build();
app.Urls.Add("http://127.0.0.1:0");
app.MapGet("/order/{number:int}", (int number) => Orders.Take(number));
await app.StartAsync();
Console.WriteLine(app.Urls.First());
await app.WaitForShutdownAsync();

static class Orders
{
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static string Take(int number)
    {
        nint receipt = Marshal.AllocHGlobal(64 << 10);
        Marshal.WriteInt32(receipt, number);
        return number % 4 == 0 ? "refused" : Accept(receipt); // a refused order keeps its receipt
    }

    static string Accept(nint receipt)
    {
        int number = Marshal.ReadInt32(receipt);
        Marshal.FreeHGlobal(receipt);
        return $"order {number}";
    }
}
CODE
dotnet build Orders -c Release -v:q -nologo >/dev/null

echo '$ NATIVELEAK=on NATIVELEAK_OPTIONS=checkpoint=1m,min_age=0,log_path=leaks.json,format=json dotnet Orders.dll'
eval "$("$tool" env --shell bash)"
NATIVELEAK_OPTIONS=checkpoint=1m,min_age=0,log_path=$PWD/leaks.json,format=json \
    dotnet Orders/bin/Release/net10.0/Orders.dll >served.txt 2>errors.txt &
pid=$!
trap 'kill -9 $pid 2>/dev/null || true' EXIT # whatever goes wrong below
unset DOTNET_STARTUP_HOOKS NATIVELEAK
until grep -q http served.txt; do sleep 0.1; done
address=$(sed -n 's,^http://,,p' served.txt)
for ((order = 1; order <= 1400; order++)); do
    exec 3<>"/dev/tcp/${address/:/\/}"
    printf 'GET /order/%d HTTP/1.0\r\n\r\n' $order >&3
    answer=$(cat <&3)
    exec 3>&-
done
[ "${answer: -10}" = "order 1400" ] || [ "${answer: -7}" = "refused" ]

echo '$ dotnet nativeleak scan -p $PID'
"$tool" scan -p $pid --min-age 0 >scan.txt
grep -A1 'Definite leak' scan.txt
grep -q 'Orders.Take(int) in .*Orders/Program.cs:18' scan.txt

echo '# its memory has grown: a checkpoint was written. Now it is killed, as the kernel does it.'
for ((wait = 0; wait < 600; wait++)); do [ -s leaks.json ] && break; sleep 0.1; done
kill -9 $pid
wait $pid || true
"$tool" report leaks.json >report.txt
grep -A1 'Definite leak' report.txt
tail -n 1 report.txt
grep -q 'at a checkpoint' report.txt
grep -q 'Orders.Take(int) in .*Orders/Program.cs:18' report.txt
[ ! -s errors.txt ] # the service itself said nothing
