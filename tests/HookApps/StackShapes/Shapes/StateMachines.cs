// Licensed under the MIT License. See LICENSE in the repository root.
namespace StackShapes.Shapes;

/// <summary>Iterators and async methods, before and after they were suspended.</summary>
internal static class StateMachines
{
    private const int Times = 40;

    public static IEnumerable<(string, Action)> All() =>
    [
        ("iterators", static () => AllShapes.Repeat(Times, Iterate)),
        ("async before await", static () => AllShapes.Repeat(Times, static () => Early(2).GetAwaiter().GetResult())),
        ("async after await", static () => AllShapes.Repeat(Times, static () => Late(2).GetAwaiter().GetResult())),
        ("async value tasks and lambdas", static () => AllShapes.Repeat(Times, Values)),
        ("async iterators", static () => AllShapes.Repeat(20, static () => IterateAsync().GetAwaiter().GetResult())),
        ("continuations", static () => AllShapes.Repeat(Times, Continue)),
    ];

    private static void Iterate()
    {
        foreach (long value in Numbers(2))
        {
            CallKinds.Keep(value + Leaf.Allocate());
        }
    }

    private static IEnumerable<long> Numbers(int depth)
    {
        yield return Leaf.Allocate();
        if (depth > 0)
        {
            foreach (long value in Numbers(depth - 1))
            {
                yield return value + Leaf.Allocate();
            }
        }

        yield return Leaf.Allocate();
    }

    private static async Task Early(int depth)
    {
        CallKinds.Keep(Leaf.Allocate());
        if (depth > 0)
        {
            await Early(depth - 1);
        }
    }

    private static async Task<long> Late(int depth)
    {
        await Task.Yield();
        long sum = Leaf.Allocate();
        if (depth > 0)
        {
            sum += await Late(depth - 1).ConfigureAwait(false);
            sum += Leaf.Allocate();
        }

        return sum;
    }

    private static void Values()
    {
        Func<Task<long>> lambda = static async () =>
        {
            long first = Leaf.Allocate();
            await Task.Yield();
            return first + Leaf.Allocate();
        };
        CallKinds.Keep(lambda().GetAwaiter().GetResult());
        CallKinds.Keep(Value(1).AsTask().GetAwaiter().GetResult());
    }

    private static async ValueTask<long> Value(int depth)
    {
        if (depth > 0)
        {
            return await Value(depth - 1) + Leaf.Allocate();
        }

        await Task.Yield();
        return Leaf.Allocate();
    }

    private static async Task IterateAsync()
    {
        await foreach (long value in NumbersAsync())
        {
            CallKinds.Keep(value + Leaf.Allocate());
        }
    }

    private static async IAsyncEnumerable<long> NumbersAsync()
    {
        yield return Leaf.Allocate();
        await Task.Yield();
        yield return Leaf.Allocate();
    }

    private static void Continue()
    {
        TaskCompletionSource<long> source = new();
        Task<long> then = source.Task.ContinueWith(
            static task => task.Result + Leaf.Allocate(), TaskContinuationOptions.ExecuteSynchronously);
        source.SetResult(1);
        CallKinds.Keep(then.Result);
    }
}
