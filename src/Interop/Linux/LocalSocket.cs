// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: sockets with a name in the file system, by system calls: a listener and its connections.
// Who calls it: the control channel's one thread; Shutdown and IsListening others too.
// The one idea: the class library's sockets are not loaded into the host (they bring an engine thread and use its pool).
// Every call but Poll returns at once. A descriptor that somebody closed under us may be the application's by now: its
// identity is compared before each use.
// Safety: buffers given to the kernel are locals of the size the kernel expects, or spans that are pinned for the call.
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using System.Text;

namespace NativeLeak.Interop.Linux;

/// <summary>A socket of the family AF_UNIX. Not thread-safe but for <see cref="Shutdown"/>.</summary>
[SupportedOSPlatform("linux")]
internal sealed unsafe class LocalSocket
{
    /// <summary>Bits of <see cref="PollEntry"/>: something to read (or to accept), room to write; and, never asked for,
    /// always told: an error, both sides closed, no such descriptor (poll.h).</summary>
    public const short PollIn = 0x1, PollOut = 0x4, PollError = 0x8, PollHangUp = 0x10, PollInvalid = 0x20;

    /// <summary>Most bytes of a path: sun_path of sys/un.h without its zero.</summary>
    public const int MaximumPathByteCount = 107;

    // AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, MSG_NOSIGNAL, SHUT_RDWR, SOL_SOCKET, SO_PEERCRED,
    // F_DUPFD_CLOEXEC of the headers of Linux x86-64.
    private const nint FamilyUnix = 1, StreamNonBlockingCloseOnExec = 0x1 | 0x800 | 0x8_0000, NonBlockingCloseOnExec = 0x800 | 0x8_0000;
    private const nint NoSignal = 0x4000, BothWays = 2, SocketLevel = 1, PeerCredentials = 17, DuplicateFrom = 1030;
    private const nint OwnerOnly = 0x180; // 0600
    private const nint FirstOwn = 3; // below are standard input, output and error, also of an application that closed them
    private const int StatusByteCount = 144; // struct stat of asm/stat.h; device and inode are its first two words
    private const int AddressByteCount = 2 + MaximumPathByteCount + 1;

    private readonly ulong _device, _inode;

    private LocalSocket(nint descriptor)
    {
        Descriptor = descriptor;
        TryIdentify(descriptor, out _device, out _inode);
    }

    /// <summary>The descriptor's number.</summary>
    public nint Descriptor { get; }

    /// <summary>Whether the descriptor still is this socket.</summary>
    public bool IsIntact => TryIdentify(Descriptor, out ulong device, out ulong inode) && device == _device && inode == _inode;

    /// <summary>Makes a listening socket with a new name that only its owner may connect to.</summary>
    /// <param name="path">Its name; must not exist.</param>
    /// <param name="backlog">How many connections may wait to be accepted.</param>
    /// <param name="errorNumber">0, or why not.</param>
    /// <returns>The socket, or null.</returns>
    public static LocalSocket? TryListen(string path, int backlog, out int errorNumber)
    {
        byte* address = stackalloc byte[AddressByteCount];
        nint descriptor = TryMakeAddress(path, address) ? Create() : -ErrorNumber.EINVAL;
        nint result = descriptor;
        if (descriptor >= 0)
        {
            // The name takes its mode from the socket (and the umask), so that there is no moment with another.
            result = BlockingSyscall.Invoke(SyscallNumber.Fchmod, descriptor, OwnerOnly);
            result = result < 0 ? result : BlockingSyscall.Invoke(SyscallNumber.Bind, descriptor, (nint)address, AddressByteCount);
            result = result < 0 ? result : BlockingSyscall.Invoke(SyscallNumber.Listen, descriptor, backlog);
        }

        errorNumber = (int)-Math.Min(result, 0);
        if (errorNumber == 0)
        {
            return new LocalSocket(descriptor);
        }

        if (descriptor >= 0)
        {
            BlockingSyscall.Invoke(SyscallNumber.Close, descriptor);
        }

        return null;
    }

    /// <summary>Removes a name, by the system call itself: a process that ends loads no library for it.</summary>
    /// <returns>0, or the error number.</returns>
    public static int Remove(string path)
    {
        byte* address = stackalloc byte[AddressByteCount];
        return TryMakeAddress(path, address)
            ? (int)-Math.Min(BlockingSyscall.Invoke(SyscallNumber.Unlink, (nint)(address + sizeof(ushort))), 0)
            : ErrorNumber.EINVAL;
    }

    /// <summary>Whether anybody listens at a name: false only when the system says that nobody does. Does not wait.</summary>
    public static bool IsListening(string path)
    {
        byte* address = stackalloc byte[AddressByteCount];
        nint descriptor = TryMakeAddress(path, address) ? Create() : -1;
        if (descriptor < 0)
        {
            return true;
        }

        nint result = BlockingSyscall.Invoke(SyscallNumber.Connect, descriptor, (nint)address, AddressByteCount);
        BlockingSyscall.Invoke(SyscallNumber.Close, descriptor);
        return result != -ErrorNumber.ECONNREFUSED;
    }

