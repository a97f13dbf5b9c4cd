// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.Versioning;

[assembly: SupportedOSPlatform("linux")]
