// Licensed under the MIT License. See LICENSE in the repository root.
namespace StackShapes.Shapes;

/// <summary>Every shape by name. Each run makes a few dozen allocations.</summary>
internal static class AllShapes
{
    public static IReadOnlyList<(string Name, Action Run)> List { get; } =
    [
        .. CallKinds.All(), .. Loops.All(), .. FrameworkCallers.All(), .. Funclets.All(), .. NativeCallers.All(),
        .. StateMachines.All(), .. Beginnings.All(), .. MadeCode.All(),
    ];

    /// <summary>Runs an action a number of times, from one line.</summary>
    public static void Repeat(int count, Action action)
    {
        for (int i = 0; i < count; i++)
        {
            action();
        }
    }
}
