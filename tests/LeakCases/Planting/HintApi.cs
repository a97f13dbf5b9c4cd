// Licensed under the MIT License. See LICENSE in the repository root.
using System.Reflection;

namespace LeakCases.Planting;

/// <summary>Hints, scopes and pools, for the cases that use them. Found by name; without a detector all of them do nothing.</summary>
internal static unsafe class HintApi
{
    private delegate bool OnBlock(void* block);

    private delegate bool OnPart(void* block, nuint offset, nuint byteCount);

    private delegate bool OnBytes(void* block, nuint byteCount);

    private delegate bool OnReferences(void* block, int count, void* surplusTo);

    private delegate bool OnForeign(void* block, nuint byteCount, string? freeName);

    private static readonly Assembly? s_heap = Find("NativeLeak.NativeHeap");
    private static readonly Assembly? s_scanner = Find("NativeLeak.Scanner");

    /// <summary>A member that takes only the block.</summary>
    public static void Say(string member, nint block) => Hint<OnBlock>(member)?.Invoke((void*)block);

    public static void ScanArea(nint block, nuint offset, nuint byteCount)
        => Hint<OnPart>("ScanArea")?.Invoke((void*)block, offset, byteCount);

    public static void FreePart(nint part, nuint byteCount) => Hint<OnBytes>("FreePart")?.Invoke((void*)part, byteCount);

    public static void MinimumReferences(nint block, int count, nint surplusTo)
        => Hint<OnReferences>("MinimumReferences")?.Invoke((void*)block, count, (void*)surplusTo);

    public static void Adopt(nint block, nuint byteCount) => Hint<OnForeign>("Adopt")?.Invoke((void*)block, byteCount, "its_own_free");

    public static void DecodeXor(nint block, nuint key)
        => Type(s_heap, "LeakHints")?.GetMethod("DecodePointers")!.Invoke(null, [Pointer.Box((void*)block, typeof(void*)), Xor(key)]);

    public static IDisposable? RegisterXorRoot(nint start, nuint byteCount, nuint key)
        => (IDisposable?)Type(s_scanner, "LeakDetector")?.GetMethods().Single(static method
            => method.Name == "RegisterRoot" && method.GetParameters().Length == 3)
            .Invoke(null, [Pointer.Box((void*)start, typeof(void*)), byteCount, Xor(key)]);

    /// <summary>Begins a scope by one of LeakScope's members without parameters.</summary>
    public static Func<IDisposable?> Scope(string member)
        => Type(s_scanner, "LeakScope")?.GetMethod(member)!.CreateDelegate<Func<IDisposable?>>() ?? (static () => null);

    /// <summary>Adds a provider that names the block, or nothing for the complement of 0.</summary>
    public static void Provide(nuint hidden)
    {
        if (Type(s_scanner, "LeakDetector") is not { } detector)
        {
            return;
        }

        object list = detector.GetProperty("RootProviders")!.GetValue(null)!;
        MethodInfo add = list.GetType().GetMethod("Add")!;
        Provider provider = new(hidden);
        add.Invoke(list, [Delegate.CreateDelegate(add.GetParameters()[0].ParameterType, provider, typeof(Provider).GetMethod(nameof(Provider.Name))!)]);
    }

    /// <summary>A pool's member: Alloc or Free, Trim, Destroy.</summary>
    public static void Pool(object? pool, string member, params object[] arguments)
        => pool?.GetType().GetMethod(member)!.Invoke(pool, [.. arguments.Select(static argument
            => argument is nint block ? Pointer.Box((void*)block, typeof(void*)) : argument)]);

    public static object? CreatePool(nint superblock, nuint byteCount, int kinds)
        => Type(s_heap, "BlockPool")?.GetMethod("Create")!.Invoke(
            null, [Pointer.Box((void*)superblock, typeof(void*)), byteCount, Enum.ToObject(Type(s_heap, "BlockPoolKinds")!, kinds)]);

    private static object Xor(nuint key) => Type(s_heap, "PointerDecoder")!.GetMethod("Xor")!.Invoke(null, [key])!;

    private static T? Hint<T>(string member) where T : Delegate
        => Type(s_heap, "LeakHints")?.GetMethod(member)!.CreateDelegate<T>();

    private static Type? Type(Assembly? assembly, string name) => assembly?.GetType("NativeLeak." + name, throwOnError: true);

    private static Assembly? Find(string name)
        => AppDomain.CurrentDomain.GetAssemblies().FirstOrDefault(assembly => assembly.GetName().Name == name);

    private sealed class Provider(nuint hidden)
    {
        public void Name(object roots)
        {
            if (hidden != nuint.MaxValue)
            {
                roots.GetType().GetMethod("AddPointer")!.Invoke(roots, [Pointer.Box((void*)Words.Reveal(hidden), typeof(void*))]);
            }
        }
    }
}
