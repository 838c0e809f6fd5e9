package weft.ops.cli.pool;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

import weft.fabric.NodeId;
import weft.fabric.StoreId;
import weft.ops.cli.ByteSize;
import weft.ops.cli.CliFailure;
import weft.ops.cli.FabricCommand;
import weft.ops.cli.FabricSession;
import weft.ops.cli.Output.Column;
import weft.ops.cli.ProgressBar;
import weft.ops.pool.PoolSession;
import weft.volume.PoolScrub;
import weft.volume.PoolScrub.StoreScrub;
import weft.wire.audit.AuditMessage.ScrubStatus;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToLongFunction;
import java.util.stream.Collectors;

/// `weft pool scrub`.
@Command(
        name = "scrub",
        description =
                "Compare all copies with their checksums, on the disks; repair what is damaged.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "Each node does so by itself once a week. A damaged block is replaced from another",
            "copy; one that is damaged in all copies is lost, and the command fails. Ending the",
            "command does not end the work.",
            "",
            "Examples:",
            "  weft pool scrub",
            "  weft pool scrub --status"
        })
final class PoolScrubCommand extends FabricCommand {
    private static final long LOOK_MILLIS = 300;

    @Option(names = "--no-wait", description = "Begin, and do not wait for the end.")
    private boolean noWait;

    @Option(
            names = "--status",
            description = "Begin nothing: show what was done since the nodes started.")
    private boolean onlyStatus;

    /// A store.
    ///
    /// @param due placement groups that are still to be verified
    /// @param skipped placement groups whose copy there was not in sync, or did not answer
    record Row(
            String node,
            String store,
            int due,
            long verifiedBytes,
            long repairedBlocks,
            long lostBlocks,
            long skipped) {
        static Row of(StoreScrub store, ScrubStatus before) {
            ScrubStatus now = store.status();
            return new Row(
                    store.node().name(),
                    now.store().uuid().toString(),
                    now.dueGroups(),
                    since(now, before, ScrubStatus::verifiedBytes),
                    since(now, before, ScrubStatus::repairedBlocks),
                    since(now, before, ScrubStatus::lostBlocks),
                    since(now, before, ScrubStatus::skippedGroups));
        }

        /// A node that was started anew meanwhile counts from nothing.
        private static long since(
                ScrubStatus now, ScrubStatus before, ToLongFunction<ScrubStatus> field) {
            long then = field.applyAsLong(before);
            long value = field.applyAsLong(now);
            return value < then ? value : value - then;
        }
    }

    /// What `--json` prints.
    ///
    /// @param losses the first of what was lost since the nodes started
    record Report(List<Row> stores, List<String> losses) {}

    @Override
    protected void run(FabricSession session) throws IOException {
        if (noWait && onlyStatus) {
            throw CliFailure.usage("--status waits for nothing: leave --no-wait away");
        }
        try (var pool = new PoolSession(session.records().store(), session::image)) {
            PoolScrub scrub = pool.client().scrub();
            if (onlyStatus) {
                print(report(answered(scrub.status()), List.of()));
                return;
            }
            List<StoreScrub> before = answered(scrub.begin());
            List<StoreScrub> now = noWait ? before : await(scrub, before);
            Report report = report(now, before);
            print(report);
            refuseLosses(report);
        }
    }

    private static List<StoreScrub> answered(PoolScrub.Result result) {
        if (!result.silent().isEmpty()) {
            throw CliFailure.failed(
                    "no answer from %s: its copies are not looked at (weft pool status)"
                            .formatted(
                                    result.silent().stream()
                                            .map(NodeId::name)
                                            .collect(Collectors.joining(", "))));
        }
        return result.stores();
    }

    private List<StoreScrub> await(PoolScrub scrub, List<StoreScrub> before) throws IOException {
        long all = before.stream().mapToLong(store -> store.status().chunkBytes()).sum();
        try (ProgressBar bar = output().progress("scrubbing", all)) {
            while (true) {
                List<StoreScrub> now = answered(scrub.status());
                long done =
                        report(now, before).stores().stream().mapToLong(Row::verifiedBytes).sum();
                bar.update(Math.min(done, all), all);
                if (now.stream().allMatch(store -> store.status().dueGroups() == 0)) {
                    return now;
                }
                Thread.sleep(LOOK_MILLIS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted; the nodes go on", e);
        }
    }

    /// @param before what to take off; a store that is not in it began from nothing
    private static Report report(List<StoreScrub> now, List<StoreScrub> before) {
        Map<StoreId, ScrubStatus> then = new HashMap<>();
        before.forEach(store -> then.put(store.status().store(), store.status()));
        List<Row> rows = new ArrayList<>();
        List<String> losses = new ArrayList<>();
        for (StoreScrub store : now) {
            StoreId id = store.status().store();
            var nothing = new ScrubStatus(id, 0, 0, 0, 0, 0, 0, List.of());
            rows.add(Row.of(store, then.getOrDefault(id, nothing)));
            losses.addAll(store.status().losses());
        }
        return new Report(rows, losses.stream().distinct().sorted().toList());
    }

    private void print(Report report) {
        if (output().isJson()) {
            output().result(report, "");
            return;
        }
        output().list(
                        report.stores(),
                        List.of(
                                Column.of("NODE", Row::node),
                                Column.of("STORE", row -> row.store().substring(0, 8)),
                                Column.of("DUE", Row::due),
                                Column.of("VERIFIED", row -> ByteSize.humane(row.verifiedBytes())),
                                Column.of("REPAIRED", Row::repairedBlocks),
                                Column.of("LOST", Row::lostBlocks),
                                Column.of("SKIPPED", Row::skipped)));
    }

    private static void refuseLosses(Report report) {
        long lost = report.stores().stream().mapToLong(Row::lostBlocks).sum();
        if (lost > 0) {
            throw CliFailure.failed(
                    "blocks of 4 KiB are damaged in all copies, and reading them fails until they are written anew: %s"
                            .formatted(String.join("; ", report.losses())));
        }
    }
}
