// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: scopes that flow with async calls: a chain in an AsyncLocal, innermost first.
// Who calls it: LeakScope and LeakCheck.
// The one idea: a scope that ends out of turn is only marked; what counts is computed from those that have not ended.

namespace NativeLeak.NativeHeap.Annotations;

/// <summary>One scope of the chain. Immutable but for its end.</summary>
internal sealed class FlowingScope
{
    // Called wherever the execution context of a thread changes; throws nothing.
    private static readonly AsyncLocal<FlowingScope?> s_current = new(static change => Mirror(change.CurrentValue));

    private readonly FlowingScope? _outer;
    private readonly uint _check;
    private volatile bool _isEnded;

    private FlowingScope(FlowingScope? outer, uint check)
    {
        _outer = outer;
        _check = check;
    }

    /// <summary>Begins a scope in the current execution context.</summary>
    /// <param name="check">The check it is; 0: blocks made in it are ignored.</param>
    public static FlowingScope Begin(uint check)
    {
        FlowingScope scope = new(s_current.Value, check);
        s_current.Value = scope;
        return scope;
    }

    /// <summary>
    /// Ends it, here and in whatever context looks at it next. Twice is harmless, and so is an order that is not the
    /// reverse of the beginnings.
    /// </summary>
    public void End()
    {
        _isEnded = true;
        FlowingScope? current = s_current.Value;
        while (current is { _isEnded: true })
        {
            current = current._outer;
        }

        s_current.Value = current;
        // The same value again calls nobody back.
        Mirror(current);
    }

    private static void Mirror(FlowingScope? innermost)
    {
        bool isDisabled = false;
        uint check = 0;
        for (FlowingScope? scope = innermost; scope is not null; scope = scope._outer)
        {
            if (!scope._isEnded)
            {
                isDisabled |= scope._check == 0;
                check = check == 0 ? scope._check : check;
            }
        }

        ScopeState.SetFlowing(isDisabled, check);
    }
}
