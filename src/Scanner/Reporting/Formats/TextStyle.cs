// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Reporting.Formats;

/// <summary>How a text report is written.</summary>
/// <param name="Verbosity">0 … 2, as in <see cref="LeakDetectorOptions.Verbosity"/>.</param>
/// <param name="PrintsSuppressions">Whether it says what suppressions hid.</param>
/// <param name="GeneratesSuppressions">Whether it shows for each leak the line that would suppress it.</param>
internal readonly record struct TextStyle(int Verbosity, bool PrintsSuppressions = true, bool GeneratesSuppressions = false);
