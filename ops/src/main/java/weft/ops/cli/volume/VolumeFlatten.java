package weft.ops.cli.volume;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords.Found;
import weft.fabric.Volume;
import weft.ops.admin.VolumeAdmin;
import weft.ops.cli.CliFailure;
import weft.ops.cli.FabricSession;
import weft.ops.cli.ProgressBar;
import weft.ops.pool.Flattening;
import weft.ops.pool.PoolSession;

import java.io.IOException;

/// `weft volume flatten`.
@Command(
        name = "flatten",
        description =
                "Give a volume everything that it reads from layers that others have, too, and do"
                        + " without these.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "The volume is used meanwhile. It takes space of its own for what it inherited, and its"
                    + " chain of",
            "layers gets short. Control does the work: ending the command does not end it. If it"
                    + " does not get",
            "on, control's log says why: no space, or a holder that does not answer.",
            "",
            "Examples:",
            "  weft volume flatten rehearsal",
            "  weft volume flatten rehearsal --no-wait"
        })
final class VolumeFlatten extends OneVolumeCommand {
    private static final long LOOK_MILLIS = 500;

    @Option(names = "--no-wait", description = "Begin, and do not wait for the end.")
    private boolean noWait;

    @Override
    protected void run(FabricSession session) throws IOException, InterruptedException {
        Volume before = VolumeAdmin.find(session.image(), name());
        if (before.flattening() == null && !Flattening.isWanted(before, session.image())) {
            output().result(before, "volume %s reads nothing of others already".formatted(name()));
            return;
        }
        try (var pool = new PoolSession(session.records().store(), session::image)) {
            var flattening = new Flattening(pool, session.records(), session::image);
            Volume begun = flattening.begin(name());
            if (noWait) {
                output().result(
                                begun,
                                "volume %s is being flattened. Next: weft volume list"
                                        .formatted(name()));
                return;
            }
            Volume done = await(session, flattening, begun);
            output().result(done, "volume %s has everything itself".formatted(name()));
        }
    }

    private Volume await(FabricSession session, Flattening flattening, Volume begun)
            throws IOException, InterruptedException {
        long total = Flattening.totalBytes(begun);
        long done = 0;
        Volume now = begun;
        try (ProgressBar bar = output().progress("flattening " + name(), total)) {
            while (begun.flattening() != null && begun.flattening().equals(now.flattening())) {
                done = flattening.progress(now, done);
                bar.update(done, total);
                Thread.sleep(LOOK_MILLIS);
                now =
                        session.records()
                                .find(FabricPaths.volume(name()), Volume.class)
                                .map(Found::noun)
                                .filter(volume -> volume.id().equals(begun.id()))
                                .orElseThrow(() ->
                                        CliFailure.failed(
                                                ("volume %s is not there any more; if it was"
                                                                + " renamed, it is flattened all"
                                                                + " the same")
                                                        .formatted(name())));
            }
        }
        if (!now.layers().getLast().equals(begun.flattening())) {
            throw CliFailure.failed(
                    "volume %s was rolled back meanwhile, and was not flattened".formatted(name()));
        }
        return now;
    }
}
