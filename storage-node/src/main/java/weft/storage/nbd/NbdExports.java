package weft.storage.nbd;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.volume.BlockVolume;

import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;

/// Which volumes an NBD server offers, by name; changed while it runs, from any thread.
public final class NbdExports {
    private static final Logger log = LoggerFactory.getLogger(NbdExports.class);

    /// Opens an export's volume.
    @FunctionalInterface
    public interface Opener {
        /// Called when a first connection wants the export, and again when one comes after the last
        /// has gone and the volume was closed. May block: it runs on a virtual thread.
        CompletionStage<BlockVolume> open();
    }

    private final ConcurrentMap<String, NbdExport> byName = new ConcurrentHashMap<>();

    /// Offers a volume.
    ///
    /// @throws IllegalStateException if the name is taken
    public void add(String name, Opener opener) {
        if (byName.putIfAbsent(name, new NbdExport(name, opener)) != null) {
            throw new IllegalStateException("export " + name + " exists already");
        }
    }

    /// Withdraws an export: requests in flight are answered, then its connections are closed, then
    /// the volume.
    ///
    /// @return whether there was one
    public boolean remove(String name) {
        NbdExport export = byName.remove(name);
        if (export == null) {
            return false;
        }
        export.retire(NbdExport.End.DRAINED);
        return true;
    }

    /// What is offered, sorted.
    public List<String> names() {
        return byName.keySet().stream().sorted().toList();
    }

    Optional<NbdExport> find(String name) {
        return Optional.ofNullable(byName.get(name));
    }

    /// Somebody else holds the volume now. The export is gone until it is added again: to open it
    /// anew would take the volume away from its new holder.
    void fenced(NbdExport export) {
        if (byName.remove(export.toString(), export)) {
            log.warn("export {} closed: its volume has a new holder (fenced)", export);
        }
        export.retire(NbdExport.End.ABRUPT);
    }
}
