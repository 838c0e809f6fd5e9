package weft.ops.cli.pool;

import org.jspecify.annotations.Nullable;

import weft.fabric.StoreId;
import weft.ops.cli.ByteSize;
import weft.ops.cli.CliFailure;
import weft.ops.cli.Output;
import weft.ops.cli.Output.Column;
import weft.ops.cli.TimeSpan;
import weft.volume.PoolScrub.StoreScrub;
import weft.wire.audit.AuditMessage.LightStatus;
import weft.wire.audit.AuditMessage.ScrubStatus;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// What scrubbing found; what `--json` prints. A list that is not about what was asked is empty.
///
/// @param losses the first of what was lost since the nodes started
/// @param differences the first of what differs
record ScrubReport(
        List<Row> stores, List<String> losses, List<LightRow> light, List<String> differences) {

    /// A store, of which the data were verified.
    ///
    /// @param due placement groups that are still to be verified
    /// @param skipped placement groups whose copy there was not in sync, or did not answer
    /// @param verifiedSince when the group was verified whose turn is longest ago; null if some
    ///   never was
    record Row(
            String node,
            String store,
            int due,
            long verifiedBytes,
            long repairedBlocks,
            long lostBlocks,
            long skipped,
            @Nullable String verifiedSince) {
        static Row of(StoreScrub store, ScrubStatus before) {
            ScrubStatus now = store.status();
            return new Row(
                    store.node().name(),
                    now.store().uuid().toString(),
                    now.dueGroups(),
                    since(now.verifiedBytes(), before.verifiedBytes()),
                    since(now.repairedBlocks(), before.repairedBlocks()),
                    since(now.lostBlocks(), before.lostBlocks()),
                    since(now.skippedGroups(), before.skippedGroups()),
                    time(now.verifiedMillis()));
        }
    }

    /// A store, which compared the copies of the groups that it is primary of.
    ///
    /// @param comparedChunks each counted once
    /// @param differingChunks as each group's last comparison found them
    /// @param skipped placement groups that could not be compared
    /// @param comparedSince as `verifiedSince`
    record LightRow(
            String node,
            String store,
            int due,
            long comparedChunks,
            long differingChunks,
            long skipped,
            @Nullable String comparedSince) {
        static LightRow of(StoreScrub store, LightStatus before) {
            LightStatus now = store.status().light();
            return new LightRow(
                    store.node().name(),
                    store.status().store().uuid().toString(),
                    now.dueGroups(),
                    since(now.comparedChunks(), before.comparedChunks()),
                    now.differingChunks(),
                    since(now.skippedGroups(), before.skippedGroups()),
                    time(now.comparedMillis()));
        }
    }

    /// A node that was started anew meanwhile counts from nothing.
    private static long since(long now, long before) {
        return now < before ? now : now - before;
    }

    private static @Nullable String time(long unixMillis) {
        return unixMillis == 0 ? null : Instant.ofEpochMilli(unixMillis).toString();
    }

    /// Both ways, since the nodes started.
    static ScrubReport all(List<StoreScrub> now) {
        ScrubReport deep = deep(now, List.of());
        ScrubReport light = light(now, List.of());
        return new ScrubReport(deep.stores(), deep.losses(), light.light(), light.differences());
    }

    /// @param before what to take off; a store that is not in it began from nothing
    static ScrubReport deep(List<StoreScrub> now, List<StoreScrub> before) {
        Map<StoreId, ScrubStatus> then = byStore(before);
        List<Row> rows = new ArrayList<>();
        List<String> losses = new ArrayList<>();
        for (StoreScrub store : now) {
            rows.add(Row.of(store, then.getOrDefault(store.status().store(), nothing(store))));
            losses.addAll(store.status().losses());
        }
        return new ScrubReport(rows, sorted(losses), List.of(), List.of());
    }

    /// @param before what to take off; a store that is not in it began from nothing
    static ScrubReport light(List<StoreScrub> now, List<StoreScrub> before) {
        Map<StoreId, ScrubStatus> then = byStore(before);
        List<LightRow> rows = new ArrayList<>();
        List<String> differences = new ArrayList<>();
        for (StoreScrub store : now) {
            ScrubStatus was = then.getOrDefault(store.status().store(), nothing(store));
            rows.add(LightRow.of(store, was.light()));
            differences.addAll(store.status().light().differences());
        }
        return new ScrubReport(List.of(), List.of(), rows, sorted(differences));
    }

    private static Map<StoreId, ScrubStatus> byStore(List<StoreScrub> stores) {
        Map<StoreId, ScrubStatus> found = new HashMap<>();
        stores.forEach(store -> found.put(store.status().store(), store.status()));
        return found;
    }

    private static ScrubStatus nothing(StoreScrub store) {
        return new ScrubStatus(
                store.status().store(), 0, 0, 0, 0, 0, 0, List.of(), 0, LightStatus.NOTHING);
    }

    private static List<String> sorted(List<String> lines) {
        return lines.stream().distinct().sorted().toList();
    }

    long verifiedBytes() {
        return stores.stream().mapToLong(Row::verifiedBytes).sum();
    }

    void print(Output output) {
        if (output.isJson()) {
            output.result(this, "");
            return;
        }
        if (!stores.isEmpty()) {
            printDeep(output);
        }
        if (!stores.isEmpty() && !light.isEmpty()) {
            output.say("");
        }
        if (!light.isEmpty()) {
            printLight(output);
        }
    }

    private void printDeep(Output output) {
        output.list(
                stores,
                List.of(
                        Column.of("NODE", Row::node),
                        Column.of("STORE", row -> row.store().substring(0, 8)),
                        Column.of("DUE", Row::due),
                        Column.of("VERIFIED", row -> ByteSize.humane(row.verifiedBytes())),
                        Column.of("REPAIRED", Row::repairedBlocks),
                        Column.of("LOST", Row::lostBlocks),
                        Column.of("SKIPPED", Row::skipped),
                        Column.of("ALL WITHIN", row -> age(row.verifiedSince()))));
    }

    private void printLight(Output output) {
        output.list(
                light,
                List.of(
                        Column.of("NODE", LightRow::node),
                        Column.of("STORE", row -> row.store().substring(0, 8)),
                        Column.of("DUE", LightRow::due),
                        Column.of("COMPARED", LightRow::comparedChunks),
                        Column.of("DIFFERING", LightRow::differingChunks),
                        Column.of("SKIPPED", LightRow::skipped),
                        Column.of("ALL WITHIN", row -> age(row.comparedSince()))));
        differences.forEach(output::say);
    }

    private static String age(@Nullable String since) {
        return since == null
                ? "-"
                : TimeSpan.humane(Duration.between(Instant.parse(since), Instant.now()));
    }

    /// Fails if something was found that needs a person.
    void refuseFindings() {
        long lost = stores.stream().mapToLong(Row::lostBlocks).sum();
        if (lost > 0) {
            throw CliFailure.failed(
                    "blocks of 4 KiB are damaged in all copies, and reading them fails until they are written anew: %s"
                            .formatted(String.join("; ", losses)));
        }
        long differing = light.stream().mapToLong(LightRow::differingChunks).sum();
        if (differing > 0) {
            throw CliFailure.failed(
                    "%d %s between copies, and nothing was changed. Next: weft pool scrub, then --light again; if it is still there: docs/operations/storage.md, Scrubbing"
                            .formatted(differing, differing == 1 ? "difference" : "differences"));
        }
    }
}
