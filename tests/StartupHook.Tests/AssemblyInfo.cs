// Licensed under the MIT License. See LICENSE in the repository root.
// The runtime hook exists for Linux x64; so do its tests.
[assembly: System.Runtime.Versioning.SupportedOSPlatform("linux")]
