// Licensed under the MIT License. See LICENSE in the repository root.
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace NativeLeak.Interop;

/// <summary>Prepares <see cref="ChildCodeAttribute"/> types. Called once, by the scanner thread, before its first snapshot.</summary>
internal static class ChildCode
{
    /// <summary>Compiled at once at full optimisation and never replaced: a child has no just-in-time compiler.</summary>
    public const MethodImplOptions Options = MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining;

    private const string OnlyWhatIsCalled = "What trimming took away is called by nobody, so it need not be prepared.";

    /// <summary>Compiles every method of every marked type of <paramref name="assembly"/>. Cold: milliseconds.</summary>
    /// <returns>How many methods were prepared.</returns>
    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = OnlyWhatIsCalled)]
    [UnconditionalSuppressMessage("Trimming", "IL2059", Justification = OnlyWhatIsCalled)]
    [UnconditionalSuppressMessage("Trimming", "IL2065", Justification = OnlyWhatIsCalled)]
    [UnconditionalSuppressMessage("Trimming", "IL2075", Justification = OnlyWhatIsCalled)]
    public static int PrepareAll(Assembly assembly)
    {
        const BindingFlags All = BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public
            | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;
        int prepared = 0;
        Type[] types = [.. assembly.GetTypes().Where(t => t.IsDefined(typeof(ChildCodeAttribute), inherit: false))];

        // All statics first: code compiled before a type's statics exist would ask the runtime for them on every access.
        foreach (Type type in types)
        {
            RuntimeHelpers.RunClassConstructor(type.TypeHandle);
        }

        foreach (Type type in types)
        {
            foreach (MethodBase method in type.GetMethods(All).Concat<MethodBase>(type.GetConstructors(All)))
            {
                if (!method.IsAbstract && !method.ContainsGenericParameters)
                {
                    RuntimeHelpers.PrepareMethod(method.MethodHandle);
                    prepared++;
                }
            }
        }

        return prepared;
    }
}
