package weft.storage.server;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.coordination.FabricStore;
import weft.coordination.FabricStore.Outcome;
import weft.fabric.Configuration;
import weft.fabric.FabricJson;
import weft.fabric.PlacementGroupId;
import weft.runtime.VirtualThreads;
import weft.storage.replica.Proposal;

import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/// The configurations of placement groups as records of the coordination. Results come on virtual
/// threads.
public final class ConfigurationRecords {
    private static final Logger log = LoggerFactory.getLogger(ConfigurationRecords.class);

    /// Control may write `wanted` between a read and a write; it does so rarely.
    private static final int ATTEMPTS_MAX = 8;

    private final FabricRecords records;
    private final VirtualThreads blocking = new VirtualThreads("configurations");

    public ConfigurationRecords(FabricStore store) {
        records = new FabricRecords(store);
    }

    /// Calls the listener with every group's configuration and with each new one.
    AutoCloseable watch(Consumer<Configuration> listener) throws IOException {
        return records.store()
                .watch(
                        FabricPaths.PLACEMENT_GROUPS,
                        entries -> entries.forEach(entry -> tell(entry, listener)));
    }

    private static void tell(FabricStore.Entry entry, Consumer<Configuration> listener) {
        byte[] json = entry.data();
        if (json == null || json.length == 0) {
            return;
        }
        try {
            listener.accept(FabricJson.read(json, Configuration.class));
        } catch (IOException e) {
            log.error("{} is no configuration: left out", entry.path(), e);
        }
    }

    /// Reads after a `sync()` that begins now; empty if there is no record or no answer.
    void read(PlacementGroupId pg, Consumer<Optional<Configuration>> result) {
        blocking.execute(() -> {
            Optional<Configuration> read;
            try {
                read = find(pg).map(FabricRecords.Found::noun);
            } catch (IOException e) {
                log.warn("{}: configuration not read: {}", pg, e.getMessage());
                read = Optional.empty();
            }
            result.accept(read);
        });
    }

    private Optional<FabricRecords.Found<Configuration>> find(PlacementGroupId pg)
            throws IOException {
        return records.find(pathOf(pg), Configuration.class);
    }

    private static String pathOf(PlacementGroupId pg) {
        return FabricPaths.PLACEMENT_GROUPS + "/" + pg.value();
    }

    /// Compare-and-set from one version to the next; what control wants is kept as the record has
    /// it.
    void propose(Configuration expected, Configuration next, Consumer<Proposal> result) {
        blocking.execute(() -> {
            Proposal outcome;
            try {
                outcome = propose(expected, next);
            } catch (IOException e) {
                log.warn("{}: outcome of a proposal unknown: {}", next, e.getMessage());
                outcome = new Proposal.Unknown();
            }
            result.accept(outcome);
        });
    }

    private Proposal propose(Configuration expected, Configuration next) throws IOException {
        for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
            var found = find(expected.pg());
            if (found.isEmpty()) {
                return new Proposal.Unknown();
            }
            Configuration now = found.get().noun();
            if (now.version() != expected.version()) {
                return new Proposal.Lost(now);
            }
            var written =
                    new Configuration(
                            next.pg(),
                            next.version(),
                            next.primary(),
                            next.members(),
                            now.wanted(),
                            now.minReplicas());
            var change =
                    FabricRecords.replacement(pathOf(next.pg()), written, found.get().version());
            if (records.store().commit(List.of(change)) instanceof Outcome.Committed) {
                return new Proposal.Won(written);
            }
        }
        return new Proposal.Unknown();
    }
}
