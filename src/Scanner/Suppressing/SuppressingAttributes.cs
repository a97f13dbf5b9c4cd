// Licensed under the MIT License. See LICENSE in the repository root.
// What it is: finds SuppressNativeLeakAttribute on what a call path leads through.
// Who calls it: SuppressionSet, once for each group of lost blocks.
// The one idea: attributes are read by name and as data: the application may have a build of its own, and none of its code
// runs for a report.
using System.Reflection;
using NativeLeak.Reporting;

namespace NativeLeak.Suppressing;

/// <summary>Reads attributes of methods, types and assemblies. One per report; each member is read once.</summary>
internal sealed class SuppressingAttributes
{
    private const string AttributeName = "NativeLeak.SuppressNativeLeakAttribute";
    private const string TemplateName = "Template";

    private readonly Dictionary<object, IReadOnlyList<Suppression>> _known = [];

    /// <summary>The suppressions that the frames of a site carry.</summary>
    /// <param name="site">The site.</param>
    /// <param name="warnings">Where is said what is wrong with a template.</param>
    public IEnumerable<Suppression> Find(ReportedSite site, List<string> warnings)
    {
        foreach (CallFrame frame in site.Frames)
        {
            if (frame.Method is not { } method || Fingerprint.IsFramework(frame))
            {
                continue;
            }

            MethodBase source = MethodNames.SourceMethod(method);
            foreach (Suppression suppression in Of(source, source.CustomAttributes, warnings))
            {
                yield return suppression;
            }

            for (Type? type = source.DeclaringType; type is not null; type = type.DeclaringType)
            {
                foreach (Suppression suppression in Of(type, type.CustomAttributes, warnings))
                {
                    yield return suppression;
                }
            }

            Assembly assembly = source.Module.Assembly;
            foreach (Suppression suppression in Of(assembly, assembly.CustomAttributes, warnings))
            {
                yield return suppression;
            }
        }
    }

    private IReadOnlyList<Suppression> Of(object member, IEnumerable<CustomAttributeData> attributes, List<string> warnings)
    {
        if (!_known.TryGetValue(member, out IReadOnlyList<Suppression>? found))
        {
            found = Read(member, attributes, warnings);
            _known.Add(member, found);
        }

        return found;
    }

    private static List<Suppression> Read(object member, IEnumerable<CustomAttributeData> attributes, List<string> warnings)
    {
        List<Suppression> found = [];
        try
        {
            foreach (CustomAttributeData attribute in attributes)
            {
                if (attribute.AttributeType.FullName == AttributeName && Create(member, attribute, warnings) is { } suppression)
                {
                    found.Add(suppression);
                }
            }
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            // An attribute of a type that cannot be loaded: the others of this member cannot be read either.
        }

        return found;
    }

    private static Suppression? Create(object member, CustomAttributeData attribute, List<string> warnings)
    {
        string source = "attribute on " + member switch
        {
            MethodBase method => MethodNames.Describe(method),
            Type type => CSharpTypeName.Full(type),
            Assembly assembly => assembly.GetName().Name,
            _ => member.ToString(),
        };
        string? template = attribute.NamedArguments.FirstOrDefault(static argument => argument.MemberName == TemplateName)
            .TypedValue.Value as string;
        if (template is not null)
        {
            Suppression? parsed = SuppressionParser.Parse("leak:" + template, source, out string? error);
            if (error is not null)
            {
                warnings.Add(source + ": " + error);
            }

            return parsed;
        }

        // On an assembly alone it would hide whatever the assembly has to do with.
        return member is Assembly ? null : new Suppression { Name = source, Source = source, Frames = [] };
    }
}
