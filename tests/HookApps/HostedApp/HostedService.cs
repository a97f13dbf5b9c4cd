// Licensed under the MIT License. See LICENSE in the repository root.
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace HostedApp;

/// <summary>A generic host that runs until a signal stops it.</summary>
internal static class HostedService
{
    public static async Task RunAsync()
    {
        HostApplicationBuilder builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddHostedService<Worker>();
        using IHost host = builder.Build();
        await host.RunAsync();
        Console.WriteLine("stopped");
    }

    private sealed class Worker(IHostApplicationLifetime lifetime) : BackgroundService
    {
        protected override async Task ExecuteAsync(CancellationToken stoppingToken)
        {
            Leaks.Lose(48);
            lifetime.ApplicationStarted.Register(static () => Console.WriteLine("ready"));
            await Task.Delay(Timeout.Infinite, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
