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
import weft.ops.admin.VolumeUsers;
import weft.runtime.BootClock;
import weft.runtime.FreshIds;
import weft.runtime.Pause;
import weft.wire.holder.HolderMessage;
import weft.wire.holder.HolderMessage.Holding;
import weft.wire.holder.HolderMessage.NewLayers;
import weft.wire.holder.HolderMessage.Settled;
import weft.wire.holder.HolderMessage.Standing;
import weft.wire.holder.HolderMessage.Switched;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
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
///   2 raise    all placement groups know the holders' tokens: whoever held a volume before them,
///              and hears nothing of the cut, is refused. Processes mostly know it of their own
///              tokens and say so in 3 (if not, the cut is void and made anew with this step).
///              Begins with 1, for tokens in force
///   3 switch   each holder stamps the new layers from now on: the instant of its volumes. With
///              several processes each withholds what it would answer of changes with the new stamp
///   4 settle   when all have switched they go on; what they accepted with the old stamp ends
///   5 seal     if no attachment has changed since 1, the snapshots are READ_ONLY: nothing can reach
///              their layers any more
/// ```
///
/// A volume that several processes hold gets a higher token in step 1. They are refused from step 2
/// on, wait until the snapshot is sealed (or make the cut void), and stamp the new layer with the
/// new token: for them the instant is before that of all others, and they are not asked.
///
/// Who claims a volume after step 1 knows its new layers (a claim expects the record as it was
/// read), and makes the cut void: it would have answered without waiting for the others. A holder
/// that answers no questions is fenced, which makes the cut void, too: the next attempt finds that
/// nobody holds the volume. A void cut leaves nothing but an empty layer more in its volumes: its
/// snapshots are taken back here, or by control if this process dies.
///
/// Causal closure: no change within the cut was accepted after a change outside it was answered. It
/// holds if each process switched all its volumes at the first question (it withholds while it
/// switches them one by one), and, of several, none let go of its answers before it was told to.
public final class ConsistentCut {
    private static final Logger log = LoggerFactory.getLogger(ConsistentCut.class);

    /// Cuts that are void because a process was slow are tried again.
    private static final int ATTEMPTS_MAX = 8;

    /// A volume that is about to be opened, or whose process starts again, is asked for again.
    private static final Duration HOLDER_PATIENCE = Duration.ofSeconds(5);

    /// Somebody may have begun to use a volume that the picture still shows as unused.
    private static final Duration IMAGE_LAG_MAX = Duration.ofSeconds(1);

    /// How long processes may withhold answers in the first attempts: twice as long in each that
    /// follows.
    private static final int HOLD_MILLIS = 20;

    private static final int HOLD_DOUBLINGS_MAX = 4;
    private static final int ASK_AGAIN_MILLIS = 50;
    private static final int SWITCH_SECONDS_MAX = 3;

    /// Longer than a reconfiguration takes, during which changes under way wait.
    private static final int SETTLE_SECONDS_MAX = 15;

    private final PoolSession pool;
    private final FabricRecords records;
    private final Supplier<FabricImage> image;

    /// @param image the newest picture of the fabric
    public ConsistentCut(PoolSession pool, FabricRecords records, Supplier<FabricImage> image) {
        this.pool = pool;
        this.records = records;
        this.image = image;
    }

    /// What is wanted of a volume.
    record Wanted(String volume, Purpose purpose) {
        Optional<String> snapshot() {
            return purpose instanceof Purpose.Snapshot(var name)
                    ? Optional.of(Volume.snapshotName(volume, name))
                    : Optional.empty();
        }
    }

    /// What a volume gets a new top layer for.
    sealed interface Purpose {
        /// @param name without the volume's
        record Snapshot(String name) implements Purpose {}

        /// Its layers shall be sealed.
        record Seal() implements Purpose {}

        /// @param sizeBytes where it ends from now on, before its present end
        record Shrink(long sizeBytes) implements Purpose {}

        /// Its layers shall be sealed, of which the uppermost is to have everything.
        record BeginFlattening() implements Purpose {}

        /// It does without the layers below one that has everything.
        record EndFlattening(VolumeId layer) implements Purpose {}
    }

