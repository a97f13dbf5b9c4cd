// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.NativeHeap.Annotations;

/// <summary>Numbers for the texts that hints carry: native memory holds no strings. Thread-safe; texts are kept for ever.</summary>
internal static class HintTexts
{
    /// <summary>Longer texts are cut.</summary>
    public const int MaximumLength = 200;

    /// <summary>Distinct texts that are kept.</summary>
    public const int MaximumCount = 100_000;

    private static readonly Lock s_lock = new();
    private static readonly List<string> s_texts = [];
    private static readonly Dictionary<string, int> s_numbers = [];

    /// <summary>The number of a text, from 1; 0 when there are too many.</summary>
    public static uint NumberOf(string text)
    {
        string kept = text.Length > MaximumLength ? text[..MaximumLength] : text;
        lock (s_lock)
        {
            if (!s_numbers.TryGetValue(kept, out int number) && s_texts.Count < MaximumCount)
            {
                s_texts.Add(kept);
                number = s_texts.Count;
                s_numbers.Add(kept, number);
            }

            return (uint)number;
        }
    }

    /// <summary>The text of a number; null when there is none.</summary>
    public static string? Get(uint number)
    {
        lock (s_lock)
        {
            return number >= 1 && number <= s_texts.Count ? s_texts[(int)number - 1] : null;
        }
    }
}
