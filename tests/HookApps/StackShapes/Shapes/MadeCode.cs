// Licensed under the MIT License. See LICENSE in the repository root.
using System.Linq.Expressions;
using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;

namespace StackShapes.Shapes;

/// <summary>Code made or loaded at run time, and unloaded again: its addresses are used anew.</summary>
internal static class MadeCode
{
    private const int Times = 15;

    public static IEnumerable<(string, Action)> All() =>
    [
        ("dynamic methods", static () => AllShapes.Repeat(Times, Dynamic)),
        ("dynamic methods with tail calls", static () => AllShapes.Repeat(Times, DynamicTail)),
        ("expression trees", static () => AllShapes.Repeat(5, Expressions)),
        ("collectible assemblies", static () => AllShapes.Repeat(5, LoadAndUnload)),
        ("assemblies from memory", static () => AllShapes.Repeat(2, LoadFromMemory)),
    ];

    /// <summary>Called in a copy of this assembly.</summary>
    public static long CallBack(Func<long> leaf) => Deeper(leaf, 2) + 1;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Deeper(Func<long> leaf, int depth) => depth == 0 ? leaf() + 1 : Deeper(leaf, depth - 1) + 1;

    private static void Dynamic()
    {
        for (int i = 0; i < 4; i++)
        {
            Func<Func<long>, long> made = Make("Made" + i, isTail: false);
            CallKinds.Keep(made(static () => Leaf.Allocate() + 1));
            CallKinds.Keep(made(static () => Leaf.Allocate() + 2));
        }

        GC.Collect();
    }

    private static void DynamicTail() => CallKinds.Keep(Make("Tail", isTail: true)(static () => Leaf.Allocate() + 1));

    private static Func<Func<long>, long> Make(string name, bool isTail)
    {
        DynamicMethod method = new(name, typeof(long), [typeof(Func<long>)], typeof(MadeCode).Module);
        ILGenerator il = method.GetILGenerator();
        LocalBuilder result = il.DeclareLocal(typeof(long));
        il.Emit(OpCodes.Ldarg_0);
        if (isTail)
        {
            il.Emit(OpCodes.Tailcall);
        }

        il.Emit(OpCodes.Callvirt, typeof(Func<long>).GetMethod("Invoke")!);
        if (!isTail)
        {
            il.Emit(OpCodes.Stloc, result);
            il.Emit(OpCodes.Ldloc, result);
        }

        il.Emit(OpCodes.Ret);
        return method.CreateDelegate<Func<Func<long>, long>>();
    }

    private static void Expressions()
    {
        Expression<Func<int, long>> expression = number => Leaf.Allocate() + number;
        CallKinds.Keep(expression.Compile()(3));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void LoadAndUnload()
    {
        AssemblyLoadContext context = new("copy", isCollectible: true);
        Call(context.LoadFromAssemblyPath(typeof(MadeCode).Assembly.Location));
        context.Unload();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void LoadFromMemory()
    {
        string path = typeof(MadeCode).Assembly.Location;
        AssemblyLoadContext context = new("memory", isCollectible: true);
        using MemoryStream image = new(File.ReadAllBytes(path));
        using MemoryStream symbols = new(File.ReadAllBytes(Path.ChangeExtension(path, ".pdb")));
        Call(context.LoadFromStream(image, symbols));
        context.Unload();
        GC.Collect();
        GC.WaitForPendingFinalizers();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Call(Assembly copy)
    {
        MethodInfo method = copy.GetType(typeof(MadeCode).FullName!)!.GetMethod(nameof(CallBack))!;
        CallKinds.Keep((long)method.Invoke(null, [(Func<long>)(static () => Leaf.Allocate() + 1)])!);
        CallKinds.Keep((long)method.Invoke(null, [(Func<long>)(static () => Leaf.Allocate() + 2)])!);
    }
}
