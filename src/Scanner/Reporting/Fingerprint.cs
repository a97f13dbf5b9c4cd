// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;
using System.Text;

namespace NativeLeak.Reporting;

/// <summary>
/// Names an allocation site the same way in every run: a hash over the allocator and the user's frames (assembly,
/// method, IL offset). Addresses, load order, tiering and the insides of .NET do not enter it.
/// </summary>
internal static class Fingerprint
{
    /// <summary>The fingerprint of a site, 16 hexadecimal digits; frames innermost first.</summary>
    public static string Compute(string allocator, IReadOnlyList<CallFrame> frames)
    {
        StringBuilder text = new(allocator);
        int userFrames = 0;
        foreach (CallFrame frame in frames)
        {
            if (!IsFramework(frame))
            {
                Append(text, frame, withOffset: true);
                userFrames++;
            }
        }

        for (int i = 0; userFrames == 0 && i < frames.Count; i++)
        {
            // Nothing of the user's: the framework's methods must do, but not their offsets, which servicing moves.
            Append(text, frames[i], withOffset: false);
        }

        return Hash(text.ToString()).ToString("x16", CultureInfo.InvariantCulture);
    }

    // FNV-1a, 64 bits (Fowler, Noll, Vo). Not SHA: that would load OpenSSL into the watched process.
    private static ulong Hash(string text)
    {
        ulong hash = 14695981039346656037;
        foreach (byte value in Encoding.UTF8.GetBytes(text))
        {
            hash = unchecked((hash ^ value) * 1099511628211);
        }

        return hash;
    }

    /// <summary>Whether a frame belongs to .NET itself.</summary>
    public static bool IsFramework(in CallFrame frame)
        => frame.Method is { } method ? FrameworkCode.Owns(method) : FrameworkCode.OwnsName(frame.AssemblyName);

    private static void Append(StringBuilder text, in CallFrame frame, bool withOffset)
    {
        text.Append('\n');
        if (frame.Method is { } method)
        {
            text.Append(method.Module.Assembly.GetName().Name).Append('!').Append(MethodNames.Describe(method))
                .Append('#').Append(MethodNames.LambdaOrdinal(method));
        }
        else
        {
            text.Append(frame.AssemblyName).Append('!').Append(frame.Name);
            if (frame.Kept is { Ordinal: { } ordinal })
            {
                text.Append('#').Append(ordinal);
            }
        }

        if (withOffset && frame.ILOffset >= 0)
        {
            text.Append('+').Append(frame.ILOffset.ToString(CultureInfo.InvariantCulture));
        }
    }
}
