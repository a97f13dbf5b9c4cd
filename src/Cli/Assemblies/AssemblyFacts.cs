// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: what one assembly does with unmanaged memory, from its metadata and code; nothing of it runs.
// Who calls it: Diagnosis.
// The one idea: a file that is broken, or no assembly, is a sentence in the result.
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;

namespace NativeLeak.Cli.Assemblies;

/// <summary>Facts about an assembly.</summary>
internal sealed class AssemblyFacts
{
    /// <summary>Its simple name.</summary>
    public string Name { get; private init; } = string.Empty;

    /// <summary>Places in its code that name a member which allocates.</summary>
    public SortedDictionary<string, int> Calls { get; } = new(StringComparer.Ordinal);

    /// <summary>Those of <see cref="Calls"/> that are seen without the hook too.</summary>
    public HashSet<string> SeenWithoutHook { get; } = [];

    /// <summary>Functions it imports, by native library.</summary>
    public SortedDictionary<string, int> Imports { get; } = new(StringComparer.Ordinal);

    /// <summary>Whether its debug information is there.</summary>
    public bool HasSymbols { get; private set; }

    /// <summary>Why it could not be read; null when it could.</summary>
    public string? Problem { get; private set; }

    /// <summary>Reads a file; null when it is no managed assembly.</summary>
    public static AssemblyFacts? Read(string path)
    {
        AssemblyFacts facts = new() { Name = Path.GetFileNameWithoutExtension(path) };
        try
        {
            using FileStream stream = File.OpenRead(path);
            using PEReader image = new(stream);
            if (!image.HasMetadata)
            {
                return null;
            }

            MetadataReader metadata = image.GetMetadataReader();
            if (!metadata.IsAssembly)
            {
                return null;
            }

            facts.HasSymbols = File.Exists(Path.ChangeExtension(path, ".pdb"))
                || image.ReadDebugDirectory().Any(static entry => entry.Type == DebugDirectoryEntryType.EmbeddedPortablePdb);
            facts.ReadImports(metadata);
            facts.ReadCalls(image, metadata);
        }
        catch (BadImageFormatException)
        {
            // A native library is none of ours; half an assembly is told.
            return facts.Calls.Count + facts.Imports.Count == 0 ? null : facts.With("it is damaged");
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException or ArgumentException or InvalidOperationException)
        {
            return facts.With(problem.Message);
        }

        return facts;
    }

    private AssemblyFacts With(string problem)
    {
        Problem = problem;
        return this;
    }

    private void ReadImports(MetadataReader metadata)
    {
        foreach (MethodDefinitionHandle handle in metadata.MethodDefinitions)
        {
            MethodImport import = metadata.GetMethodDefinition(handle).GetImport();
            if (!import.Module.IsNil)
            {
                string library = metadata.GetString(metadata.GetModuleReference(import.Module).Name);
                Imports[library] = Imports.GetValueOrDefault(library) + 1;
            }
        }
    }

    private void ReadCalls(PEReader image, MetadataReader metadata)
    {
        Dictionary<EntityHandle, (string Name, SeenBy SeenBy)> judged = [];
        foreach (MethodDefinitionHandle handle in metadata.MethodDefinitions)
        {
            int address = metadata.GetMethodDefinition(handle).RelativeVirtualAddress;
            if (address == 0)
            {
                continue;
            }

            foreach (EntityHandle token in CodeTokens.Methods(image.GetMethodBody(address).GetILReader()))
            {
                if (!judged.TryGetValue(token, out (string Name, SeenBy SeenBy) verdict))
                {
                    verdict = Judge(metadata, token);
                    judged.Add(token, verdict);
                }

                if (verdict.SeenBy != SeenBy.Nobody)
                {
                    Calls[verdict.Name] = Calls.GetValueOrDefault(verdict.Name) + 1;
                    if (verdict.SeenBy == SeenBy.ItselfToo)
                    {
                        SeenWithoutHook.Add(verdict.Name);
                    }
                }
            }
        }
    }

    private static (string Name, SeenBy SeenBy) Judge(MetadataReader metadata, EntityHandle token)
    {
        if (token.Kind == HandleKind.MethodSpecification)
        {
            token = metadata.GetMethodSpecification((MethodSpecificationHandle)token).Method;
        }

        if (token.Kind != HandleKind.MemberReference)
        {
            return (string.Empty, SeenBy.Nobody);
        }

        MemberReference member = metadata.GetMemberReference((MemberReferenceHandle)token);
        if (member.Parent.Kind != HandleKind.TypeReference)
        {
            return (string.Empty, SeenBy.Nobody);
        }

        TypeReference type = metadata.GetTypeReference((TypeReferenceHandle)member.Parent);
        string name = metadata.GetString(member.Name), typeName = metadata.GetString(type.Name);
        return ($"{typeName}.{name}", AllocationApis.Judge(metadata.GetString(type.Namespace), typeName, name));
    }
}
