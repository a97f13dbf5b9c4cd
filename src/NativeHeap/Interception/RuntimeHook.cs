// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: turns the hook on. Tries the tiers from the most to the least complete and says which one holds and why.
// Who calls it: Startup, once, after the recorder was started.
// The one idea: all or nothing. Everything is looked at and compiled before the first byte of the runtime's library is
// changed; frees are redirected before allocations, so a block can be freed unseen while this runs, never the reverse.
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;
using NativeLeak.Interop;

namespace NativeLeak.NativeHeap.Interception;

/// <summary>The hook into the runtime's native allocation functions. Installed at most once per process, never removed.</summary>
internal static class RuntimeHook
{
    // Static state is per loaded copy of this assembly; AppContext and interned strings are per process.
    private const string ProcessLatch = "NativeLeak.RuntimeHook";

    private static readonly Lock s_lock = new();
    private static string s_detail = "not installed";
    private static volatile InterceptionTier s_tier;

    /// <summary>The tier in force; <see cref="InterceptionTier.None"/> before <see cref="Install(out string)"/>.</summary>
    public static InterceptionTier Tier => s_tier;

    /// <summary>Whether allocations through the runtime's own APIs are seen.</summary>
    public static bool IsInstalled => s_tier is InterceptionTier.Exports or InterceptionTier.GlobalOffsetTable;

    /// <summary>Installs the hook. Idempotent and thread-safe; never throws. Costs a few milliseconds.</summary>
    /// <param name="detail">What was patched, or why a better tier is not in force; for the report.</param>
    public static InterceptionTier Install(out string detail) => Install(InterceptionTier.Exports, out detail);

    /// <summary>Installs the hook, starting at tier <paramref name="strongest"/>.</summary>
    internal static InterceptionTier Install(InterceptionTier strongest, out string detail)
    {
        lock (s_lock)
        {
            if (s_tier == InterceptionTier.None)
            {
                InterceptionTier tier;
                try
                {
                    tier = InstallOnce(strongest, out s_detail);
                }
                catch (Exception exception)
                {
                    tier = InterceptionTier.ExplicitApiOnly;
                    s_detail = $"the hook could not be prepared: {exception.Message}";
                }

                s_tier = tier;
            }

            detail = s_detail;
            return s_tier;
        }
    }

    private static InterceptionTier InstallOnce(InterceptionTier strongest, out string detail)
    {
        if (!OperatingSystem.IsLinux() || !Platform.IsSupported)
        {
            detail = "the hook exists for Linux x64 only";
            return InterceptionTier.ExplicitApiOnly;
        }

        if (!RuntimeFeature.IsDynamicCodeSupported)
        {
            detail = "the program was compiled ahead as a whole (NativeAOT): it has no functions that could be redirected";
            return InterceptionTier.ExplicitApiOnly;
        }

        if (AssemblyLoadContext.GetLoadContext(Assembly.GetExecutingAssembly()) is { IsCollectible: true })
        {
            detail = "NativeLeak is loaded in a collectible context: its code could be unloaded under the hook";
            return InterceptionTier.ExplicitApiOnly;
        }

        if (strongest == InterceptionTier.ExplicitApiOnly)
        {
            detail = "no hook was asked for";
            return InterceptionTier.ExplicitApiOnly;
        }

        if (!TryClaimProcess())
        {
            detail = "another copy of NativeLeak in this process has the hook";
            return InterceptionTier.ExplicitApiOnly;
        }

        HookBodies.Initialize();
        return HookInstallation.Run(strongest, out detail);
    }

    private static bool TryClaimProcess()
    {
        // CA2002: the weak identity is the point. An interned string is the one object that two copies of this
        // assembly in two load contexts are sure to share; nobody else locks one of this name.
#pragma warning disable CA2002
        lock (string.Intern(ProcessLatch))
#pragma warning restore CA2002
        {
            if (AppContext.GetData(ProcessLatch) is not null)
            {
                return false;
            }

            AppContext.SetData(ProcessLatch, Assembly.GetExecutingAssembly().FullName);
            return true;
        }
    }
}
