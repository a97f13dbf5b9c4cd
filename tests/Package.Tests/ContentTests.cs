// Licensed under the MIT License. See LICENSE in the repository root.
using System.IO.Compression;
using System.Security.Cryptography;
using System.Xml.Linq;
using NativeLeak.Build;

namespace NativeLeak.Package.Tests;

/// <summary>What is in the package.</summary>
[TestFixture]
internal sealed class ContentTests
{
    private static readonly string[] s_assemblies = ["Interop", "NativeHeap", "Scanner", "StartupHook"];

    [Test]
    public void It_has_all_that_a_package_should_have()
    {
        Dictionary<string, string> files = Hashes(Package(Consumer.Feed, "nupkg"));
        string[] expected =
        [
            "README.md", "icon.png", "CHANGELOG.md", "LICENSE", "buildTransitive/NativeLeak.props", "buildTransitive/NativeLeak.targets",
            "analyzers/dotnet/cs/NativeLeak.Analyzers.dll", "analyzers/dotnet/cs/NativeLeak.Analyzers.CodeFixes.dll",
            "docs/analyzers/NL0001.md",
            .. s_assemblies.Select(name => $"lib/net10.0/NativeLeak.{name}.dll"),
            .. s_assemblies.Select(name => $"lib/net10.0/NativeLeak.{name}.xml"),
            .. s_assemblies.Select(name => $"runtimes/linux-x64/lib/net10.0/NativeLeak.{name}.dll"),
        ];
        Assert.That(expected, Is.SubsetOf(files.Keys));
    }

    [Test]
    public void The_nuspec_says_who_what_and_under_which_terms()
    {
        using ZipArchive package = ZipFile.OpenRead(Package(Consumer.Feed, "nupkg"));
        using Stream nuspec = package.GetEntry("NativeLeak.nuspec")!.Open();
        Dictionary<string, string> values = XDocument.Load(nuspec).Root!.Elements().Single().Elements()
            .ToDictionary(element => element.Name.LocalName, element => element.Value);
        Assert.Multiple(() =>
        {
            Assert.That(values["id"], Is.EqualTo("NativeLeak"));
            Assert.That(values["license"], Is.EqualTo("MIT"));
            Assert.That(values["readme"], Is.EqualTo("README.md"));
            Assert.That(values["icon"], Is.EqualTo("icon.png"));
            Assert.That(values, Does.ContainKey("repository").And.ContainKey("description").And.ContainKey("tags"));
        });
    }

    [Test]
    public void Symbols_come_apart_and_name_no_folder_of_the_machine() => Assert.Multiple(() =>
    {
        using ZipArchive symbols = ZipFile.OpenRead(Package(Consumer.Feed, "snupkg"));
        foreach (string name in s_assemblies)
        {
            ZipArchiveEntry? entry = symbols.GetEntry($"lib/net10.0/NativeLeak.{name}.pdb");
            Assert.That(entry, Is.Not.Null, name);
            using MemoryStream copy = new();
            using (Stream stream = entry!.Open())
            {
                stream.CopyTo(copy);
            }

            Assert.That(copy.GetBuffer().AsSpan(0, (int)copy.Length).IndexOf(System.Text.Encoding.UTF8.GetBytes(Repository.Root)),
                Is.Negative, name);
        }
    });

    [Test]
    public void What_is_compiled_ahead_is_of_the_same_build_as_what_is_not() => Assert.Multiple(() =>
    {
        using ZipArchive package = ZipFile.OpenRead(Package(Consumer.Feed, "nupkg"));
        foreach (string name in s_assemblies)
        {
            byte[] portable = Read(package, $"lib/net10.0/NativeLeak.{name}.dll");
            byte[] ahead = Read(package, $"runtimes/linux-x64/lib/net10.0/NativeLeak.{name}.dll");
            Assert.That(ahead, Has.Length.GreaterThan(portable.Length), $"{name} is not compiled ahead");
            Assert.That(VersionOf(ahead), Is.EqualTo(VersionOf(portable)), name);
        }
    });

    [Test]
    public void Packing_twice_gives_the_same()
    {
        string again = Directory.CreateTempSubdirectory("nativeleak-pack-").FullName;
        try
        {
            Consumer.PackTo(again);
            Assert.Multiple(() =>
            {
                foreach (string kind in (string[])["nupkg", "snupkg"])
                {
                    Assert.That(Hashes(Package(again, kind)), Is.EquivalentTo(Hashes(Package(Consumer.Feed, kind))));
                }
            });
        }
        finally
        {
            Directory.Delete(again, recursive: true);
        }
    }

    private static Guid VersionOf(byte[] image)
    {
        using System.Reflection.PortableExecutable.PEReader reader = new(new MemoryStream(image));
        System.Reflection.Metadata.MetadataReader metadata = System.Reflection.Metadata.PEReaderExtensions.GetMetadataReader(reader);
        return metadata.GetGuid(metadata.GetModuleDefinition().Mvid);
    }

    private static byte[] Read(ZipArchive archive, string name)
    {
        using Stream stream = archive.GetEntry(name)!.Open();
        using MemoryStream copy = new();
        stream.CopyTo(copy);
        return copy.ToArray();
    }

    private static string Package(string folder, string kind)
        => Directory.EnumerateFiles(folder, "NativeLeak.0*." + kind).Single();

    private static Dictionary<string, string> Hashes(string path)
    {
        using ZipArchive archive = ZipFile.OpenRead(path);
        return archive.Entries.ToDictionary(entry => entry.FullName, entry =>
        {
            using Stream stream = entry.Open();
            return Convert.ToHexString(SHA256.HashData(stream));
        });
    }
}
