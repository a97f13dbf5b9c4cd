// Licensed under the MIT License. See LICENSE in the repository root.
namespace NativeLeak.NativeHeap.Tests.Differential;

/// <summary>
/// What a call did, in a form that two calls can be compared by: its result, or its exception to the letter.
/// </summary>
internal readonly record struct Outcome(string? Result, Type? Exception, string? Message, string? ParameterName)
{
    public static Outcome Of(Func<string> call)
    {
        try
        {
            return new Outcome(call(), null, null, null);
        }
        catch (Exception exception)
        {
            // Every exception is a result here; its type and texts are compared.
            return new Outcome(null, exception.GetType(), exception.Message, (exception as ArgumentException)?.ParamName);
        }
    }
}
