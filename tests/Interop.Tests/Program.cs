// Licensed under the MIT License. See LICENSE in the repository root.
using Microsoft.Testing.Platform.Builder;
using NativeLeak.Interop.Tests.Actors;

namespace NativeLeak.Interop.Tests;

/// <summary>Runs the suite, or, when another run of it asks for that, one actor in a process of its own.</summary>
internal static class Program
{
    private static async Task<int> Main(string[] args)
    {
        if (args is [ActorProcess.Switch, string actor, ..])
        {
            return ActorProcess.Play(actor, args[2..]);
        }

        ITestApplicationBuilder builder = await TestApplication.CreateBuilderAsync(args);
        SelfRegisteredExtensions.AddSelfRegisteredExtensions(builder, args);
        using ITestApplication application = await builder.BuildAsync();
        return await application.RunAsync();
    }
}
