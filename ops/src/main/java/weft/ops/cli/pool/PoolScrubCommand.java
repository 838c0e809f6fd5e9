package weft.ops.cli.pool;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

import weft.fabric.NodeId;
import weft.ops.cli.CliFailure;
import weft.ops.cli.FabricCommand;
import weft.ops.cli.FabricSession;
import weft.ops.cli.ProgressBar;
import weft.ops.pool.PoolSession;
import weft.volume.PoolScrub;
import weft.volume.PoolScrub.StoreScrub;
import weft.wire.audit.AuditMessage.ScrubStatus;

import java.io.IOException;
import java.util.List;
import java.util.function.ToIntFunction;
import java.util.function.ToLongFunction;
import java.util.stream.Collectors;

/// `weft pool scrub`.
@Command(
        name = "scrub",
        description =
                "Compare all copies with their checksums, on the disks, and repair what is damaged;"
                        + " or, lightly, with each other.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "Each node does so by itself, with checksums once a week, lightly once a day",
            "(weft pool get). A damaged block is replaced from another copy; one that is",
            "damaged in all copies is lost, and the command fails. --light reads no data: it",
            "compares what the copies' maps say. A chunk that differs is named, nothing is",
            "repaired, and the command fails. Ending the command does not end the work.",
            "",
            "Examples:",
            "  weft pool scrub",
            "  weft pool scrub --light",
            "  weft pool scrub --status"
        })
final class PoolScrubCommand extends FabricCommand {
    private static final long LOOK_MILLIS = 300;

    @Option(
            names = "--light",
            description =
                    "Compare the copies with each other, by their maps, without reading data.")
    private boolean light;

    @Option(names = "--no-wait", description = "Begin, and do not wait for the end.")
    private boolean noWait;

    @Option(
            names = "--status",
            description = "Begin nothing: show what was done since the nodes started.")
    private boolean onlyStatus;

    @Override
    protected void checkOptions() {
        if (noWait && onlyStatus) {
            throw CliFailure.usage("--status waits for nothing: leave --no-wait away");
        }
        if (light && onlyStatus) {
            throw CliFailure.usage("--status shows both ways of scrubbing: leave --light away");
        }
    }

    @Override
    protected void run(FabricSession session) throws IOException {
        try (var pool = new PoolSession(session.records().store(), session::image)) {
            PoolScrub scrub = pool.client().scrub();
            if (onlyStatus) {
                ScrubReport report = ScrubReport.all(answered(scrub.status()));
                report.print(output());
                return;
            }
            List<StoreScrub> before = answered(light ? scrub.beginLight() : scrub.begin());
            List<StoreScrub> now = noWait ? before : await(scrub, before);
            ScrubReport report =
                    light ? ScrubReport.light(now, before) : ScrubReport.deep(now, before);
            report.print(output());
            report.refuseFindings();
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
        return light
                ? await(
                        scrub,
                        output().counting("comparing", "placement groups", dueGroups(before)),
                        dueGroups(before),
                        now -> dueGroups(before) - dueGroups(now),
                        store -> store.light().dueGroups())
                : await(
                        scrub,
                        output().progress("scrubbing", chunkBytes(before)),
                        chunkBytes(before),
                        now -> ScrubReport.deep(now, before).verifiedBytes(),
                        ScrubStatus::dueGroups);
    }

    private static long chunkBytes(List<StoreScrub> stores) {
        return stores.stream().mapToLong(store -> store.status().chunkBytes()).sum();
    }

    private static long dueGroups(List<StoreScrub> stores) {
        return stores.stream().mapToLong(store -> store.status().light().dueGroups()).sum();
    }

    /// @param due groups that a store has still to look at
    private static List<StoreScrub> await(
            PoolScrub scrub,
            ProgressBar bar,
            long all,
            ToLongFunction<List<StoreScrub>> done,
            ToIntFunction<ScrubStatus> due)
            throws IOException {
        try (bar) {
            while (true) {
                List<StoreScrub> now = answered(scrub.status());
                bar.update(Math.clamp(done.applyAsLong(now), 0, all), all);
                if (now.stream().allMatch(store -> due.applyAsInt(store.status()) == 0)) {
                    return now;
                }
                Thread.sleep(LOOK_MILLIS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted; the nodes go on", e);
        }
    }
}
