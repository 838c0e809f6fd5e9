package weft.ops.cli.pool;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

import weft.fabric.NodeId;
import weft.ops.cli.ByteSize;
import weft.ops.cli.CliFailure;
import weft.ops.cli.FabricCommand;
import weft.ops.cli.FabricSession;
import weft.ops.cli.Output.Column;
import weft.ops.cli.ProgressBar;
import weft.ops.pool.PoolSession;
import weft.volume.PoolScrub;
import weft.wire.audit.AuditMessage.ScrubStatus;

import java.io.IOException;
import java.util.ArrayList;
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

    /// A node.
    ///
    /// @param due placement groups that are still to be verified
    /// @param skipped placement groups whose copy there was not in sync, or did not answer
    record Row(
            String node,
            int due,
            long verifiedBytes,
            long repairedBlocks,
            long lostBlocks,
            long skipped) {
        static Row of(NodeId node, ScrubStatus now, ScrubStatus before) {
            return new Row(
                    node.name(),
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
    record Report(List<Row> nodes, List<String> losses) {}

    @Override
    protected void run(FabricSession session) throws IOException {
        if (noWait && onlyStatus) {
            throw CliFailure.usage("--status waits for nothing: leave --no-wait away");
        }
        try (var pool = new PoolSession(session.records().store(), session::image)) {
            PoolScrub scrub = pool.client().scrub();
            if (onlyStatus) {
                print(report(answered(scrub.status()), Map.of()));
                return;
            }
            Map<NodeId, ScrubStatus> before = answered(scrub.begin());
            Map<NodeId, ScrubStatus> now = noWait ? before : await(scrub, before);
            Report report = report(now, before);
            print(report);
            refuseLosses(report);
        }
    }

    private static Map<NodeId, ScrubStatus> answered(PoolScrub.Result result) {
        if (!result.silent().isEmpty()) {
            throw CliFailure.failed(
                    "no answer from %s: its copies are not looked at (weft pool status)"
                            .formatted(
                                    result.silent().stream()
                                            .map(NodeId::name)
                                            .collect(Collectors.joining(", "))));
        }
        return result.byNode();
    }

    private Map<NodeId, ScrubStatus> await(PoolScrub scrub, Map<NodeId, ScrubStatus> before)
            throws IOException {
        long all = before.values().stream().mapToLong(ScrubStatus::chunkBytes).sum();
        try (ProgressBar bar = output().progress("scrubbing", all)) {
            while (true) {
                Map<NodeId, ScrubStatus> now = answered(scrub.status());
                long done =
                        report(now, before).nodes().stream().mapToLong(Row::verifiedBytes).sum();
                bar.update(Math.min(done, all), all);
                if (now.values().stream().allMatch(status -> status.dueGroups() == 0)) {
                    return now;
                }
                Thread.sleep(LOOK_MILLIS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted; the nodes go on", e);
        }
    }

    /// @param before what to take off; a node that is not in it began from nothing
    private static Report report(Map<NodeId, ScrubStatus> now, Map<NodeId, ScrubStatus> before) {
        List<Row> rows = new ArrayList<>();
        List<String> losses = new ArrayList<>();
        now.forEach((node, status) -> {
            var nothing = new ScrubStatus(status.store(), 0, 0, 0, 0, 0, 0, List.of());
            rows.add(Row.of(node, status, before.getOrDefault(node, nothing)));
            losses.addAll(status.losses());
        });
        return new Report(rows, losses.stream().distinct().sorted().toList());
    }

    private void print(Report report) {
        if (output().isJson()) {
            output().result(report, "");
            return;
        }
        output().list(
                        report.nodes(),
                        List.of(
                                Column.of("NODE", Row::node),
                                Column.of("DUE", Row::due),
                                Column.of("VERIFIED", row -> ByteSize.humane(row.verifiedBytes())),
                                Column.of("REPAIRED", Row::repairedBlocks),
                                Column.of("LOST", Row::lostBlocks),
                                Column.of("SKIPPED", Row::skipped)));
    }

    private static void refuseLosses(Report report) {
        long lost = report.nodes().stream().mapToLong(Row::lostBlocks).sum();
        if (lost > 0) {
            throw CliFailure.failed(
                    "blocks of 4 KiB are damaged in all copies, and reading them fails until they are written anew: %s"
                            .formatted(String.join("; ", report.losses())));
        }
    }
}
