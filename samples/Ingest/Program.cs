// Licensed under the MIT License. See LICENSE in the repository root.
// The service twice: Before/ is how it was first written, After/ is how it was left when its leaks were found.
// `diff -r Before After` shows the four mistakes.
using Ingest;

const int FrameCount = 4000;

bool clean = args is ["--clean"];
using ReadingStore store = new();
using IRollingWindows windows = clean ? new Ingest.After.RollingWindows() : new Ingest.Before.RollingWindows();
using IAlarmLog alarms = clean ? new Ingest.After.AlarmLog() : new Ingest.Before.AlarmLog();
IFrameDecoder decoder = clean ? new Ingest.After.FrameDecoder() : new Ingest.Before.FrameDecoder();
using IDeviceFilter filter = clean ? new Ingest.After.DeviceFilter("boiler/*") : new Ingest.Before.DeviceFilter("boiler/*");

IngestService service = new(decoder, filter, windows, alarms, store);
service.Run(new DeviceFeed(FrameCount));
service.Print(Console.Out);
