// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.Interop.Tests.Actors;

/// <summary>Names a method <c>static int M(string[] arguments)</c> that <see cref="ActorProcess"/> can play.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class ActorAttribute(string name) : Attribute
{
    public string Name { get; } = name;
}
