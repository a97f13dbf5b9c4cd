// Licensed under the MIT License. See LICENSE in the repository root.
using System.Reflection;
using System.Runtime.CompilerServices;

namespace NativeLeak.Interop;

/// <summary>Prepares <see cref="ChildCodeAttribute"/> types. Called once, by the scanner thread, before its first snapshot.</summary>
internal static class ChildCode
{
    /// <summary>Compiled at once at full optimisation and never replaced: a child has no just-in-time compiler.</summary>
    public const MethodImplOptions Options = MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining;

    /// <summary>Compiles every method of every marked type of <paramref name="assembly"/>. Cold: milliseconds.</summary>
    /// <returns>How many methods were prepared.</returns>
    public static int PrepareAll(Assembly assembly)
    {
        const BindingFlags All = BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public
            | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;
        int prepared = 0;
        foreach (Type type in assembly.GetTypes())
        {
            if (!type.IsDefined(typeof(ChildCodeAttribute), inherit: false))
            {
                continue;
            }

            RuntimeHelpers.RunClassConstructor(type.TypeHandle);
            foreach (MethodInfo method in type.GetMethods(All))
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