    /// <summary>Waits until one of the sockets can go on.</summary>
    /// <param name="entries">What is waited for; the events that came are noted in them.</param>
    /// <param name="count">How many there are.</param>
    /// <param name="milliseconds">The longest wait; −1: no limit.</param>
    /// <returns>How many entries have events; 0 also when a signal ended the wait; negative: −errno.</returns>
    // Safety: the caller has that many entries, in memory that does not move.
    public static int Poll(PollEntry* entries, int count, int milliseconds)
    {
        nint result = BlockingSyscall.InvokeOnce(SyscallNumber.Poll, (nint)entries, count, milliseconds);
        return result == -ErrorNumber.EINTR ? 0 : (int)result;
    }

    /// <summary>Takes the next connection that waits.</summary>
    /// <param name="errorNumber">0, or why there is none (EAGAIN: none waits).</param>
    public LocalSocket? TryAccept(out int errorNumber)
    {
        nint result = IsIntact
            ? MoveUp(BlockingSyscall.Invoke(SyscallNumber.Accept4, Descriptor, 0, 0, NonBlockingCloseOnExec))
            : -ErrorNumber.EINVAL;
        errorNumber = (int)-Math.Min(result, 0);
        return result < 0 ? null : new LocalSocket(result);
    }

    /// <summary>Whether the process at the other end runs for the same user as this one, or for root.</summary>
    public bool IsPeerTrusted()
    {
        uint* credentials = stackalloc uint[3]; // struct ucred: process, user, group
        uint byteCount = 3 * sizeof(uint);
        nint result = BlockingSyscall.Invoke(
            SyscallNumber.Getsockopt, Descriptor, SocketLevel, PeerCredentials, (nint)credentials, (nint)(&byteCount));
        return result == 0 && byteCount == 3 * sizeof(uint)
            && (credentials[1] == 0 || credentials[1] == (uint)BlockingSyscall.Invoke(SyscallNumber.Geteuid));
    }

    /// <summary>Reads what is there.</summary>
    /// <returns>Bytes read; 0: the other end will send no more; negative: −errno (−EAGAIN: nothing is there).</returns>
    public nint Receive(nuint to, int byteCount) => IsIntact
        ? BlockingSyscall.Invoke(SyscallNumber.Recvfrom, Descriptor, (nint)to, byteCount)
        : -ErrorNumber.EINVAL;

    /// <summary>Writes as much as there is room for. No signal, whatever the other end did.</summary>
    /// <returns>Bytes written; negative: −errno (−EAGAIN: there is no room).</returns>
    public nint Send(ReadOnlySpan<byte> bytes)
    {
        fixed (byte* at = bytes)
        {
            return IsIntact
                ? BlockingSyscall.Invoke(SyscallNumber.Sendto, Descriptor, (nint)at, bytes.Length, NoSignal)
                : -ErrorNumber.EINVAL;
        }
    }

    /// <summary>Ends both ways; whoever waits for the socket is woken. From any thread, before <see cref="Close"/>.</summary>
    public void Shutdown()
    {
        if (IsIntact)
        {
            BlockingSyscall.Invoke(SyscallNumber.Shutdown, Descriptor, BothWays);
        }
    }

    /// <summary>Gives the descriptor back, if it still is ours. Once.</summary>
    public void Close()
    {
        if (IsIntact)
        {
            BlockingSyscall.InvokeOnce(SyscallNumber.Close, Descriptor);
        }
    }

    private static nint Create() => MoveUp(BlockingSyscall.Invoke(SyscallNumber.Socket, FamilyUnix, StreamNonBlockingCloseOnExec));

    // Nothing of ours takes the place of a standard stream.
    private static nint MoveUp(nint descriptor)
    {
        if (descriptor is < 0 or >= FirstOwn)
        {
            return descriptor;
        }

        nint higher = BlockingSyscall.Invoke(SyscallNumber.Fcntl, descriptor, DuplicateFrom, FirstOwn);
        BlockingSyscall.InvokeOnce(SyscallNumber.Close, descriptor);
        return higher;
    }

    private static bool TryMakeAddress(string path, byte* address)
    {
        Span<byte> bytes = new(address, AddressByteCount);
        bytes.Clear();
        int byteCount = Encoding.UTF8.GetByteCount(path);
        if (byteCount is 0 or > MaximumPathByteCount || path.Contains('\0'))
        {
            return false;
        }

        bytes[0] = (byte)FamilyUnix;
        Encoding.UTF8.GetBytes(path, bytes[2..]);
        return true;
    }

    private static bool TryIdentify(nint descriptor, out ulong device, out ulong inode)
    {
        ulong* status = stackalloc ulong[StatusByteCount / sizeof(ulong)];
        nint result = BlockingSyscall.Invoke(SyscallNumber.Fstat, descriptor, (nint)status);
        (device, inode) = result == 0 ? (status[0], status[1]) : (0, 0);
        return result == 0;
    }
}

/// <summary>struct pollfd of poll.h.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PollEntry
{
    /// <summary>The descriptor; negative: the entry is left out.</summary>
    public int Descriptor;

    /// <summary>What is waited for.</summary>
    public short Wanted;

    /// <summary>What came.</summary>
    public short Came;
}
