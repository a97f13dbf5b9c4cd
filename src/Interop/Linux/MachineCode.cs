// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: every byte of machine code we bring, assembled by hand, one stub per member, each byte explained.
// Who calls it: the syscall layer, the parking handler, the hook entries.
// The one idea: a stub called through a *managed* function pointer is a plain call without any GC transition or poll,
// which is the only kind of call a parked thread, a controller of parked threads, or a cloned child may make.
using System.Runtime.InteropServices;

namespace NativeLeak.Interop.Linux;

/// <summary>The page of x64 machine code. Initialized once, read-only and executable afterwards.</summary>
internal static unsafe partial class MachineCode
{
    private const int PageByteCount = 16384;
    private static readonly Lock s_lock = new();
    private static byte* s_page;
    private static int s_used;

    /// <summary>The range the stubs live in (0 … 0 before the first stub), so that walkers can recognise our own frames.</summary>
    public static MemoryRange Range => new((nuint)s_page, (nuint)s_page + (s_page == null ? 0 : (nuint)PageByteCount));

    // long Syscall(number, a1 … a6): moves the C arguments into the kernel's registers.
    private static ReadOnlySpan<byte> SyscallCode =>
    [
        0x48, 0x89, 0xF8,                   // mov rax, rdi      number
        0x48, 0x89, 0xF7,                   // mov rdi, rsi      a1
        0x48, 0x89, 0xD6,                   // mov rsi, rdx      a2
        0x48, 0x89, 0xCA,                   // mov rdx, rcx      a3
        0x4D, 0x89, 0xC2,                   // mov r10, r8       a4 (the kernel wants r10 where C has rcx)
        0x4D, 0x89, 0xC8,                   // mov r8,  r9       a5
        0x4C, 0x8B, 0x4C, 0x24, 0x08,       // mov r9,  [rsp+8]  a6, the seventh C argument
        0x0F, 0x05,                         // syscall           −errno in rax on failure
        0xC3,                               // ret
    ];

    private static nint s_syscall;

    /// <summary>Address of the syscall stub; assembled on first use.</summary>
    public static nint Syscall
    {
        get
        {
            if (s_syscall == 0)
            {
                s_syscall = Emit(SyscallCode);
            }

            return s_syscall;
        }
    }

    /// <summary>Copies one stub into the code page, 16-byte aligned, and returns its address.</summary>
    /// <exception cref="InvalidOperationException">The page is full or the system refuses executable memory.</exception>
    internal static nint Emit(ReadOnlySpan<byte> code)
    {
        lock (s_lock)
        {
            if (s_page == null)
            {
                void* page = mmap(null, PageByteCount, ProtRead | ProtWrite, MapPrivate | MapAnonymous, -1, 0);
                s_page = (nint)page == -1 ? throw new InvalidOperationException("mmap of the code page was refused") : (byte*)page;
            }

            if (s_used + code.Length > PageByteCount)
            {
                throw new InvalidOperationException("the code page is full");
            }

            // Safety: the page is ours and at least code.Length bytes are left. It is never executable and writable at
            // once while a stub in it can be running: Emit is called at start-up, before a stub's address is published.
            byte* at = s_page + s_used;
            Protect(ProtRead | ProtWrite | ProtExec);
            code.CopyTo(new Span<byte>(at, code.Length));
            Protect(ProtRead | ProtExec);
            s_used = (s_used + code.Length + 15) & ~15;
            return (nint)at;
        }
    }

    private static void Protect(int protection)
    {
        if (mprotect(s_page, PageByteCount, protection) != 0)
        {
            throw new InvalidOperationException("mprotect of the code page was refused");
        }
    }

    private const int ProtRead = 1, ProtWrite = 2, ProtExec = 4, MapPrivate = 2, MapAnonymous = 0x20;

    [DllImport("libc.so.6")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern void* mmap(void* address, nuint length, int protection, int flags, int fd, nint offset);

    [DllImport("libc.so.6")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int mprotect(void* address, nuint length, int protection);
}
