// Licensed under the MIT License. See LICENSE in the repository root.
using System.Runtime.InteropServices;

namespace LeakCases.Planting;

/// <summary>The C library's functions that hide pointers where managed code cannot.</summary>
internal static unsafe partial class Libc
{
    private const string Library = "libc";

    public const int PROT_NONE = 0;
    public const int PROT_READ = 1;
    public const int PROT_WRITE = 2;
    public const int PROT_EXEC = 4;
    public const int MAP_SHARED = 1;
    public const int MAP_PRIVATE = 2;
    public const int MAP_ANONYMOUS = 0x20;

    [LibraryImport(Library)]
    public static partial nint mmap(nint address, nuint length, int protection, int flags, int descriptor, nint offset);

    [LibraryImport(Library)]
    public static partial int mprotect(nint address, nuint length, int protection);

    [LibraryImport(Library)]
    public static partial int munmap(nint address, nuint length);

    [LibraryImport(Library)]
    public static partial nint calloc(nuint count, nuint byteCount);

    [LibraryImport(Library)]
    public static partial void free(nint memory);

    [LibraryImport(Library)]
    public static partial int pthread_key_create(uint* key, nint destructor);

    [LibraryImport(Library)]
    public static partial int pthread_key_delete(uint key);

    [LibraryImport(Library)]
    public static partial int pthread_setspecific(uint key, nint value);

    [LibraryImport(Library)]
    public static partial int pthread_create(nuint* thread, nint attributes, nint start, nint argument);

    [LibraryImport(Library)]
    public static partial int pthread_detach(nuint thread);

    [LibraryImport(Library)]
    public static partial int sem_init(nint semaphore, int shared, uint value);

    [LibraryImport(Library)]
    public static partial int sem_post(nint semaphore);

    [LibraryImport(Library)]
    public static partial int gettid();

    [LibraryImport(Library)]
    public static partial int getpid();

    [LibraryImport(Library)]
    public static partial int kill(int process, int signal);

    [LibraryImport(Library)]
    public static partial int getppid();

    [LibraryImport(Library)]
    public static partial int madvise(nint address, nuint length, int advice);

    [LibraryImport(Library)]
    public static partial int prctl(int option, nuint first, nuint second, nuint third, nuint fourth);

    [LibraryImport(Library)]
    public static partial nint ptrace(nint request, int thread, nint address, nint data);

    [LibraryImport(Library)]
    public static partial int setresuid(int real, int effective, int saved);

    [LibraryImport(Library)]
    public static partial int setrlimit(int resource, ulong* limits);

    [LibraryImport(Library)]
    public static partial nint syscall(nint number, nint first, nint second, nint third, nint fourth);

    [LibraryImport(Library)]
    public static partial int waitpid(int process, int* status, int options);

    /// <summary>Address of a function or variable of the C library.</summary>
    public static nint Symbol(string name) => NativeLibrary.GetExport(NativeLibrary.Load("libc.so.6"), name);

    /// <summary>Fresh zeroed pages that the C heap knows nothing about.</summary>
    public static nint MapPages(nuint byteCount)
    {
        nint pages = mmap(0, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        return pages != -1 ? pages : throw new InvalidOperationException("mmap failed");
    }
}
