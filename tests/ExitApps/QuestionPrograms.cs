// Licensed under the MIT License. See LICENSE in the repository root.
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NativeLeak.Questions;

namespace NativeLeak.ExitApps;

/// <summary>A program that asks the real detector about blocks of its own; prints each answer behind a line "# question".</summary>
internal static unsafe class QuestionPrograms
{
    private const int ChildOffset = 24;

    private static nint s_value;
    private static nint s_next;
    private static Owner? s_owner;

    /// <summary>Runs the program of that name; false when there is none.</summary>
    public static bool TryRun(string name)
    {
        if (name != "questions")
        {
            return false;
        }

        LeakDetector.Start(new LeakDetectorOptions
        {
            MinimumAge = TimeSpan.Zero, MaximumLeaks = 0, FirstScan = TimeSpan.Zero, ReportAt = ReportOccasions.None,
        });
        // Complements: the questions' own numbers must hold nothing.
        nuint[] hidden = new nuint[4];
        EndedThread.Run(() => Plant(hidden));
        EndedThread.Scrub();
        Ask("static", "who", hidden[0]);
        Ask("field", "who", hidden[1]);
        Ask("child", "who", hidden[2]);
        Ask("child inside", "dump", hidden[2] - 8);
        Ask("lost", "who", hidden[3]);
        Ask("static", "path", hidden[0]);
        Ask("field", "path", hidden[1]);
        Ask("child", "path", hidden[2]);
        Ask("lost", "path", hidden[3]);
        Ask("no block", "dump", ~(nuint)0x1000);
        Tell("no command", LeakDetector.AskAsync("why=1000").Result);
        Tell("no address", LeakDetector.AskAsync("who=here").Result);
        return true;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Plant(nuint[] hidden)
    {
        s_value = Alloc(640);
        s_owner = new Owner(Alloc(641));
        nint child = Alloc(642);
        *(nint*)(s_value + ChildOffset) = child;
        hidden[0] = ~(nuint)s_value;
        hidden[1] = ~(nuint)s_owner.Address;
        hidden[2] = ~(nuint)child;
        hidden[3] = ~(nuint)Alloc(643);
        // Addresses of what comes next in the C heap would point to the end of the lost block.
        s_next = Alloc(644);
    }

    private static nint Alloc(int byteCount)
    {
        nint block = Marshal.AllocHGlobal(byteCount);
        NativeMemory.Fill((void*)block, (nuint)byteCount, (byte)'~');
        return block;
    }

    private static void Ask(string what, string command, nuint complement)
        => Tell(what + " " + command, LeakDetector.AskAsync(command + "=" + Digits(complement)).Result);

    // The frame that has the address as a number is gone when the question is asked.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static string Digits(nuint complement) => (~complement).ToString("x", CultureInfo.InvariantCulture);

    private static void Tell(string question, LeakAnswer answer)
    {
        Console.WriteLine("# " + question);
        Console.Write(answer.Text);
    }

    private sealed class Owner(nint address)
    {
        public readonly nint Address = address;
    }
}
