# Builds the build program (eng/build) and hands it every verb. Twin of build.sh; ./build.ps1 help lists the verbs.
$ErrorActionPreference = 'Stop'

$root = $PSScriptRoot
$project = Join-Path $root 'eng/build/NativeLeak.Build.csproj'
$program = Join-Path $root 'artifacts/bin/NativeLeak.Build/release/NativeLeak.Build.dll'

# The SDK is chosen by global.json, which dotnet looks for from the current folder upwards.
Push-Location $root
try {
    $found = $null -ne (Get-Command dotnet -ErrorAction SilentlyContinue)
    if ($found) { dotnet --version *> $null; $found = $LASTEXITCODE -eq 0 }
    if (-not $found) {
        $wanted = (Get-Content global.json -Raw | ConvertFrom-Json).sdk.version
        [Console]::Error.WriteLine("build: NativeLeak needs the .NET SDK $wanted or a later one of its feature bands (global.json)")
        exit 1
    }
    $env:DOTNET_NOLOGO = '1'; $env:MSBUILDDISABLENODEREUSE = '1'; $env:DOTNET_CLI_USE_MSBUILD_SERVER = '0'
    dotnet msbuild $project -restore -p:Configuration=Release -v:q -nologo | ForEach-Object { [Console]::Error.WriteLine($_) }
    if ($LASTEXITCODE -ne 0) { exit $LASTEXITCODE }
}
finally { Pop-Location }
& dotnet $program @args
exit $LASTEXITCODE
