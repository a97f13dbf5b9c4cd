// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: one pattern of a suppression, for the name of a method, with its assembly or module or without.
// Who calls it: Suppression.
// The one idea: LeakSanitizer's patterns: a text is looked for anywhere, * stands for anything, ^ and $ are the ends.
namespace NativeLeak.Suppressing;

/// <summary>A pattern for one text. Thread-safe. Cost of a match: linear in the text for each part between asterisks.</summary>
internal sealed class FramePattern
{
    private readonly TextPattern? _module;
    private readonly TextPattern _method;

    /// <summary>Reads <c>method</c>, <c>assembly!method</c> or <c>assembly!</c>.</summary>
    public FramePattern(string text)
    {
        int mark = text.IndexOf('!', StringComparison.Ordinal);
        _module = mark > 0 ? new TextPattern(text[..mark], isWhole: true) : null;
        _method = new TextPattern(text[(mark + 1)..], isWhole: false);
    }

    /// <summary>Whether a frame fits.</summary>
    /// <param name="module">Its assembly, or its native library; null when not known.</param>
    /// <param name="method">Its method as reports show it.</param>
    public bool Fits(string? module, string method)
        => (_module is null || (module is not null && _module.Fits(module))) && _method.Fits(method);
}
