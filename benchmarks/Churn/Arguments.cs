// Licensed under the MIT License. See LICENSE in the repository root.
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
    private readonly OptionWords _words;

    private Arguments(OptionWords words, Peer peer) => (_words, Peer) = (words, peer);

    /// <summary>What to run.</summary>
    public string Workload => _words.Workload;

    /// <summary>Which heap.</summary>
    public Peer Peer { get; }

    /// <summary>The level of NATIVELEAK for a peer that records.</summary>
    public string Level => Text("level", "on");

    /// <summary>Milliseconds between two rounds of warming up.</summary>
    public int Pause => Number("pause", WarmUp.DefaultPause);

    /// <summary>Null when the words make no sense.</summary>
    public static Arguments? TryRead(string[] words)
    {
        if (OptionWords.TryRead(words, s_workloads) is not { } read)
        {
            return null;
        }

        string name = read.Workload is "churn" or "retain" ? read.Text("peer", "") : Peer.All[0].Name;
        Peer? peer = Peer.All.FirstOrDefault(peer => peer.Name == name);
        return peer is null ? null : new Arguments(read, peer);
    }

    /// <summary>An option's text.</summary>
    public string Text(string name, string otherwise) => _words.Text(name, otherwise);

    /// <summary>An option's number.</summary>
    /// <exception cref="InvalidOperationException">It is not a positive number.</exception>
    public int Number(string name, int otherwise) => _words.Number(name, otherwise, least: 1);
}
