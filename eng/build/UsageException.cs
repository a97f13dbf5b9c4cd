// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Build;

/// <summary>The command line was wrong; the message says how. Ends the program with exit code 2.</summary>
internal sealed class UsageException : Exception
{
    public UsageException()
    {
    }

    public UsageException(string message)
        : base(message)
    {
    }

    public UsageException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
