// Licensed under the MIT License. See LICENSE in the repository root.
using NativeLeak.NativeHeap.Reclamation;

namespace NativeLeak.NativeHeap.Tests.Reclamation;

/// <summary>A thread that enters and leaves guards when it is told to, one command at a time.</summary>
internal sealed class EpochActor : IDisposable
{
    private enum Command
    {
        Enter,
        Exit,
        AskRevoked,
        Die,
    }

    private readonly EpochDomain _epochs;
    private readonly SemaphoreSlim _told = new(0);
    private readonly SemaphoreSlim _done = new(0);
    private readonly Thread _thread;
    private Command _command;
    private bool _answer;
    private bool _isDead;

    public EpochActor(EpochDomain epochs, string? name = null)
    {
        _epochs = epochs;
        _thread = new Thread(() => Play(default)) { IsBackground = true, Name = name };
        _thread.Start();
    }

    /// <summary>Guards it is inside of.</summary>
    public int Depth { get; private set; }

    public void Enter()
    {
        Tell(Command.Enter);
        Depth++;
    }

    public void Exit()
    {
        Tell(Command.Exit);
        Depth--;
    }

    public bool IsRevoked()
    {
        Tell(Command.AskRevoked);
        return _answer;
    }

    /// <summary>The thread ends without leaving its guards.</summary>
    public void Die()
    {
        _command = Command.Die;
        _told.Release();
        _thread.Join();
        _isDead = true;
        Depth = 0;
    }

    public void Dispose()
    {
        while (!_isDead && Depth > 0)
        {
            Exit();
        }

        if (!_isDead)
        {
            Die();
        }

        _told.Dispose();
        _done.Dispose();
    }

    private void Tell(Command command)
    {
        _command = command;
        _told.Release();
        _done.Wait();
    }

    // A guard is a scope, so each guard is one level of this; true when the thread is to end with its guards on.
    private bool Play(in EpochGuard outer)
    {
        while (true)
        {
            _told.Wait();
            switch (_command)
            {
                case Command.Enter:
                    EpochGuard guard = _epochs.Enter();
                    _done.Release();
                    if (Play(in guard))
                    {
                        return true;
                    }

                    guard.Dispose();
                    _done.Release();
                    break;
                case Command.AskRevoked:
                    _answer = outer.IsRevoked;
                    _done.Release();
                    break;
                default:
                    return _command == Command.Die;
            }
        }
    }
}
