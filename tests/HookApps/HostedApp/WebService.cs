// Licensed under the MIT License. See LICENSE in the repository root.
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace HostedApp;

/// <summary>A real Kestrel on the loopback, and its load: each request uses native memory, each fiftieth loses a block.</summary>
internal static class WebService
{
    private const int Connections = 16;
    private const int RequestsEach = 500;
    private const int LosesEach = 50;

    /// <summary>0 when every answer was right.</summary>
    public static async Task<int> RunAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        await using WebApplication application = builder.Build();
        application.Urls.Add("http://127.0.0.1:0");
        application.MapGet("/use/{bytes:int}", static (int bytes) => Results.Text(Leaks.Use(bytes).ToString(System.Globalization.CultureInfo.InvariantCulture)));
        application.MapGet("/lose/{bytes:int}", static (int bytes) =>
        {
            Leaks.Lose(bytes);
            return Results.Text("lost");
        });
        await application.StartAsync();
        using HttpClient client = new() { BaseAddress = new Uri(application.Urls.First()) };
        int[] wrong = await Task.WhenAll(Enumerable.Range(0, Connections).Select(lane => LoadAsync(client, lane)));
        await application.StopAsync();
        Console.WriteLine($"wrong={wrong.Sum()}");
        return wrong.Sum() == 0 ? 0 : 1;
    }

    private static async Task<int> LoadAsync(HttpClient client, int lane)
    {
        int wrong = 0;
        for (int i = 0; i < RequestsEach; i++)
        {
            bool loses = i % LosesEach == 0;
            string path = loses ? "lose/40" : $"use/{16 + ((lane + i) % 2000)}";
            string answer = await client.GetStringAsync(new Uri(path, UriKind.Relative));
            wrong += answer == (loses ? "lost" : "7") ? 0 : 1;
        }

        return wrong;
    }
}
