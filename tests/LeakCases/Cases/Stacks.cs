// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.CompilerServices;
using LeakCases.Planting;
using static LeakCases.ExpectedBlock;

namespace LeakCases.Cases;

/// <summary>Pointers in frames that are still running, on the main thread and on others.</summary>
internal static unsafe class Stacks
{
    private static nuint s_hidden;
    private static nint s_foreignStackTop;

    public static IEnumerable<LeakCase> All =>
    [
        new("main-frame-held", "main-frame-dropped", [28], [Live("A")], static plan => Hide(plan))
        {
            Finish = static () => ExitFromFrame(held: true),
        },
        new("main-frame-dropped", "main-frame-held", [28], [Lost("A")], static plan => Hide(plan))
        {
            Finish = static () => ExitFromFrame(held: false),
        },
        .. LeakCase.Pair("other-thread-frame", [29], static (plan, held) =>
        {
            Hide(plan);
            PlantingThread.StartActor(ready => StayInFrame(s_hidden, held, ready));
        }, threads: 2),
        .. LeakCase.Pair("span-of-array-in-frame", [145], static (plan, held) =>
        {
            Hide(plan);
            PlantingThread.StartActor(ready => StayWithSpan(held, ready));
        }, threads: 2),
        .. LeakCase.Pair("foreign-stack", [62], static (plan, held) =>
        {
            const int StackByteCount = 256 * 1024;
            Hide(plan);
            nuint hidden = held ? s_hidden : nuint.MaxValue;
            s_foreignStackTop = Libc.MapPages(StackByteCount) + StackByteCount;
            PlantingThread.StartActor(ready => MachineStub.HoldOnForeignStack(s_foreignStackTop, hidden, ready));
        }, threads: 2),
        .. LeakCase.Pair("own-stack-while-on-foreign-stack", [62], static (plan, held) =>
        {
            const int StackByteCount = 256 * 1024;
            Hide(plan);
            s_foreignStackTop = Libc.MapPages(StackByteCount) + StackByteCount;
            PlantingThread.StartActor(ready => LeaveForForeignStack(held, ready));
        }, threads: 2),
    ];

    /// <summary>Keeps the address in a frame that stays until the process ends.</summary>
    public static void StayInFrame(nuint hidden, bool held, Action ready)
    {
        nint* slot = stackalloc nint[4];
        Words.Reveal(hidden, slot + 1);
        Drop(slot + 1, held);
        PlantingThread.ScrubStack();
        ready();
        Thread.Sleep(Timeout.Infinite);
        Use(slot);
    }

    /// <summary>A lost block whose address only the case knows, in a form nobody else recognises.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Hide(Plan plan) => s_hidden = Words.Hide(plan.Alloc("A"));

    private static void ExitFromFrame(bool held)
    {
        nint* slot = stackalloc nint[4];
        Words.Reveal(s_hidden, slot + 1);
        Drop(slot + 1, held);
        PlantingThread.ScrubStack();
        Environment.Exit(0);
        Use(slot);
    }

    // The array is referenced by nothing but the span: a reference into its middle.
    private static void StayWithSpan(bool held, Action ready)
    {
        Span<nint> span = MakeSpan(held);
        PlantingThread.ScrubStack();
        ready();
        Thread.Sleep(Timeout.Infinite);
        span.Clear();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Span<nint> MakeSpan(bool held)
    {
        nint[] array = new nint[64];
        array[40] = held ? Words.Reveal(s_hidden) : 0;
        return array.AsSpan(32);
    }

    private static void LeaveForForeignStack(bool held, Action ready)
    {
        nint* slot = stackalloc nint[4];
        Words.Reveal(s_hidden, slot + 1);
        Drop(slot + 1, held);
        PlantingThread.ScrubStack();
        MachineStub.HoldOnForeignStack(s_foreignStackTop, nuint.MaxValue, ready);
        Use(slot);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Drop(nint* slot, bool held)
    {
        if (!held)
        {
            *slot = 0;
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Use(nint* slot) => slot[0] = slot[1];
}
