package weft.ops.pool;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.coordination.FabricRecords.Found;
import weft.coordination.FabricStore.Change;
import weft.coordination.FabricStore.Outcome;
import weft.fabric.Attachment;
import weft.fabric.FabricImage;
import weft.fabric.Volume;
import weft.fabric.VolumeId;
import weft.ops.admin.Refusal;
import weft.ops.admin.VolumeAdmin;
import weft.runtime.BootClock;
import weft.runtime.FreshIds;
import weft.runtime.Pause;
import weft.wire.holder.HolderMessage;
import weft.wire.holder.HolderMessage.NewLayers;
import weft.wire.holder.HolderMessage.Settled;
import weft.wire.holder.HolderMessage.Standing;
import weft.wire.holder.HolderMessage.Switched;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;

/// Snapshots of any number of volumes at one instant, while they are written.
///
/// ```text
///   1 commit   each volume gets a new top layer; each snapshot is a record of the layers before,
///              SEALING; the attachments are expected as they were read
///   2 switch   each holder stamps the new layers from now on: the instant of its volumes. With
///              several processes each withholds what it would answer of changes with the new stamp
///   3 settle   when all have switched they go on; what they accepted with the old stamp ends
///   4 seal     the snapshots are READ_ONLY: nothing can reach their layers any more
/// ```
///
/// Who claims a volume after step 1 knows its new layers (a claim expects the record as it was
/// read), so only the holders of that moment matter. One that does not know the volume any more and
/// does not use it is fenced. A cut that does not come to its end leaves nothing but an empty layer
/// more in its volumes: its snapshots are taken back here, or by control if this process dies.
///
/// Causal closure: no change within the cut was accepted after a change outside it was answered.
/// With one process that is so by itself: it withholds while it switches its volumes one by one.
public final class ConsistentCut {
    private static final Logger log = LoggerFactory.getLogger(ConsistentCut.class);

    /// Cuts that are void because a process was slow are tried again.
    private static final int ATTEMPTS_MAX = 8;

    /// A volume that is about to be opened, or whose process starts again, is asked for again.
    private static final Duration HOLDER_PATIENCE = Duration.ofSeconds(5);

    /// Somebody may have begun to use a volume that the picture still shows as unused.
    private static final Duration IMAGE_LAG_MAX = Duration.ofSeconds(1);

    private static final String HOLDER = "weft volume snapshot";
    private static final int ASK_AGAIN_MILLIS = 50;
    private static final int SWITCH_SECONDS_MAX = 3;

    /// Longer than a reconfiguration takes, during which changes under way wait.
    private static final int SETTLE_SECONDS_MAX = 15;

    private final PoolSession pool;
    private final FabricRecords records;
    private final Supplier<FabricImage> image;

    /// Volumes that were taken away from their holders here: the token that all groups know.
    private final Map<VolumeId, Long> fenced = new HashMap<>();

    /// @param image the newest picture of the fabric
    public ConsistentCut(PoolSession pool, FabricRecords records, Supplier<FabricImage> image) {
        this.pool = pool;
        this.records = records;
        this.image = image;
    }

    /// What is wanted of a volume.
    ///
    /// @param snapshot its snapshot's name; empty if its layers shall only be sealed
    public record Wanted(String volume, Optional<String> snapshot) {
        /// A snapshot.
        public Wanted(String volume, String snapshot) {
            this(volume, Optional.of(snapshot));
        }
    }

    /// A volume of the cut, as it is from step 1 on.
    ///
    /// @param version of its record
    /// @param attachment its holder's then
    private record Part(
            Volume volume, int version, Optional<Volume> snapshot, Found<Attachment> attachment) {
        NewLayers newLayers() {
            return new NewLayers(volume.id(), attachment.noun().token(), volume.layers());
        }
    }

    /// The cut does not hold; it can be tried again.
    private static final class VoidCut extends Exception {
        private static final long serialVersionUID = 1L;

        VoidCut(String why) {
            super(why);
        }
    }