    /// A volume and what its snapshot is to be called.
    public record Snapshot(String volume, String name) {}

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
    public List<Volume> take(List<Snapshot> snapshots, boolean force)
            throws IOException, InterruptedException {
        List<Wanted> wanted =
                snapshots.stream()
                        .map(one -> new Wanted(one.volume(), new Purpose.Snapshot(one.name())))
                        .toList();
        return parts(wanted, force).stream()
                .map(part -> part.snapshot().orElseThrow().withAccess(Volume.Access.READ_ONLY))
                .toList();
    }

    /// Gives a volume a new top layer and seals those below it. Blocks.
    ///
    /// @return the volume as it is then
    /// @throws Refusal naming what stands in the way
    public Found<Volume> seal(String volume) throws IOException, InterruptedException {
        return alone(new Wanted(volume, new Purpose.Seal()), false);
    }

    /// Cuts one volume without a snapshot, if its holder is there: each attempt makes a layer more.
    Found<Volume> alone(Wanted wanted, boolean force) throws IOException, InterruptedException {
        if (!force) {
            checkHolderAnswers(wanted.volume());
        }
        CutPart part = parts(List.of(wanted), force).getFirst();
        return new Found<>(part.sealed(), part.version() + 1);
    }

    private void checkHolderAnswers(String name) throws IOException, InterruptedException {
        var volume = records.find(FabricPaths.volume(name), Volume.class);
        if (volume.isEmpty()) {
            return;
        }
        VolumeId id = volume.get().noun().id();
        var attachment = records.find(FabricPaths.attachment(id), Attachment.class);
        Attachment.Process process = attachment.map(found -> found.noun().process()).orElse(null);
        if (attachment.isEmpty() || process == null) {
            return;
        }
        var held = List.of(new Holding(id, attachment.get().noun().token()));
        boolean isThere =
                answer(pool.ask(process, new HolderMessage.Settle(FreshIds.positive(), held)))
                                instanceof Settled told
                        && (told.clean() || attachment.get().noun().isOfExporters());
        if (!isThere && VolumeUsers.writerNow(records, volume.get().noun()).isPresent()) {
            throw doesNotAnswer(name, attachment.get().noun());
        }
    }

    private static Refusal doesNotAnswer(String name, Attachment attachment) {
        return Refusal.state(
                "'%s' is in use, and its holder (%s) does not answer: try again, or take the"
                        + " volume away from it with --force",
                name, attachment.holder());
    }

    /// What has room for an attempt in vain: layers are few where a chain is made shorter.
    private static boolean isInHaste(List<Wanted> wanted) {
        return wanted.stream().allMatch(one -> one.purpose() instanceof Purpose.Snapshot);
    }

