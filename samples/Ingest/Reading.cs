// Licensed under the MIT License. See LICENSE in the repository root.
namespace Ingest;

/// <summary>One measurement as a device sent it.</summary>
internal readonly record struct Reading(string Device, long UnixSeconds, double Celsius);
