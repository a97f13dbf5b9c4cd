// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;

namespace NativeLeak.Benchmarks.Churn;

/// <summary>The command line.</summary>
internal sealed class Arguments
{
    /// <summary>Shown when the command line is wrong.</summary>
    public const string Usage = """
        usage: NativeLeak.Benchmarks.Churn WORKLOAD [--NAME VALUE]…
          churn        --peer P --threads T (1) --pairs N (2800000) --blocks N (10000) --run N (16) --level L (on)
          retain       --peer P --blocks N (1000000) --level L (on)
          first-sight  --levels N (9: 512 call stacks)
          (these three also --pause MS, the time the compiler gets while they warm up)
          start        --hello PROGRAM --hook STARTUPHOOK --peer plain|off|on
          off-state    calls whose machine code DOTNET_JitDisasm can show
        peers: native-memory marshal tracked-off tracked-memory tracked-marshal hook
        """;

    private static readonly string[] s_workloads = ["churn", "retain", "first-sight", "start", "off-state"];
    private readonly Dictionary<string, string> _options;

    private Arguments(string workload, Dictionary<string, string> options, Peer peer)
        => (Workload, _options, Peer) = (workload, options, peer);

    /// <summary>What to run.</summary>
    public string Workload { get; }

    /// <summary>Which heap.</summary>
    public Peer Peer { get; }

    /// <summary>The level of NATIVELEAK for a peer that records.</summary>
    public string Level => Text("level", "on");

    /// <summary>Milliseconds between two rounds of warming up.</summary>
    public int Pause => Number("pause", WarmUp.DefaultPause);

    /// <summary>Null when the words make no sense.</summary>
    public static Arguments? TryRead(string[] words)
    {
        if (words.Length % 2 == 0 || !s_workloads.Contains(words[0]))
        {
            return null;
        }

        Dictionary<string, string> options = [];
        for (int i = 1; i < words.Length; i += 2)
        {
            if (!words[i].StartsWith("--", StringComparison.Ordinal) || !options.TryAdd(words[i][2..], words[i + 1]))
            {
                return null;
            }
        }

        string name = words[0] is "churn" or "retain" ? options.GetValueOrDefault("peer", "") : Peer.All[0].Name;
        Peer? peer = Peer.All.FirstOrDefault(peer => peer.Name == name);
        return peer is null ? null : new Arguments(words[0], options, peer);
    }

    /// <summary>An option's text.</summary>
    public string Text(string name, string otherwise) => _options.GetValueOrDefault(name, otherwise);

    /// <summary>An option's number.</summary>
    /// <exception cref="InvalidOperationException">It is not a positive number.</exception>
    public int Number(string name, int otherwise) => !_options.TryGetValue(name, out string? text) ? otherwise
        : int.TryParse(text, CultureInfo.InvariantCulture, out int number) && number > 0 ? number
        : throw new InvalidOperationException($"--{name} '{text}' is not a positive number");
}
