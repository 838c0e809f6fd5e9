package weft.volume;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.coordination.FabricRecords.Found;
import weft.coordination.FabricStore;
import weft.coordination.FabricStore.Change;
import weft.fabric.Attachment;
import weft.fabric.Attachment.Sharer;
import weft.fabric.Export;
import weft.fabric.NodeId;
import weft.fabric.NodePresence;
import weft.fabric.Volume;
import weft.runtime.BootClock;
import weft.runtime.Pause;
import weft.volume.PoolClient.Claimed;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.IntSupplier;

/// Who holds which volume, in the coordination. Blocks.
///
/// Nodes that export one volume hold it together ([Attachment]). Whoever comes or goes raises the
/// token for all, and so does a cut, in the commit that makes the new layer: a sharer that is
/// refused looks whether it is still named, and goes on by the token and the layers of one and the
/// same moment. In that way the stamps of before a cut are fenced at each placement group, and no
/// sharer needs to be asked.
final class VolumeClaims {
    private static final int ATTEMPTS_MAX = 16;

    /// A cut is sealed by then, or it is made void. Sharers are held up for so long at most.
    private static final long SEALING_NANOS_MAX = 500_000_000L;

    private static final int LOOK_MILLIS = 5;

    /// When the coordination cannot be asked.
    private static final int AGAIN_MILLIS = 200;

    private final FabricRecords records;

    VolumeClaims(FabricStore store) {
        records = new FabricRecords(store);
    }

    /// Makes an attachment from the one that is there, and its commit's other conditions.
    private interface Next {
        Attachment after(Volume now, Optional<Attachment> earlier, List<Change> conditions)
                throws IOException;
    }

    /// Takes the volume for a holder alone.
    ///
    /// @param process that answers for it; empty for a command
    Claimed take(Volume volume, String holder, Optional<Attachment.Process> process)
            throws IOException {
        return commit(
                volume,
                (now, earlier, _) -> {
                    long token = tokenAfter(earlier);
                    return process.map(one -> new Attachment(now.id(), holder, token, one))
                            .orElseGet(() -> new Attachment(now.id(), holder, token));
                });
    }

    /// Takes the volume for a node that exports it, together with the others that do.
    Claimed takeExported(Volume volume, NodeId node) throws IOException {
        String path = FabricPaths.export(volume.name());
        return commit(
                volume,
                (now, earlier, conditions) -> {
                    Found<Export> export =
                            records.find(path, Export.class)
                                    .filter(found -> found.noun().nodes().contains(node))
                                    .orElseThrow(() -> notExported(volume, node));
                    conditions.add(new Change.Check(path, export.version()));
                    if (now.access() != Volume.Access.READ_WRITE) {
                        throw new IOException("volume '%s' is read-only".formatted(now.name()));
                    }
                    List<Sharer> sharers = exporters(earlier, export.noun().nodes(), node);
                    long token = tokenAfter(earlier);
                    sharers.add(new Sharer(processOf(node), token));
                    return Attachment.exported(now.id(), token, sharers);
                });
    }

    private static IOException notExported(Volume volume, NodeId node) {
        return new IOException(
                "volume '%s' is not exported by %s any more".formatted(volume.name(), node));
    }

    private static long tokenAfter(Optional<Attachment> earlier) {
        return earlier.map(Attachment::token).orElse(0L) + 1;
    }

    static Attachment.Process processOf(NodeId node) {
        return new Attachment.Process(NodePresence.Role.STORAGE, node);
    }

    private static List<Sharer> exporters(
            Optional<Attachment> held, List<NodeId> nodes, NodeId without) {
        List<Sharer> stay = new ArrayList<>();
        for (Sharer sharer : held.map(Attachment::sharers).orElse(List.of())) {
            NodeId node = sharer.process().node();
            boolean exports =
                    sharer.process().role() == NodePresence.Role.STORAGE && nodes.contains(node);
            if (exports && !node.equals(without)) {
                stay.add(sharer);
            }
        }
        return stay;
    }

