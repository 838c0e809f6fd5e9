package weft.ops.bench;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// All rows of one call, and what they were measured on.
///
/// @param bench `cpu`, `disk`, …
/// @param commit of the sources, or `unknown`
public record Report(String bench, String commit, Machine machine, List<Row> rows) {
    /// The host.
    public record Machine(String cpu, int cores) {}

    public Report {
        rows = List.copyOf(rows);
    }

    /// The object that `--json` prints. `peer` and `ratio` are absent without a peer.
    public Map<String, Object> json() {
        var object = new LinkedHashMap<String, Object>();
        object.put("bench", bench);
        object.put("commit", commit);
        object.put("machine", machine);
        object.put("rows", rows.stream().map(Report::json).toList());
        return object;
    }

    private static Map<String, Object> json(Row row) {
        var object = new LinkedHashMap<String, Object>();
        object.put("name", row.name());
        object.put("unit", row.unit());
        object.put("better", row.better().word());
        object.put("weft", row.weft());
        row.peer()
                .ifPresent(peer -> {
                    var side = new LinkedHashMap<String, Object>();
                    side.put("name", peer.name());
                    side.put("median", peer.figure().median());
                    side.put("min", peer.figure().min());
                    side.put("max", peer.figure().max());
                    side.put("n", peer.figure().n());
                    object.put("peer", side);
                });
        row.ratio().ifPresent(ratio -> object.put("ratio", ratio));
        return object;
    }
}
