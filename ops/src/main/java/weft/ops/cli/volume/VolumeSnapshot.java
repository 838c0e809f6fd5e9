package weft.ops.cli.volume;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

import weft.fabric.Volume;
import weft.ops.cli.CliFailure;
import weft.ops.cli.FabricCommand;
import weft.ops.cli.FabricSession;
import weft.ops.pool.ConsistentCut;
import weft.ops.pool.PoolSession;
import weft.wire.holder.HolderMessage;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/// `weft volume snapshot`.
@Command(
        name = "snapshot",
        description = {
            "Keep what volumes hold now, under a name; they go on being written.",
            "Several volumes are kept as of one instant."
        },
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "A snapshot can be exported, cloned, rolled back to and deleted.",
            "",
            "Example:",
            "  weft volume snapshot data@before-upgrade log@before-upgrade"
        })
final class VolumeSnapshot extends FabricCommand {
    @Parameters(
            paramLabel = "VOLUME@NAME",
            arity = "1..*",
            description = "The volume, and what the snapshot is to be called.")
    private List<String> names = List.of();

    @Option(
            names = "--force",
            description = "Take a volume away from a holder that does not answer: its VM stops.")
    private boolean force;

    private final List<ConsistentCut.Snapshot> wanted = new ArrayList<>();

    @Override
    protected void checkOptions() {
        Set<String> volumes = new HashSet<>();
        for (String name : names) {
            int at = name.indexOf('@');
            if (at < 0) {
                throw CliFailure.usage(
                        "'%s' is not VOLUME@NAME, as in data@before-upgrade".formatted(name));
            }
            try {
                var _ = Volume.checkName(name);
            } catch (IllegalArgumentException e) {
                throw CliFailure.usage(String.valueOf(e.getMessage()));
            }
            if (!volumes.add(name.substring(0, at))) {
                throw CliFailure.usage(
                        "volume '%s' is named twice: one snapshot of it is enough"
                                .formatted(name.substring(0, at)));
            }
            wanted.add(new ConsistentCut.Snapshot(name.substring(0, at), name.substring(at + 1)));
        }
        if (wanted.size() > HolderMessage.VOLUMES_MAX) {
            throw CliFailure.usage(
                    "%d volumes: at most %d at once"
                            .formatted(wanted.size(), HolderMessage.VOLUMES_MAX));
        }
    }

    @Override
    protected void run(FabricSession session) throws IOException, InterruptedException {
        List<Volume> made;
        try (var pool = new PoolSession(session.records().store(), session::image)) {
            made = new ConsistentCut(pool, session.records(), session::image).take(wanted, force);
        }
        String first = made.getFirst().name();
        output().result(
                        made,
                        "%s made%s. Next: weft volume clone %s NEW"
                                .formatted(
                                        made.stream()
                                                .map(Volume::name)
                                                .collect(Collectors.joining(", ")),
                                        made.size() > 1 ? ", of one instant" : "",
                                        first));
    }
}
