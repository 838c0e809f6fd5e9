package weft.ops.cli.vm;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

import weft.fabric.Migration;
import weft.fabric.NodeId;
import weft.ops.admin.MigrationAdmin;
import weft.ops.admin.VmAdmin;
import weft.ops.cli.CliFailure;
import weft.ops.cli.FabricSession;
import weft.ops.cli.ProgressBar;

import java.io.IOException;
import java.time.Duration;
import java.util.Optional;

@Command(
        name = "migrate",
        description = "Move a running VM to another host, live.",
        mixinStandardHelpOptions = true,
        footer = {"", "Example:", "  weft vm migrate web1 --to host2"})
final class VmMigrate extends OneVmCommand {
    @Option(
            names = "--to",
            paramLabel = "HOST",
            description = "Where to (default: the live host with the fewest VMs).")
    private @Nullable String to;

    @Option(names = "--cancel", description = "Call a migration off that has not switched yet.")
    private boolean cancel;

    @Option(
            names = "--timeout",
            paramLabel = "SECONDS",
            defaultValue = "120",
            description = "Call it off if it is not done by then (default: ${DEFAULT-VALUE}).")
    private int timeoutSeconds;

    @Override
    protected void run(FabricSession session) throws IOException, InterruptedException {
        var admin = new MigrationAdmin(session.records());
        if (cancel) {
            admin.cancel(name());
            output().result(
                            VmRow.find(session.image(), name()),
                            "the migration of VM %s is called off; it stays where it is"
                                    .formatted(name()));
            return;
        }
        Migration requested =
                admin.request(session.image(), name(), Optional.ofNullable(to).map(NodeId::new));
        Migration ended = follow(session, admin, requested);
        if (ended.phase() != Migration.Phase.DONE) {
            throw CliFailure.failed(
                    "VM '%s' stays on %s: %s"
                            .formatted(
                                    name(),
                                    ended.from(),
                                    ended.detail().isEmpty()
                                            ? "the migration was called off"
                                            : ended.detail()));
        }
        output().result(
                        ended,
                        "VM %s runs on %s: %s. Next: weft vm show %s"
                                .formatted(
                                        name(),
                                        ended.to(),
                                        VmShow.sentence(ended).replaceFirst("^.*: ", ""),
                                        name()));
    }

    private Migration follow(FabricSession session, MigrationAdmin admin, Migration requested)
            throws IOException, InterruptedException {
        try (ProgressBar bar =
                output().progress(
                                "moving %s to %s".formatted(name(), requested.to()),
                                VmAdmin.find(session.image(), name()).memoryBytes())) {
            Optional<Migration> ended =
                    session.await(
                            Duration.ofSeconds(timeoutSeconds),
                            image ->
                                    Optional.ofNullable(image.migrations().get(name()))
                                            .filter(now -> now.id().equals(requested.id()))
                                            .filter(now -> {
                                                bar.update(
                                                        now.transferredBytes(),
                                                        now.transferredBytes()
                                                                + now.remainingBytes());
                                                return now.phase().isOver();
                                            }));
            if (ended.isPresent()) {
                return ended.get();
            }
        }
        admin.cancel(name());
        throw CliFailure.failed(
                "VM '%s' was not moved within %d s; it stays on %s"
                        .formatted(name(), timeoutSeconds, requested.from()));
    }
}
