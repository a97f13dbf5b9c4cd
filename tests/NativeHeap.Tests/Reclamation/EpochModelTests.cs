// Licensed under the MIT License. See LICENSE in the repository root.
using FsCheck;
using FsCheck.Fluent;
using NativeLeak.NativeHeap.Reclamation;

namespace NativeLeak.NativeHeap.Tests.Reclamation;

/// <summary>
/// Any sequence of guards, deaths, revocations and retirements leaves the domain equal to a plain model: each retired thing
/// knows which readers were inside when it was retired, and may be reclaimed when each of them has gone.
/// </summary>
[TestFixture]
internal sealed class EpochModelTests
{
    private const int Actors = 4;

    private enum Operation
    {
        Enter,
        Exit,
        Retire,
        Advance,
        Die,
        Revoke,
    }

    private readonly record struct Step(Operation Operation, int Actor);

    /// <summary>The model's reader. A visit lasts from its outermost guard to its last.</summary>
    private sealed record Reader(int Visit, ulong Epoch, bool IsRevoked);

    private sealed record Retired(ulong Stamp, HashSet<int> VisitsInside);

    [Test]
    public void AnySequenceEqualsTheModel()
    {
        Gen<Step> step =
            from operation in Gen.Elements(Operation.Enter, Operation.Enter, Operation.Enter, Operation.Exit, Operation.Exit,
                Operation.Exit, Operation.Retire, Operation.Retire, Operation.Retire, Operation.Advance, Operation.Advance,
                Operation.Die, Operation.Revoke)
            from actor in Gen.Choose(0, Actors - 1)
            select new Step(operation, actor);
        Prop.ForAll(step.ListOf(60).ToArbitrary(), steps => new Play().Run(steps)).Check(
            Config.QuickThrowOnFailure.WithMaxTest(60).WithStartSize(1).WithEndSize(60));
    }

    [Test]
    public void TheModelIsStrictEnoughToCatchADomainThatCountsNoGuards()
    {
        Step[] steps = [new(Operation.Enter, 0), new(Operation.Retire, 0), new(Operation.Advance, 0)];
        Assert.That(() => new Play(countGuards: false).Run(steps), Throws.InstanceOf<AssertionException>());
    }

    private sealed class Play(bool countGuards = true)
    {
        private readonly Reader?[] _inside = new Reader?[Actors];
        private readonly List<Retired> _retired = [];
        private ulong _epoch = 1;
        private int _visits;

        public void Run(IReadOnlyList<Step> steps)
        {
            using TestPages pages = new();
            EpochDomain epochs = EpochDomain.TryCreate(pages, countGuards)!;
            EpochActor[] actors = [.. Enumerable.Range(0, Actors).Select(_ => new EpochActor(epochs))];
            try
            {
                foreach (Step step in steps)
                {
                    Apply(step, epochs, actors);
                    Compare(epochs);
                }
            }
            finally
            {
                Array.ForEach(actors, static actor => actor.Dispose());
            }

            Assert.That(epochs.IsQuiet);
        }

        private void Apply(Step step, EpochDomain epochs, EpochActor[] actors)
        {
            ref EpochActor actor = ref actors[step.Actor];
            ref Reader? inside = ref _inside[step.Actor];
            switch (step.Operation)
            {
                case Operation.Enter:
                    actor.Enter();
                    inside ??= new Reader(++_visits, _epoch, IsRevoked: false);
                    break;
                case Operation.Exit when actor.Depth > 0:
                    actor.Exit();
                    inside = actor.Depth == 0 ? null : inside;
                    break;
                case Operation.Retire:
                    _retired.Add(new Retired(epochs.CurrentEpoch, [.. _inside.OfType<Reader>().Select(reader => reader.Visit)]));
                    break;
                case Operation.Advance:
                    epochs.Advance();
                    _epoch++;
                    break;
                case Operation.Die:
                    actor.Die();
                    actor.Dispose();
                    actor = new EpochActor(epochs);
                    AwaitRelease(epochs, isInside: inside is not null);
                    inside = null;
                    break;
                case Operation.Revoke:
                    epochs.OldestGuard(EpochDomain.GarbageLimit);
                    for (int i = 0; i < Actors; i++)
                    {
                        _inside[i] = _inside[i] is { } reader && reader.Epoch < _epoch
                            ? reader with { IsRevoked = true } : _inside[i];
                    }

                    break;
            }

            Assert.That(actor.IsRevoked(), Is.EqualTo(inside?.IsRevoked ?? false));
        }

        // A thread that was joined has a little way to go until the kernel has forgotten it.
        private static void AwaitRelease(EpochDomain epochs, bool isInside)
        {
            int released = 0;
            while (isInside && released == 0)
            {
                released = epochs.ReleaseDead();
                Thread.Yield();
            }

            Assert.That(released, Is.EqualTo(isInside ? 1 : 0));
        }

        private void Compare(EpochDomain epochs)
        {
            Reader[] holding = [.. _inside.OfType<Reader>().Where(reader => !reader.IsRevoked)];
            ulong oldest = epochs.OldestGuard();
            Assert.That(epochs.IsQuiet, Is.EqualTo(_inside.All(reader => reader is null)));
            Assert.That(oldest, Is.EqualTo(holding.Length == 0 ? ulong.MaxValue : holding.Min(reader => reader.Epoch)));
            foreach (Retired thing in _retired)
            {
                bool mayBeReclaimed = thing.Stamp < oldest;
                bool isHeld = holding.Any(reader => thing.VisitsInside.Contains(reader.Visit));
                Assert.That(mayBeReclaimed && isHeld, Is.False, "reclaimed under a reader");
                // And the other way round: readers that came in a later epoch hold nothing back.
                bool isFree = holding.All(reader => reader.Epoch > thing.Stamp);
                Assert.That(mayBeReclaimed, Is.EqualTo(isFree), "held back without a reason");
            }
        }
    }
}
