// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: every part once, and the proof's own control, without BenchmarkDotNet.
// Who calls it: Program.cs, for the word self-check (Benchmarks.Tests).
// Safety: the block is freed by the heap it came from.
using System.Reflection;
using System.Reflection.Emit;
using BenchmarkDotNet.Attributes;

namespace NativeLeak.Benchmarks.Parts;

/// <summary>Runs the benchmarks' bodies and shows that a wrong stack is refused.</summary>
internal static unsafe class SelfCheck
{
    /// <summary>Prints a line per part. 0, or 1 when the control was not refused; a part that is wrong throws.</summary>
    public static int Run()
    {
        foreach (Type type in typeof(SelfCheck).Assembly.GetTypes().Where(static type => type is { IsPublic: true, IsClass: true }))
        {
            object instance = Activator.CreateInstance(type)!;
            foreach (MethodInfo benchmark in type.GetMethods().Where(static method => method.IsDefined(typeof(BenchmarkAttribute))))
            {
                CallAll<GlobalSetupAttribute>(instance, benchmark.Name);
                CallAll<IterationSetupAttribute>(instance, benchmark.Name);
                benchmark.Invoke(instance, null);
                Console.WriteLine($"{type.Name}.{benchmark.Name}: {benchmark.GetCustomAttribute<BenchmarkAttribute>()!.Description}");
            }
        }

        try
        {
            EmittedPair();
        }
        catch (InvalidOperationException refused)
        {
            Console.WriteLine($"refused: {refused.Message}");
            return 0;
        }

        Console.WriteLine("a pair of a method made at run time was taken for one of this assembly's");
        return 1;
    }

    private static void CallAll<TSetup>(object instance, string benchmark)
        where TSetup : TargetedAttribute
    {
        foreach (MethodInfo method in instance.GetType().GetMethods())
        {
            if (method.GetCustomAttribute<TSetup>() is { } setup && (setup.Targets.Length == 0 || setup.Targets.Contains(benchmark)))
            {
                method.Invoke(instance, null);
            }
        }
    }

    // What BenchmarkDotNet's in-process toolchain does: a method made at run time calls what is measured.
    private static void EmittedPair()
    {
        DynamicMethod method = new("Emitted", typeof(nint), null, typeof(SelfCheck).Module, skipVisibility: true);
        ILGenerator code = method.GetILGenerator();
        code.Emit(OpCodes.Ldc_I4, 64);
        code.Emit(OpCodes.Call, ((Func<int, nint>)TrackedMarshal.AllocHGlobal).Method);
        // The last call takes its caller's place on the stack.
        code.Emit(OpCodes.Call, ((Func<nint, nint>)nint.Abs).Method);
        code.Emit(OpCodes.Ret);
        nint block = method.CreateDelegate<Func<nint>>()();
        try
        {
            Proof.Block((void*)block, typeof(SelfCheck), nameof(EmittedPair));
        }
        finally
        {
            TrackedMarshal.FreeHGlobal(block);
        }
    }
}
