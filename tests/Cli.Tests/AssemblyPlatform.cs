// Licensed under the MIT License. See LICENSE in the repository root.
// The detector runs on Linux x64 only; so do the tests of what the tool does with it.
[assembly: System.Runtime.Versioning.SupportedOSPlatform("linux")]
