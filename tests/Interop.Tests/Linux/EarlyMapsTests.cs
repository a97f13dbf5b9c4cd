// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.Interop.Linux;

namespace NativeLeak.Interop.Tests.Linux;

/// <summary>What is read before Main is what the reader of the child finds, as far as it goes.</summary>
[TestFixture]
internal sealed unsafe class EarlyMapsTests
{
    private const int TextByteCount = 4 << 20, Capacity = 65_536;

    [Test]
    public void BothReadersAgreeOnRangesAccessAndKind()
    {
        Mapping[] early = EarlyMaps.Read();
        Dictionary<nuint, Mapping> full = ReadFully();
        Assert.That(early.Select(mapping => mapping.Start), Is.Ordered);

        // Mappings come and go between the two; most stay.
        int compared = 0;
        using (Assert.EnterMultipleScope())
        {
            foreach (Mapping mapping in early)
            {
                if (full.TryGetValue(mapping.Start, out Mapping other) && other.End == mapping.End && other.Access == mapping.Access)
                {
                    compared++;
                    Assert.That(mapping.Kind == MappingKind.Anonymous, Is.EqualTo(other.Kind == MappingKind.Anonymous));
                    Assert.That(mapping.Kind == MappingKind.Heap, Is.EqualTo(other.Kind == MappingKind.Heap));
                }
            }

            Assert.That(compared, Is.GreaterThan(early.Length / 2).And.GreaterThan(20));
            Assert.That(early, Has.Some.Matches<Mapping>(mapping => mapping.Kind == MappingKind.Anonymous));
            Assert.That(early, Has.Exactly(1).Matches<Mapping>(mapping => mapping.Kind == MappingKind.Heap));
        }
    }

    private static Dictionary<nuint, Mapping> ReadFully()
    {
        byte[] text = new byte[TextByteCount];
        Mapping[] mappings = new Mapping[Capacity];
        fixed (byte* path = "/proc/self/maps\0"u8, at = text)
        fixed (Mapping* first = mappings)
        {
            nint length = MapsReader.Read(path, at, TextByteCount);
            int count = MapsReader.Parse(at, length, first, Capacity);
            return mappings.Take(count).ToDictionary(mapping => mapping.Start);
        }
    }
}