    private List<CutPart> parts(List<Wanted> wanted, boolean force)
            throws IOException, InterruptedException {
        String why = "";
        for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
            boolean fenceAll = attempt > 0 || !isInHaste(wanted);
            var begun = new CutBeginning(pool.client(), records, image, fenceAll).commit(wanted);
            List<CutPart> parts = begun.parts();
            try {
                int holdMillis = HOLD_MILLIS << Math.min(attempt, HOLD_DOUBLINGS_MAX);
                complete(begun, force, fenceAll, holdMillis);
                return parts;
            } catch (VoidCut e) {
                log.info("a cut is tried again: {}", e.getMessage());
                why = String.valueOf(e.getMessage());
                takeBack(parts);
            } catch (IOException | InterruptedException | RuntimeException e) {
                takeBack(parts);
                throw e;
            }
        }
        throw Refusal.state("the cut was not made: %s; try again", why);
    }

    private void complete(CutBeginning.Begun begun, boolean force, boolean fenceAll, int holdMillis)
            throws IOException, InterruptedException, VoidCut {
        List<CutPart> parts = begun.parts();
        var questions = new CutQuestions();
        for (CutPart part : parts) {
            Attachment attachment = part.attachment().noun();
            if (attachment.process() != null) {
                questions
                        .left
                        .computeIfAbsent(attachment.process(), _ -> new ArrayList<>())
                        .add(part);
            } else if (attachment.isOfCommand()) {
                // It answers no questions.
                takeAway(part, force);
            }
        }
        for (var one : begun.raised().entrySet()) {
            checkRaised(one.getKey(), one.getValue());
        }
        long cut = FreshIds.positive();
        boolean hold = questions.left.size() > 1;
        List<CutPart> unknown = switchAll(cut, hold ? holdMillis : 0, questions);
        if (!unknown.isEmpty()) {
            askAgain(cut, force, questions, unknown);
            if (parts.size() > 1) {
                throw new VoidCut("a process had to be asked twice");
            }
        }
        if (!questions.alone && !fenceAll) {
            throw new VoidCut("not all placement groups may know yet who holds the volumes");
        }
        settle(cut, hold, questions.switched);
        seal(parts);
    }

    /// Asks until all processes have switched their volumes. A volume that its process does not
    /// know for long is about to be opened, or its process started again and will never know it.
    private void askAgain(long cut, boolean force, CutQuestions questions, List<CutPart> first)
            throws IOException, InterruptedException, VoidCut {
        long startNanos = BootClock.SYSTEM.nowNanos();
        List<CutPart> unknown = first;
        while (!unknown.isEmpty()) {
            for (CutPart part : unknown) {
                checkUnchanged(part);
            }
            long waitedNanos = BootClock.SYSTEM.nowNanos() - startNanos;
            boolean inUse = unknown.stream().anyMatch(this::isInUse);
            Duration patience = inUse ? HOLDER_PATIENCE : IMAGE_LAG_MAX;
            if (waitedNanos >= patience.toNanos()) {
                takeAway(unknown.getFirst(), force);
            }
            Pause.millis(ASK_AGAIN_MILLIS);
            unknown = switchAll(cut, 0, questions);
        }
    }

    /// Another cut may have come, or another holder, who is the one to ask.
    private void checkUnchanged(CutPart part) throws IOException, VoidCut {
        String path = FabricPaths.volume(part.volume().name());
        var volume = records.find(path, Volume.class);
        var attachment = records.find(FabricPaths.attachment(part.volume().id()), Attachment.class);
        boolean same =
                volume.isPresent()
                        && volume.get().version() == part.version()
                        && attachment.equals(Optional.of(part.attachment()));
        if (!same) {
            throw new VoidCut(path + " was changed meanwhile");
        }
    }

    /// Asks the processes to switch what they have not switched yet.
    ///
    /// @return what the processes do not know
    private List<CutPart> switchAll(long cut, int holdMillis, CutQuestions questions)
            throws InterruptedException {
        Map<Attachment.Process, CompletableFuture<?>> answers = new LinkedHashMap<>();
        questions.left.forEach((process, parts) -> {
            List<NewLayers> layers = parts.stream().map(CutPart::newLayers).toList();
            answers.put(
                    process, pool.ask(process, new HolderMessage.Switch(cut, holdMillis, layers)));
        });
        List<CutPart> unknown = new ArrayList<>();
        for (Attachment.Process process : List.copyOf(questions.left.keySet())) {
            List<CutPart> parts = questions.left.getOrDefault(process, List.of());
            List<CutPart> left = new ArrayList<>(parts);
            if (answer(answers.get(process)) instanceof Switched told
                    && told.standings().size() == parts.size()) {
                boolean isKnown =
                        told.standings().stream().anyMatch(one -> one != Standing.UNKNOWN);
                questions.alone &= told.alone() || !isKnown;
                for (int i = 0; i < parts.size(); i++) {
                    CutPart part = parts.get(i);
                    switch (told.standings().get(i)) {
                        case SWITCHED -> {
                            left.remove(part);
                            questions
                                    .switched
                                    .computeIfAbsent(process, _ -> new ArrayList<>())
                                    .add(part);
                        }
                        case CLOSED -> left.remove(part);
                        case UNKNOWN -> {}
                    }
                }
            } else {
                // It may have switched before it was alone.
                questions.alone = false;
            }
            unknown.addAll(left);
            if (left.isEmpty()) {
                questions.left.remove(process);
            } else {
                questions.left.put(process, left);
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

    private boolean isInUse(CutPart part) {
        return VolumeUsers.writerOf(image.get(), part.volume()).isPresent();
    }

    /// Takes the volume away from its holder, so that nobody holds it. The next attempt raises the
    /// token.
    private void takeAway(CutPart part, boolean force) throws IOException, VoidCut {
        if (part.attachment().noun().isOfExporters()) {
            raiseShared(part);
        }
        if (!force && VolumeUsers.writerNow(records, part.volume()).isPresent()) {
            checkUnchanged(part);
            throw doesNotAnswer(part.volume().name(), part.attachment().noun());
        }
        VolumeId id = part.volume().id();
        Attachment nobody = Attachment.nobody(id, part.attachment().noun().token() + 1);
        List<Change> changes =
                List.of(
                        FabricRecords.replacement(
                                FabricPaths.attachment(id), nobody, part.attachment().version()),
                        new Change.Check(FabricPaths.volume(part.volume().name()), part.version()));
        throw new VoidCut(
                switch (records.store().commit(changes)) {
                    case Outcome.Committed _ -> part.volume().name() + " was taken from its holder";
                    case Outcome.Conflict(var path) -> path + " was changed meanwhile";
                });
    }

    /// Of an exported volume the stamps of before can be fenced without taking it from anybody:
    /// exporters that are refused go on by the new token. The next attempt asks none of them.
    private void raiseShared(CutPart part) throws IOException, VoidCut {
        VolumeId id = part.volume().id();
        List<Change> changes =
                List.of(
                        FabricRecords.replacement(
                                FabricPaths.attachment(id),
                                part.attachment().noun().raised(),
                                part.attachment().version()),
                        new Change.Check(FabricPaths.volume(part.volume().name()), part.version()));
        var _ = records.store().commit(changes);
        throw new VoidCut(part.volume().name() + ": what its exporter has under way is fenced");
    }

    private void checkRaised(CutPart part, CompletableFuture<Boolean> raised)
            throws IOException, InterruptedException, VoidCut {
        try {
            if (!raised.get()) {
                checkUnchanged(part);
                throw Refusal.state(
                        "not all placement groups of '%s' answer, and one of them may still take a"
                                + " write of an earlier holder: weft pool status",
                        part.volume().name());
            }
        } catch (ExecutionException e) {
            throw new IOException("raising the token of " + part.volume().name(), e);
        }
    }

    private void settle(long cut, boolean hold, Map<Attachment.Process, List<CutPart>> switched)
            throws IOException, InterruptedException, VoidCut {
        Map<Attachment.Process, CompletableFuture<?>> answers = new LinkedHashMap<>();
        switched.forEach((process, parts) -> {
            List<Holding> held = parts.stream().map(CutPart::holding).toList();
            answers.put(process, pool.ask(process, new HolderMessage.Settle(cut, held)));
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
                for (CutPart part : switched.getOrDefault(answer.getKey(), List.of())) {
                    if (part.attachment().noun().isOfExporters()) {
                        raiseShared(part);
                    }
                }
                throw new VoidCut(answer.getKey() + " closed a volume meanwhile");
            }
        }
    }

    private void seal(List<CutPart> parts) throws IOException, VoidCut {
        List<Change> changes = new ArrayList<>();
        for (CutPart part : parts) {
            part.snapshot()
                    .map(made -> made.withAccess(Volume.Access.READ_ONLY))
                    .ifPresent(snapshot ->
                            changes.add(
                                    FabricRecords.replacement(
                                            FabricPaths.volume(snapshot.name()), snapshot, 0)));
            changes.add(
                    FabricRecords.replacement(
                            FabricPaths.volume(part.volume().name()),
                            part.sealed(),
                            part.version()));
            changes.add(
                    new Change.Check(
                            FabricPaths.attachment(part.volume().id()),
                            part.attachment().version()));
        }
        if (records.store().commit(changes) instanceof Outcome.Conflict(var path)) {
            throw new VoidCut(path + " was changed meanwhile");
        }
    }

    /// Another cut may have made a snapshot of the same name since.
    private void takeBack(List<CutPart> parts) throws IOException {
        for (CutPart part : parts) {
            if (part.snapshot().isEmpty()) {
                continue;
            }
            Volume made = part.snapshot().get();
            String path = FabricPaths.volume(made.name());
            var found = records.find(path, Volume.class);
            if (found.isPresent()
                    && found.get().noun().id().equals(made.id())
                    && found.get().noun().access() == Volume.Access.SEALING) {
                var delete = new Change.Delete(path, found.get().version());
                var _ = records.store().commit(List.of(delete));
            }
        }
    }
}