    private Claimed commit(Volume volume, Next next) throws IOException {
        String path = FabricPaths.attachment(volume.id());
        for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
            Found<Volume> now =
                    record(volume)
                            .orElseThrow(() ->
                                    new IOException(
                                            "volume '%s' is gone".formatted(volume.name())));
            var found = records.find(path, Attachment.class);
            List<Change> changes = new ArrayList<>();
            // Who claims writes to the layers that the volume has, not to those of before a cut.
            changes.add(new Change.Check(FabricPaths.volume(volume.name()), now.version()));
            Attachment mine = next.after(now.noun(), found.map(Found::noun), changes);
            changes.add(
                    found.<Change>map(f -> FabricRecords.replacement(path, mine, f.version()))
                            .orElseGet(() -> FabricRecords.creation(path, mine)));
            if (records.store().commit(changes) instanceof FabricStore.Outcome.Committed) {
                return new Claimed(now.noun(), mine);
            }
        }
        throw new IOException(
                "volume '%s' is claimed by others all the time: try again"
                        .formatted(volume.name()));
    }

    private Optional<Found<Volume>> record(Volume volume) throws IOException {
        return records.find(FabricPaths.volume(volume.name()), Volume.class)
                .filter(found -> found.noun().id().equals(volume.id()));
    }

    /// By which a sharer goes on. One that was refused waits for a cut that is being made, and
    /// makes it void if it is not sealed in time. Asks for as long as the coordination does not
    /// answer.
    ///
    /// @param known the generation of the layer that the sharer writes
    /// @param isRefused whether it waits; else it does nothing about cuts
    /// @param isOver whether nobody waits for it any more
    Renewal.Look look(
            Volume volume,
            Sharer self,
            IntSupplier known,
            boolean isRefused,
            BooleanSupplier isOver) {
        long sinceNanos = BootClock.SYSTEM.nowNanos();
        int last = -1;
        while (!isOver.getAsBoolean()) {
            try {
                var attachment = attachmentWith(volume, self);
                var now = record(volume);
                if (attachment.isEmpty() || now.isEmpty()) {
                    return new Renewal.Look(false, Optional.empty());
                }
                Volume record = now.get().noun();
                if (record.chain().top().generation() != last) {
                    // Of another cut.
                    last = record.chain().top().generation();
                    sinceNanos = BootClock.SYSTEM.nowNanos();
                }
                boolean isCut = isUnsealed(record, known.getAsInt());
                if (isCut && !isRefused) {
                    return new Renewal.Look(true, Optional.empty());
                }
                boolean isLate = BootClock.SYSTEM.nowNanos() - sinceNanos >= SEALING_NANOS_MAX;
                if (isCut && !isLate) {
                    Pause.millis(LOOK_MILLIS);
                } else if (isAsItWas(volume, attachment.get(), isCut)) {
                    long token = attachment.get().noun().token();
                    return new Renewal.Look(
                            true,
                            Optional.of(
                                    new Renewal.Renewed(
                                            token, record.chain(), record.sizeBytes())));
                }
            } catch (IOException e) {
                Pause.millis(AGAIN_MILLIS);
            }
        }
        return new Renewal.Look(true, Optional.empty());
    }

    private Optional<Found<Attachment>> attachmentWith(Volume volume, Sharer self)
            throws IOException {
        return records.find(FabricPaths.attachment(volume.id()), Attachment.class)
                .filter(found -> found.noun().sharers().contains(self));
    }

    private static boolean isUnsealed(Volume record, int known) {
        int top = record.chain().top().generation();
        return top > known && record.sealedBelow() < top;
    }

    /// Whether token and layers are of one moment: no cut was committed between the two looks.
    ///
    /// @param voids writes the attachment anew, which a cut that is not sealed does not survive
    private boolean isAsItWas(Volume volume, Found<Attachment> seen, boolean voids)
            throws IOException {
        String path = FabricPaths.attachment(volume.id());
        Change change =
                voids
                        ? FabricRecords.replacement(path, seen.noun(), seen.version())
                        : new Change.Check(path, seen.version());
        return records.store().commit(List.of(change)) instanceof FabricStore.Outcome.Committed;
    }
}
