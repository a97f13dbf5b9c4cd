// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: the list of modules the dynamic loader has mapped. link.h (glibc 2.36): dl_iterate_phdr.
// Who calls it: the runtime hook, when it looks for libSystem.Native or the executable.
// The one idea: the loader holds its lock during the callback, and a thread may wait for that lock in cooperative mode
// (C++ exceptions inside the runtime); a managed callback could then wait for a GC that waits for that thread. So the
// callback is a stub of machine code that only copies, and everything else happens after the loader's lock is free.
using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace NativeLeak.Interop.Linux.Patching;

/// <summary>Finds loaded modules.</summary>
[SupportedOSPlatform("linux")]
internal static unsafe partial class LoadedModules
{
    private const int MaximumModules = 1024;

    /// <summary>The module whose file name (without folder) is <paramref name="fileName"/>, or null.</summary>
    public static ElfImage? Find(string fileName)
        => Find(name => name.Length > fileName.Length && name[^(fileName.Length + 1)] == '/'
            && name.EndsWith(fileName, StringComparison.Ordinal));

    /// <summary>The executable that the process was started from, or null.</summary>
    public static ElfImage? FindExecutable() => Find(name => name.Length == 0);

    private static ElfImage? Find(Func<string, bool> isWanted)
    {
        nuint byteCount = (nuint)sizeof(LoadedModuleList) + (MaximumModules * (nuint)sizeof(LoadedModuleEntry));
        nuint pages = Platform.Pages.AllocatePrivate((byteCount + 4095) & ~(nuint)4095);
        if (pages == 0)
        {
            return null;
        }

        try
        {
            // Safety: the pages are ours, zeroed and large enough for MaximumModules entries; the stub respects Capacity.
            LoadedModuleList* list = (LoadedModuleList*)pages;
            list->Capacity = MaximumModules;
            _ = dl_iterate_phdr(MachineCode.CollectModule, list);
            LoadedModuleEntry* entries = (LoadedModuleEntry*)(list + 1);
            for (nuint i = 0; i < list->Count; i++)
            {
                // Only a module that matches is read any further: the two kinds we look for are never unloaded, others
                // may be gone by now.
                string name = Marshal.PtrToStringUTF8((nint)entries[i].NameBytes) ?? "";
                if (isWanted(name))
                {
                    return ElfImage.TryParse(
                        name, entries[i].LoadBias, (Elf64ProgramHeader*)entries[i].ProgramHeaders, (int)entries[i].HeaderCount);
                }
            }

            return null;
        }
        finally
        {
            Platform.Pages.Release(pages, (byteCount + 4095) & ~(nuint)4095);
        }
    }

    [LibraryImport("libc.so.6")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int dl_iterate_phdr(nint callback, void* data);
}

/// <summary>Head of the buffer that the collecting stub fills: 16 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct LoadedModuleList
{
    public nuint Count, Capacity;
}

/// <summary>One module as the collecting stub copied it: one page.</summary>
/// <remarks>
/// <code>
///    0 load bias   8 program headers   16 their count   24 zero   32 … 4095 name, NUL-terminated (cut when longer)
/// </code>
/// </remarks>
[StructLayout(LayoutKind.Explicit, Size = 4096)]
internal unsafe struct LoadedModuleEntry
{
    [FieldOffset(0)] public nuint LoadBias;
    [FieldOffset(8)] public nuint ProgramHeaders;
    [FieldOffset(16)] public nuint HeaderCount;
    [FieldOffset(32)] public fixed byte NameBytes[4064];
}
