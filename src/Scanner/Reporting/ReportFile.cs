// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: puts finished reports where log_path says: one write to stderr, or one file that appears whole or not at
// all.
// Who calls it: the scanner thread, and the exit reporter when the scanner thread did not answer.
// The one idea: a new file of our own (exclusive, 0600) is renamed over the name, so no link is ever followed and no
// reader ever sees half a report; whatever fails costs one line on stderr, never the program.
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using System.Text;
using Microsoft.Win32.SafeHandles;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;

namespace NativeLeak.Reporting;

/// <summary>Writes reports to their destination. Never throws.</summary>
internal static class ReportFile
{
    private const int MaximumNameAttempts = 16;

    /// <summary>Writes a file atomically; false after saying why on stderr.</summary>
    /// <param name="path">Absolute path.</param>
    /// <param name="content">The bytes of the report.</param>
    public static bool Write(string path, ReadOnlySpan<byte> content)
    {
        string? refusal = ReportPath.Refuse(path);
        if (refusal is null)
        {
            try
            {
                refusal = Platform.IsSupported ? WriteAtomically(path, content) : "this platform is not supported";
            }
            catch (Exception exception) when (exception is not OutOfMemoryException)
            {
                refusal = exception.Message;
            }
        }

        if (refusal is null)
        {
            return true;
        }

        Say($"the report cannot be written to {path}: {refusal}");
        return false;
    }

    /// <summary>Writes bytes to stderr in one call.</summary>
    public static void WriteToStandardError(ReadOnlySpan<byte> content)
    {
        try
        {
            using Stream stream = Console.OpenStandardError();
            stream.Write(content);
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            // A closed or broken stderr: there is nobody left to tell.
        }
    }

    /// <summary>Writes one line of the tool's own to stderr.</summary>
    public static void Say(string sentence) => WriteToStandardError(Encoding.UTF8.GetBytes(
        TextReportWriter.Prefix(Environment.ProcessId) + TerminalText.Escape(sentence) + "\n"));

    [SupportedOSPlatform("linux")]
    private static string? WriteAtomically(string path, ReadOnlySpan<byte> content)
    {
        int error = Create(path, out string temporary, out SafeFileHandle? file);
        if (file is null)
        {
            return Marshal.GetPInvokeErrorMessage(error);
        }

        error = ErrorNumber.EIO;
        try
        {
            using (file)
            {
                RandomAccess.Write(file, content, fileOffset: 0);
            }

            error = PosixFile.Rename(temporary, path);
            return error == 0 ? null : Marshal.GetPInvokeErrorMessage(error);
        }
        finally
        {
            if (error != 0)
            {
                PosixFile.Unlink(temporary);
            }
        }
    }

    // Beside the target, so that the rename stays inside one file system. A name that is taken was left over by a
    // process that had our number and was killed while it wrote: take another.
    [SupportedOSPlatform("linux")]
    private static int Create(string path, out string temporary, out SafeFileHandle? file)
    {
        int attempt = 0;
        int error;
        do
        {
            temporary = FormattableString.Invariant($"{path}.{Environment.ProcessId}.{attempt}.tmp");
            file = PosixFile.TryCreateNew(temporary, out error);
        }
        while (file is null && error == ErrorNumber.EEXIST && ++attempt < MaximumNameAttempts);

        return error;
    }
}
