// Licensed under the MIT License. See LICENSE in the repository root.
using System.Text.Json;

namespace NativeLeak.Scanner.Tests.Reporting;

[TestFixture]
internal sealed class JsonReportWriterTests
{
    private const string Total = "{blocks:number,bytes:number}";

    private const string Leak = "{fingerprint:string,kind:string,blocks:number,bytes:number,indirectBlocks:number,"
        + "indirectBytes:number,allocator:string,tag:null,firstAgeSeconds:number,lastAgeSeconds:number,threads:[string],"
        + "stack:[{method:string,assembly:string,file:null,line:null,native:false,framework:true}],"
        + "samples:[{address:string,size:number,ordinal:number,hex:string}],evidence:string,suppression:string,heldBy:null,"
        + "lastHolder:{holder:{place:string,description:string},seenByScan:number,missedByScan:number,blocks:number},"
        + "estimate:null,baseline:null}";

    // interface.md, schema nativeleak.report/1, in its order.
    private const string Schema = "{schema:string,tool:{name:string,version:string},"
        + "process:{pid:number,name:string,runtime:string,os:string,startedAt:string,reportedAt:string,reason:string},"
        + "conclusive:true,"
        + "coverage:{tier:string,unseen:[string],mode:string,looks:number,atRest:true,managedHeap:string,managedHeapReason:null,threadsFound:number,"
        + "threadsParked:number,rootBytes:number,blockBytes:number,unreadableBytes:number,warnings:[string]},"
        + "scan:{number:number,pauseMilliseconds:number,durationMilliseconds:number},check:null,"
        + "totals:{live:" + Total + ",reachable:" + Total + ",definite:" + Total + ",indirect:" + Total + ",possible:" + Total
        + ",young:" + Total + ",ignored:" + Total + ",suppressed:" + Total + ",unconfirmed:" + Total + ",weaklyHeld:" + Total + "},"
        + "heuristics:[{name:string,blocks:number,bytes:number}],"
        + "tracker:{level:string,sampleIntervalBytes:null,memoryBytes:number,memoryLimitBytes:null,recordedBlocks:number,"
        + "freedBlocks:number,unknownFrees:number,missedBlocks:number,endedAt:null},estimates:null,"
        + "leaks:[" + Leak + "],stillAllocated:[],misuse:[],suppressions:[],baseline:null}";

    [Test]
    public void TheDocumentHasTheSchemasPropertiesAndNoOthers()
    {
        using JsonDocument document = JsonDocument.Parse(SampleReports.Leaky.ToJson());
        Assert.That(Shape(document.RootElement), Is.EqualTo(Schema));
    }

    [Test]
    public void ValuesArriveUnchanged()
    {
        using JsonDocument document = JsonDocument.Parse(SampleReports.Leaky.ToJson());
        JsonElement root = document.RootElement;
        JsonElement leak = root.GetProperty("leaks")[0];
        Assert.Multiple(() =>
        {
            Assert.That(root.GetProperty("schema").GetString(), Is.EqualTo("nativeleak.report/1"));
            Assert.That(root.GetProperty("tool").GetProperty("name").GetString(), Is.EqualTo("NativeLeak"));
            Assert.That(root.GetProperty("process").GetProperty("reason").GetString(), Is.EqualTo("exit"));
            Assert.That(
                root.GetProperty("process").GetProperty("startedAt").GetDateTimeOffset(),
                Is.EqualTo(SampleReports.Leaky.Process.StartedAt));
            Assert.That(root.GetProperty("scan").GetProperty("pauseMilliseconds").GetDouble(), Is.EqualTo(6.25));
            Assert.That(leak.GetProperty("kind").GetString(), Is.EqualTo("definite"));
            Assert.That(leak.GetProperty("samples")[0].GetProperty("address").GetString(), Is.EqualTo("0x7f00"));
            Assert.That(leak.GetProperty("stack")[2].GetProperty("line").GetInt32(), Is.EqualTo(41));
            Assert.That(leak.GetProperty("threads")[0].GetString(), Is.EqualTo("thread 3 \"worker\""));
        });
    }

    [Test]
    public void TextOfAnyKindStaysValidJson()
    {
        LeakReport report = SampleReports.Clean with { Process = SampleReports.Clean.Process with { Name = "a\u001b\"\\n\ud800<b>" } };
        string json = report.ToJson();
        using JsonDocument document = JsonDocument.Parse(json);
        Assert.That(
            document.RootElement.GetProperty("process").GetProperty("name").GetString(),
            Does.StartWith("a\u001b\"\\n"));
        Assert.That(json.Contains('\u001b'), Is.False);
        Assert.That(json, Does.EndWith("}\n"));
    }

    // The names and types of a document; of an array the first element stands for all.
    private static string Shape(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => "{" + string.Join(',', element.EnumerateObject()
            .Select(static property => property.Name + ":" + Shape(property.Value))) + "}",
        JsonValueKind.Array => "[" + (element.GetArrayLength() > 0 ? Shape(element[0]) : string.Empty) + "]",
        _ => element.ValueKind.ToString().ToLowerInvariant(),
    };
}
