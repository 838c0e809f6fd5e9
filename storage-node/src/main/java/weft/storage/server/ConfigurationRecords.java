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

    /// A configuration, and which of several records of its version is the newer: control changes
    /// `wanted` without a new version.
    record Recorded(Configuration configuration, int recordVersion) {}

    /// How a proposal ended.
    ///
    /// @param recordVersion of the configuration that it tells of, if it tells of one
    record Ended(Proposal proposal, int recordVersion) {}

    private static final Ended UNKNOWN = new Ended(new Proposal.Unknown(), 0);

    private final FabricRecords records;
    private final VirtualThreads blocking = new VirtualThreads("configurations");

    public ConfigurationRecords(FabricStore store) {
        records = new FabricRecords(store);
    }

    /// Calls the listener with every group's configuration and with each new one.
    AutoCloseable watch(Consumer<Recorded> listener) throws IOException {
        return records.store()
                .watch(
                        FabricPaths.PLACEMENT_GROUPS,
                        entries -> entries.forEach(entry -> tell(entry, listener)));
    }

    private static void tell(FabricStore.Entry entry, Consumer<Recorded> listener) {
        byte[] json = entry.data();
        if (json == null || json.length == 0) {
            return;
        }
        try {
            listener.accept(
                    new Recorded(FabricJson.read(json, Configuration.class), entry.version()));
        } catch (IOException e) {
            log.error("{} is no configuration: left out", entry.path(), e);
        }
    }

    /// Reads after a `sync()` that begins now; empty if there is no record or no answer.
    void read(PlacementGroupId pg, Consumer<Optional<Recorded>> result) {
        blocking.execute(() -> {
            Optional<Recorded> read;
            try {
                read = find(pg).map(found -> new Recorded(found.noun(), found.version()));
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
        return FabricPaths.placementGroup(pg);
    }

    /// Compare-and-set from one version to the next; what control wants is kept as the record has
    /// it.
    void propose(Configuration expected, Configuration next, Consumer<Ended> result) {
        blocking.execute(() -> {
            Ended outcome;
            try {
                outcome = propose(expected, next);
            } catch (IOException e) {
                log.warn("{}: outcome of a proposal unknown: {}", next, e.getMessage());
                outcome = UNKNOWN;
            }
            result.accept(outcome);
        });
    }

    private Ended propose(Configuration expected, Configuration next) throws IOException {
        for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
            var found = find(expected.pg());
            if (found.isEmpty()) {
                return UNKNOWN;
            }
            Configuration now = found.get().noun();
            if (now.version() != expected.version()) {
                return new Ended(new Proposal.Lost(now), found.get().version());
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
                // Each write of a record adds one to its version.
                return new Ended(new Proposal.Won(written), found.get().version() + 1);
            }
        }
        return UNKNOWN;
    }
}
