# Builds the build program (eng/build) and hands it every verb. Twin of build.sh; ./build.ps1 help lists the verbs.
# Commands of PowerShell's engine only, none of its modules: so Project.Tests runs this script in the engine alone.
$ErrorActionPreference = 'Stop'

$root = $PSScriptRoot
$project = [IO.Path]::Combine($root, 'eng', 'build', 'NativeLeak.Build.csproj')
$program = [IO.Path]::Combine($root, 'artifacts', 'bin', 'NativeLeak.Build', 'release', 'NativeLeak.Build.dll')

# The SDK is chosen by global.json, which dotnet looks for from the current folder upwards.
$place = $ExecutionContext.SessionState.Path
$place.PushCurrentLocation('build.ps1')
try {
    $null = $place.SetLocation([WildcardPattern]::Escape($root))
    $found = $null -ne (Get-Command dotnet -ErrorAction SilentlyContinue)
    if ($found) { dotnet --version *> $null; $found = $LASTEXITCODE -eq 0 }
    if (-not $found) {
        $json = [IO.File]::ReadAllText([IO.Path]::Combine($root, 'global.json'))
        $wanted = [regex]::Match($json, '"version": *"([^"]*)"').Groups[1].Value
        [Console]::Error.WriteLine("build: NativeLeak needs the .NET SDK $wanted or a later one of its feature bands (global.json)")
        exit 1
    }
    $env:DOTNET_NOLOGO = '1'; $env:MSBUILDDISABLENODEREUSE = '1'; $env:DOTNET_CLI_USE_MSBUILD_SERVER = '0'
    dotnet msbuild $project -restore -p:Configuration=Release -v:q -nologo | ForEach-Object { [Console]::Error.WriteLine($_) }
    if ($LASTEXITCODE -ne 0) { exit $LASTEXITCODE }
}
finally { $null = $place.PopLocation('build.ps1') }
& dotnet $program @args
exit $LASTEXITCODE
