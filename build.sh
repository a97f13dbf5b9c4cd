#!/usr/bin/env bash
# Builds the build program (eng/build) and hands it every verb. Twin of build.ps1; ./build.sh help lists the verbs.
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
project=$root/eng/build/NativeLeak.Build.csproj
program=$root/artifacts/bin/NativeLeak.Build/release/NativeLeak.Build.dll

# The SDK is chosen by global.json, which dotnet looks for from the current folder upwards.
if ! (cd -- "$root" && dotnet --version) >/dev/null 2>&1; then
    wanted=$(sed -n 's/.*"version": *"\([^"]*\)".*/\1/p' "$root/global.json")
    echo "build: NativeLeak needs the .NET SDK $wanted or a later one of its feature bands (global.json)" >&2
    exit 1
fi

export DOTNET_NOLOGO=1 MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_USE_MSBUILD_SERVER=0
(cd -- "$root" && dotnet msbuild "$project" -restore -p:Configuration=Release -v:q -nologo) >&2
exec dotnet "$program" "$@"
