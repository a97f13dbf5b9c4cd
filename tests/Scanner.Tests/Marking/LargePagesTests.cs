// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;
using NativeLeak.Interop;
using NativeLeak.Interop.Linux;
using NativeLeak.Marking;

namespace NativeLeak.Scanner.Tests.Marking;

/// <summary>Blocks of a copy on large pages; here the test's own memory is the copy.</summary>
[TestFixture]
[NonParallelizable]
internal sealed unsafe class LargePagesTests
{
    private const nuint Region = 2 << 20;
    private const int Regions = 6, BlocksPerRegion = 1024;

    [Test]
    public void Regions_full_of_blocks_come_to_lie_on_large_pages_and_hold_what_they_held()
    {
        using World world = new();
        int before = world.LargeKibibytes();
        world.Gather(room: long.MaxValue);
        int after = world.LargeKibibytes();
        Assert.That(world.Sum(), Is.EqualTo(World.ExpectedSum), "what stood there");
        Assume.That(after, Is.Not.Zero, "this system has no large pages to give, or no such call");
        Assert.Multiple(() =>
        {
            Assert.That(before, Is.Zero);
            Assert.That(after, Is.EqualTo(Regions * 2048));
        });
    }

    [TestCase(0)]
    [TestCase(31L * 2 * 1024 * 1024)] // an eighth of it is less than the four regions that are worth it
    public void Without_room_nothing_changes(long room)
    {
        using World world = new();
        world.Gather(room);
        Assert.That(world.LargeKibibytes(), Is.Zero);
    }

    [Test]
    public void Regions_with_few_blocks_or_of_shared_memory_stay_as_they_are()
    {
        using World few = new(blocksPerRegion: 500), shared = new(access: MappingAccess.Read | MappingAccess.Write | MappingAccess.Shared);
        few.Gather(long.MaxValue);
        shared.Gather(long.MaxValue);
        Assert.That(few.LargeKibibytes() + shared.LargeKibibytes(), Is.Zero);
    }

    private sealed class World : IDisposable
    {
        public const long ExpectedSum = (long)Regions * 512 * 7;
        private const nuint ByteCount = (Regions + 1) * Region;
        private readonly nuint _area, _first, _tables;
        private readonly ChildState* _state;

        public World(int blocksPerRegion = BlocksPerRegion, MappingAccess access = MappingAccess.Read | MappingAccess.Write)
        {
            RawSyscall.Initialize();
            _area = Platform.Pages.AllocatePrivate(ByteCount);
            _tables = Platform.Pages.AllocatePrivate(1 << 20);
            Assert.That(_area != 0 && _tables != 0);
            _first = (_area + Region - 1) & ~(Region - 1);
            for (nuint page = 0; page < Regions * Region; page += 4096)
            {
                *(byte*)(_first + page) = 7;
            }

            _state = (ChildState*)_tables;
            _state->Context = (ScanContext*)(_tables + 8192);
            _state->View = (SnapshotView*)(_tables + 16384);
            _state->Mappings = (Mapping*)(_tables + 24576);
            _state->MappingCount = 1;
            *_state->Mappings = new Mapping { Start = _area, End = _area + ByteCount, Access = access };
            _state->Index.Start = (nuint*)(_tables + 32768);
            for (nuint region = 0; region < Regions; region++)
            {
                for (int i = 0; i < blocksPerRegion; i++)
                {
                    _state->Index.Start[_state->Index.Count++] = _first + (region * Region) + (nuint)(i * 2048);
                }
            }
        }

        public void Gather(long room)
        {
            _state->Context->LargePageRoom = room;
            LargePages.GatherBlocks(_state);
        }

        public long Sum()
        {
            long sum = 0;
            for (nuint page = 0; page < Regions * Region; page += 4096)
            {
                sum += *(byte*)(_first + page);
            }

            return sum;
        }

        // Of all mappings that overlap the area: the kernel may have merged it with a neighbour, or split it.
        public int LargeKibibytes()
        {
            int sum = 0;
            bool isHere = false;
            foreach (string line in File.ReadLines("/proc/self/smaps"))
            {
                string[] words = line.Split((char[])[' ', '-'], StringSplitOptions.RemoveEmptyEntries);
                if (nuint.TryParse(words[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture, out nuint start)
                    && nuint.TryParse(words[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture, out nuint end))
                {
                    isHere = start < _first + (Regions * Region) && end > _first;
                }
                else if (isHere && words[0] == "AnonHugePages:")
                {
                    sum += int.Parse(words[1], CultureInfo.InvariantCulture);
                }
            }

            return sum;
        }

        public void Dispose()
        {
            Platform.Pages.Release(_area, ByteCount);
            Platform.Pages.Release(_tables, 1 << 20);
        }
    }
}
