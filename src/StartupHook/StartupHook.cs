// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: what the runtime runs before Main when DOTNET_STARTUP_HOOKS (or the STARTUP_HOOKS property) names us.
// Who calls it: the runtime, which finds the type by this name, in no namespace.
// The one idea: a program under this hook must not notice it. Switched off it costs one look at one variable; switched on
// and failing, it is as if it had never been loaded.
using NativeLeak.Injection;

/// <summary>Entry point of the injection.</summary>
internal static class StartupHook
{
    /// <summary>Starts the detector when <c>NATIVELEAK</c> asks for it, or the tool that attaches to the running process. Never
    /// throws, never prints.</summary>
    public static void Initialize()
    {
        try
        {
            if (HookSettings.IsOn(Environment.GetEnvironmentVariable(HookSettings.LevelVariable)))
            {
                Trampoline.Run();
            }

            if (AttachSettings.MayBeThere && AttachSettings.TryTake())
            {
                Trampoline.Attach();
            }
        }
        catch (Exception)
        {
            // An exception here would end the application before its first line; there is nobody to tell it to.
        }
    }
}
