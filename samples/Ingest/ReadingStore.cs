// Licensed under the MIT License. See LICENSE in the repository root.
using Microsoft.Data.Sqlite;

namespace Ingest;

/// <summary>The readings in a database of their own, and the questions asked about them.</summary>
internal sealed class ReadingStore : IDisposable
{
    private readonly SqliteConnection _connection;
    private readonly SqliteCommand _insert;

    public ReadingStore()
    {
        _connection = new SqliteConnection("Data Source=:memory:");
        _connection.Open();
        using (SqliteCommand create = _connection.CreateCommand())
        {
            create.CommandText = "CREATE TABLE reading (device TEXT NOT NULL, time INTEGER NOT NULL, celsius REAL NOT NULL)";
            create.ExecuteNonQuery();
        }

        _insert = _connection.CreateCommand();
        _insert.CommandText = "INSERT INTO reading VALUES ($device, $time, $celsius)";
        _insert.Parameters.Add("$device", SqliteType.Text);
        _insert.Parameters.Add("$time", SqliteType.Integer);
        _insert.Parameters.Add("$celsius", SqliteType.Real);
    }

    public void Add(in Reading reading)
    {
        _insert.Parameters["$device"].Value = reading.Device;
        _insert.Parameters["$time"].Value = reading.UnixSeconds;
        _insert.Parameters["$celsius"].Value = reading.Celsius;
        _insert.ExecuteNonQuery();
    }

    /// <summary>Per site: how many readings, and their mean, lowest and highest temperature.</summary>
    public IEnumerable<(string Site, long Count, double Mean, double Low, double High)> Summarize()
    {
        using SqliteCommand command = _connection.CreateCommand();
        command.CommandText = """
            SELECT substr(device, 1, instr(device, '/') - 1) AS site, count(*), avg(celsius), min(celsius), max(celsius)
            FROM reading GROUP BY site ORDER BY site
            """;
        using SqliteDataReader rows = command.ExecuteReader();
        while (rows.Read())
        {
            yield return (rows.GetString(0), rows.GetInt64(1), rows.GetDouble(2), rows.GetDouble(3), rows.GetDouble(4));
        }
    }

    public void Dispose()
    {
        _insert.Dispose();
        _connection.Dispose();
    }
}