    /// Makes the snapshots, all or none. Blocks.
    ///
    /// @param force fences a holder that does not answer although the volume is in use
    /// @return the snapshots, in order
    /// @throws Refusal naming what stands in the way
    public List<Volume> take(List<Wanted> wanted, boolean force)
            throws IOException, InterruptedException {
        String why = "";
        for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
            List<Part> parts = begin(wanted);
            try {
                return complete(parts, force);
            } catch (VoidCut e) {
                log.info("a cut is tried again: {}", e.getMessage());
                why = String.valueOf(e.getMessage());
                takeBack(parts);
            } catch (IOException | InterruptedException | RuntimeException e) {
                takeBack(parts);
                throw e;
            }
        }
        throw Refusal.state("no snapshot was made: %s; try again", why);
    }

    private List<Part> begin(List<Wanted> wanted) throws IOException {
        for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
            List<Found<Volume>> volumes = new ArrayList<>();
            for (Wanted one : wanted) {
                volumes.add(cuttable(one, attempt == 0));
            }
            List<Change> conditions = new ArrayList<>();
            List<Found<Attachment>> attachments = new ArrayList<>();
            for (Found<Volume> volume : volumes) {
                attachments.add(attachment(volume.noun(), conditions, attempt == 0));
            }
            List<Part> parts = new ArrayList<>();
            Outcome outcome =
                    records.commitLayers(
                            wanted.size(),
                            firstId -> {
                                parts.clear();
                                List<Change> changes = new ArrayList<>(conditions);
                                for (int i = 0; i < wanted.size(); i++) {
                                    Found<Volume> before = volumes.get(i);
                                    Part part =
                                            part(
                                                    wanted.get(i),
                                                    before,
                                                    new VolumeId(firstId.value() + i),
                                                    attachments.get(i));
                                    parts.add(part);
                                    String path = FabricPaths.volume(part.volume().name());
                                    changes.add(
                                            FabricRecords.replacement(
                                                    path, part.volume(), before.version()));
                                    part.snapshot()
                                            .ifPresent(made ->
                                                    changes.add(
                                                            FabricRecords.creation(
                                                                    FabricPaths.volume(made.name()),
                                                                    made)));
                                }
                                return changes;
                            });
            switch (outcome) {
                case Outcome.Committed _ -> {
                    return parts;
                }
                case Outcome.Conflict(var path) -> checkNoneExists(wanted, path);
            }
        }
        throw Refusal.state("the volumes are changed by others all the time: try again");
    }

    private static void checkNoneExists(List<Wanted> wanted, String path) {
        for (Wanted one : wanted) {
            String name = one.snapshot().map(s -> Volume.snapshotName(one.volume(), s)).orElse("");
            if (path.equals(FabricPaths.volume(name))) {
                throw Refusal.state("snapshot '%s' exists already: choose another name", name);
            }
        }
    }

    /// What is seen at a glance is seen again after a conflict.
    private <T> Optional<Found<T>> see(String path, Class<T> type, boolean atAGlance)
            throws IOException {
        return atAGlance ? records.glance(path, type) : records.find(path, type);
    }

    private Found<Volume> cuttable(Wanted wanted, boolean atAGlance) throws IOException {
        Found<Volume> found =
                see(FabricPaths.volume(wanted.volume()), Volume.class, atAGlance)
                        .orElseThrow(() -> VolumeAdmin.unknown(image.get(), wanted.volume()));
        Volume volume = found.noun();
        if (volume.access() != Volume.Access.READ_WRITE) {
            throw Refusal.state(
                    "volume '%s' is read-only: it is as good as a snapshot", volume.name());
        }
        if (volume.layers().size() == Volume.LAYERS_MAX) {
            long snapshots =
                    image.get().volumes().values().stream()
                            .filter(other -> other.isSnapshotOf(volume.name()))
                            .count();
            throw Refusal.state(
                    "volume '%s' already has %d layers, the most there can be, and %d snapshots:"
                            + " clone the newest one and go on with that",
                    volume.name(), Volume.LAYERS_MAX, snapshots);
        }
        return found;
    }

    /// Who holds the volume, and that it is expected to stay so until the commit. A volume that
    /// nobody ever held gets a record: a holder that comes first would be noticed by nothing else.
    private Found<Attachment> attachment(Volume volume, List<Change> conditions, boolean atAGlance)
            throws IOException {
        String path = FabricPaths.attachment(volume.id());
        var found = see(path, Attachment.class, atAGlance);
        if (found.isPresent()) {
            conditions.add(new Change.Check(path, found.get().version()));
            return found.get();
        }
        var nobody = new Attachment(volume.id(), "nobody yet", 0);
        conditions.add(FabricRecords.creation(path, nobody));
        return new Found<>(nobody, 0);
    }

    private static Part part(
            Wanted wanted, Found<Volume> found, VolumeId id, Found<Attachment> attachment) {
        Volume before = found.noun();
        List<VolumeId> layers = new ArrayList<>();
        layers.add(before.layers().getFirst().nextGeneration());
        layers.addAll(before.layers());
        Optional<Volume> snapshot =
                wanted.snapshot()
                        .map(name ->
                                new Volume(
                                        id,
                                        Volume.snapshotName(wanted.volume(), name),
                                        before.sizeBytes(),
                                        Volume.Access.SEALING,
                                        before.layers(),
                                        before.placementRoot()));
        return new Part(before.withLayers(layers), found.version() + 1, snapshot, attachment);
    }

    private List<Volume> complete(List<Part> parts, boolean force)
            throws IOException, InterruptedException, VoidCut {
        Map<Attachment.Process, List<Part>> byProcess = new LinkedHashMap<>();
        List<Part> unheld = new ArrayList<>();
        for (Part part : parts) {
            Attachment attachment = part.attachment().noun();
            if (attachment.process() != null) {
                byProcess.computeIfAbsent(attachment.process(), _ -> new ArrayList<>()).add(part);
            } else if (attachment.token() > 0) {
                unheld.add(part);
            }
        }
        long cut = FreshIds.positive();
        boolean hold = byProcess.size() > 1;
        Map<Attachment.Process, List<Part>> switched = new LinkedHashMap<>();
        long startNanos = BootClock.SYSTEM.nowNanos();
        List<Part> unknown = switchAll(cut, hold, byProcess, switched);
        while (!unknown.isEmpty()) {
            long waitedNanos = BootClock.SYSTEM.nowNanos() - startNanos;
            Optional<Part> inUse = unknown.stream().filter(this::isInUse).findFirst();
            if (inUse.isPresent() && waitedNanos >= HOLDER_PATIENCE.toNanos() && !force) {
                throw Refusal.state(
                        "'%s' is in use, and its holder (%s) does not answer: try again, or take"
                                + " the volume away from it with --force",
                        inUse.get().volume().name(), inUse.get().attachment().noun().holder());
            }
            Duration patience = inUse.isPresent() ? HOLDER_PATIENCE : IMAGE_LAG_MAX;
            if (waitedNanos >= patience.toNanos()) {
                break;
            }
            Pause.millis(ASK_AGAIN_MILLIS);
            unknown = switchAll(cut, hold, byProcess, switched);
        }
        unheld.addAll(unknown);
        boolean waited = false;
        for (Part part : unheld) {
            waited |= fence(part, force);
        }
        if (hold && waited) {
            throw new VoidCut("a volume was taken away from its last holder");
        }
        settle(cut, hold, switched);
        return seal(parts, hold);
    }

    /// Asks the processes to switch what they have not switched yet.
    ///
    /// @param byProcess what is left to ask; emptied of what needs no more questions
    /// @return what the processes do not know
    private List<Part> switchAll(
            long cut,
            boolean hold,
            Map<Attachment.Process, List<Part>> byProcess,
            Map<Attachment.Process, List<Part>> switched)
            throws InterruptedException {
        Map<Attachment.Process, CompletableFuture<?>> answers = new LinkedHashMap<>();
        byProcess.forEach((process, parts) -> {
            List<NewLayers> layers = parts.stream().map(Part::newLayers).toList();
            answers.put(process, pool.ask(process, new HolderMessage.Switch(cut, hold, layers)));
        });
        List<Part> unknown = new ArrayList<>();
        for (Attachment.Process process : List.copyOf(byProcess.keySet())) {
            List<Part> parts = byProcess.getOrDefault(process, List.of());
            List<Part> left = new ArrayList<>(parts);
            if (answer(answers.get(process)) instanceof Switched told
                    && told.standings().size() == parts.size()) {
                for (int i = 0; i < parts.size(); i++) {
                    Part part = parts.get(i);
                    switch (told.standings().get(i)) {
                        case SWITCHED -> {
                            left.remove(part);
                            switched.computeIfAbsent(process, _ -> new ArrayList<>()).add(part);
                        }
                        case CLOSED -> left.remove(part);
                        case UNKNOWN -> {}
                    }
                }
            }
            unknown.addAll(left);
            if (left.isEmpty()) {
                byProcess.remove(process);
            } else {
                byProcess.put(process, left);
            }
        }
        return unknown;
    }

    private static Object answer(@Nullable CompletableFuture<?> asked) throws InterruptedException {
        try {
            return asked == null
                    ? Standing.UNKNOWN
                    : asked.get(SWITCH_SECONDS_MAX, TimeUnit.SECONDS);
        } catch (ExecutionException | TimeoutException e) {
            return Standing.UNKNOWN;
        }
    }

    private boolean isInUse(Part part) {
        return VolumeAdmin.writerOf(image.get(), part.volume()).isPresent();
    }

    /// Makes sure that nothing of the volume's last holder can reach its layers any more.
    ///
    /// @return whether that had to be done, and changed the attachment
    private boolean fence(Part part, boolean force) throws IOException {
        VolumeId id = part.volume().id();
        if (part.attachment().noun().token() == fenced.getOrDefault(id, -1L)) {
            return false;
        }
        if (!force && isInUse(part)) {
            throw Refusal.state(
                    "'%s' was taken into use meanwhile: try again", part.volume().name());
        }
        fenced.put(
                id,
                pool.client()
                        .fence(part.volume(), HOLDER)
                        .orElseThrow(() ->
                                Refusal.state(
                                        "not all placement groups of '%s' answer, and one of them"
                                                + " may still take a write of its last holder:"
                                                + " weft pool status",
                                        part.volume().name())));
        return true;
    }

    private void settle(long cut, boolean hold, Map<Attachment.Process, List<Part>> switched)
            throws InterruptedException, VoidCut {
        Map<Attachment.Process, CompletableFuture<?>> answers = new LinkedHashMap<>();
        switched.forEach((process, parts) -> {
            List<VolumeId> ids = parts.stream().map(part -> part.volume().id()).toList();
            answers.put(process, pool.ask(process, new HolderMessage.Settle(cut, ids)));
        });
        for (var answer : answers.entrySet()) {
            Settled settled;
            try {
                settled =
                        answer.getValue().get(SETTLE_SECONDS_MAX, TimeUnit.SECONDS)
                                        instanceof Settled told
                                ? told
                                : new Settled(false, false);
            } catch (ExecutionException e) {
                throw new VoidCut(answer.getKey() + " went away: " + e.getMessage());
            } catch (TimeoutException e) {
                throw Refusal.state(
                        "writes that %s had under way did not end within %d s: weft pool status",
                        answer.getKey(), SETTLE_SECONDS_MAX);
            }
            if (hold && !settled.held()) {
                throw new VoidCut(answer.getKey() + " could not be held long enough");
            }
            if (!settled.clean()) {
                throw new VoidCut(answer.getKey() + " closed a volume meanwhile");
            }
        }
    }

    private List<Volume> seal(List<Part> parts, boolean hold) throws IOException, VoidCut {
        List<Change> changes = new ArrayList<>();
        List<Volume> sealed = new ArrayList<>();
        for (Part part : parts) {
            part.snapshot()
                    .map(made -> made.withAccess(Volume.Access.READ_ONLY))
                    .ifPresent(snapshot -> {
                        sealed.add(snapshot);
                        changes.add(
                                FabricRecords.replacement(
                                        FabricPaths.volume(snapshot.name()), snapshot, 0));
                    });
            Volume now =
                    part.volume().withSealedBelow(part.volume().layers().getFirst().generation());
            changes.add(
                    FabricRecords.replacement(FabricPaths.volume(now.name()), now, part.version()));
            if (hold) {
                // A new holder would have answered without waiting for the others.
                changes.add(
                        new Change.Check(
                                FabricPaths.attachment(part.volume().id()),
                                part.attachment().version()));
            }
        }
        if (records.store().commit(changes) instanceof Outcome.Conflict(var path)) {
            throw new VoidCut(path + " was changed meanwhile");
        }
        return sealed;
    }

    private void takeBack(List<Part> parts) throws IOException {
        for (Part part : parts) {
            if (part.snapshot().isPresent()) {
                var _ = records.delete(FabricPaths.volume(part.snapshot().get().name()));
            }
        }
    }
}
