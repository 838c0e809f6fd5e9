package weft.vmhost.agent;

import org.jspecify.annotations.Nullable;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.coordination.FabricRecords.Found;
import weft.coordination.FabricStore.Change;
import weft.coordination.FabricStore.Outcome;
import weft.fabric.Attachment;
import weft.fabric.Migration;
import weft.fabric.NodeId;
import weft.fabric.NodePresence;
import weft.fabric.PortBinding;
import weft.fabric.VmPlacement;
import weft.fabric.VmSpec;
import weft.fabric.Volume;
import weft.fabric.VolumeId;
import weft.volume.PoolClient.Claimed;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/// Who runs a VM, decided by commits in which the VM's placement, the attachments of its disks and
/// the bindings of its ports change together or not at all:
///
/// ```text
///   nobody ──claim──► owner, epoch + 1, tokens + 1          (start; also after this host's own crash)
///   source ──take over──► destination, epoch + 1, tokens + 1   (migration, by the destination)
///   source ──keep──► source, epoch + 1                       (migration called off, by the source)
///   owner ──release──► nobody                                (stop)
/// ```
///
/// Each expects the placement's record as it was read, so of two that decide at once one loses. An
/// IOException leaves the outcome unknown: the caller reads the placement again before it acts.
public final class Claims {
    private static final int DISK_ATTEMPTS_MAX = 8;

    private final FabricRecords records;
    private final NodeId self;

    public Claims(FabricRecords records, NodeId self) {
        this.records = records;
        this.self = self;
    }

    /// What the winner of a claim holds.
    ///
    /// @param disks in the spec's order, as they were when they were claimed
    public record Held(VmPlacement placement, List<Claimed> disks) {}

    /// Claims a VM that nobody runs, or that this host ran before it crashed.
    ///
    /// @return empty if someone else owns it, or it is not meant to run here (any more)
    public Optional<Held> claim(VmSpec spec) throws IOException {
        Optional<Found<VmPlacement>> found =
                records.find(FabricPaths.placement(spec.name()), VmPlacement.class);
        if (found.isEmpty()) {
            return Optional.empty();
        }
        VmPlacement now = found.get().noun();
        boolean free = now.owner() == null || self.equals(now.owner());
        if (!free || !self.equals(now.host()) || now.state() == VmPlacement.State.FAILED) {
            return Optional.empty();
        }
        var next =
                new VmPlacement(
                        self, self, now.epoch() + 1, VmPlacement.State.STARTING, "starting");
        return commitOwnership(spec, found.get(), next, List.of());
    }

    /// Takes a VM over from the host that migrates it here: the commit of a migration.
    ///
    /// @param migration its record must still be in SWITCHING and name the owner's epoch
    /// @return empty if the source (or anyone) was faster: this host must never run it
    public Optional<Held> takeOver(VmSpec spec, Migration migration) throws IOException {
        Optional<Found<VmPlacement>> found =
                records.find(FabricPaths.placement(spec.name()), VmPlacement.class);
        Optional<Found<Migration>> task =
                records.find(FabricPaths.migration(spec.name()), Migration.class);
        if (found.isEmpty() || task.isEmpty()) {
            return Optional.empty();
        }
        VmPlacement now = found.get().noun();
        if (!migration.from().equals(now.owner())
                || now.epoch() != migration.epoch()
                || !task.get().noun().id().equals(migration.id())
                || task.get().noun().phase() != Migration.Phase.SWITCHING) {
            return Optional.empty();
        }
        var next =
                new VmPlacement(
                        self,
                        self,
                        now.epoch() + 1,
                        VmPlacement.State.RUNNING,
                        "migrated from " + migration.from());
        var check = new Change.Check(FabricPaths.migration(spec.name()), task.get().version());
        return commitOwnership(spec, found.get(), next, List.of(check));
    }

    private Optional<Held> commitOwnership(
            VmSpec spec, Found<VmPlacement> found, VmPlacement next, List<Change> conditions)
            throws IOException {
        for (int attempt = 1; ; attempt++) {
            var changes = new ArrayList<Change>(conditions);
            changes.add(
                    FabricRecords.replacement(
                            FabricPaths.placement(spec.name()), next, found.version()));
            List<Claimed> disks = claimDisks(spec, changes);
            for (String port : spec.ports()) {
                changes.add(binding(port, self, null, next.epoch()));
            }
            switch (records.store().commit(changes)) {
                case Outcome.Committed _ -> {
                    return Optional.of(new Held(next, disks));
                }
                case Outcome.Conflict(var path) -> {
                    // A snapshot or a new size: no reason to lose a VM that moves.
                    boolean onlyADisk =
                            spec.disks().stream().map(FabricPaths::volume).anyMatch(path::equals);
                    if (!onlyADisk || attempt == DISK_ATTEMPTS_MAX) {
                        return Optional.empty();
                    }
                }
            }
        }
    }

    /// Adds what makes this host the holder of the VM's disks.
    private List<Claimed> claimDisks(VmSpec spec, List<Change> changes) throws IOException {
        var disks = new ArrayList<Claimed>();
        for (String disk : spec.disks()) {
            Found<Volume> volume = volume(spec, disk);
            VolumeId id = volume.noun().id();
            String path = FabricPaths.attachment(id);
            Optional<Found<Attachment>> earlier = records.find(path, Attachment.class);
            long token = earlier.map(attachment -> attachment.noun().token()).orElse(0L) + 1;
            Attachment attachment = own(spec, id, token);
            disks.add(new Claimed(volume.noun(), attachment));
            // A holder writes to the layers that the volume has, not to those of before a snapshot.
            changes.add(new Change.Check(FabricPaths.volume(disk), volume.version()));
            changes.add(
                    earlier.<Change>map(old ->
                                    FabricRecords.replacement(path, attachment, old.version()))
                            .orElseGet(() -> FabricRecords.creation(path, attachment)));
        }
        return disks;
    }

    private Attachment own(VmSpec spec, VolumeId disk, long token) {
        return new Attachment(
                disk,
                "vm %s @ %s".formatted(spec.name(), self),
                token,
                new Attachment.Process(NodePresence.Role.HOST, self));
    }

    /// What this host holds by a claim whose answer was lost. A disk's layers may be newer than at
    /// the claim, never older. A disk that was taken away since comes with a token that is refused.
    public Held held(VmSpec spec, VmPlacement placement) throws IOException {
        var disks = new ArrayList<Claimed>();
        for (String disk : spec.disks()) {
            Volume volume = volume(spec, disk).noun();
            String path = FabricPaths.attachment(volume.id());
            Attachment attachment =
                    records.find(path, Attachment.class)
                            .orElseThrow(() -> new IOException(path + " is gone"))
                            .noun();
            disks.add(new Claimed(volume, asOwn(spec, attachment)));
        }
        return new Held(placement, disks);
    }

    private Attachment asOwn(VmSpec spec, Attachment found) {
        Attachment mine = own(spec, found.volume(), found.token());
        return mine.equals(found) ? mine : own(spec, found.volume(), found.token() - 1);
    }

    /// A migration failed before the destination committed: the source goes on, if it is faster
    /// than a late commit of the destination.
    ///
    /// @return the new epoch; empty if the destination owns the VM: the source must stop for ever
    public OptionalLong keep(VmSpec spec, long epoch, String why) throws IOException {
        while (true) {
            Optional<Found<VmPlacement>> found =
                    records.find(FabricPaths.placement(spec.name()), VmPlacement.class);
            if (found.isEmpty() || !self.equals(found.get().noun().owner())) {
                return OptionalLong.empty();
            }
            // An epoch above is this host's own earlier attempt whose answer was lost.
            long nextEpoch = Math.max(epoch, found.get().noun().epoch()) + 1;
            var next = new VmPlacement(self, self, nextEpoch, VmPlacement.State.RUNNING, why);
            var changes = new ArrayList<Change>();
            changes.add(
                    FabricRecords.replacement(
                            FabricPaths.placement(spec.name()), next, found.get().version()));
            for (String port : spec.ports()) {
                changes.add(binding(port, self, null, nextEpoch));
            }
            if (records.store().commit(changes) instanceof Outcome.Committed) {
                return OptionalLong.of(nextEpoch);
            }
        }
    }

    /// Publishes that frames of the VM's ports may soon come from `next`, too; null takes it back.
    public void announceNext(VmSpec spec, @Nullable NodeId next) throws IOException {
        for (String port : spec.ports()) {
            var _ =
                    records.update(
                            FabricPaths.port(port),
                            PortBinding.class,
                            now -> now.boundTo(now.host(), next, now.epoch()));
        }
    }

    /// Takes back that frames may come from this host, if it had been announced as the next.
    public void withdrawNext(VmSpec spec) throws IOException {
        for (String port : spec.ports()) {
            var _ =
                    records.update(
                            FabricPaths.port(port),
                            PortBinding.class,
                            now ->
                                    self.equals(now.next())
                                            ? now.boundTo(now.host(), null, now.epoch())
                                            : now);
        }
    }

    /// Says what the owner does; ignored if this host does not own the VM any more.
    public void report(String vm, VmPlacement.State state, String detail) throws IOException {
        var _ =
                records.update(
                        FabricPaths.placement(vm),
                        VmPlacement.class,
                        now ->
                                self.equals(now.owner())
                                        ? new VmPlacement(
                                                now.host(), now.owner(), now.epoch(), state, detail)
                                        : now);
    }

    /// The VM does not run any more: nobody owns it.
    public void release(VmSpec spec, VmPlacement.State state, String detail) throws IOException {
        Optional<Found<VmPlacement>> found =
                records.find(FabricPaths.placement(spec.name()), VmPlacement.class);
        if (found.isEmpty() || !self.equals(found.get().noun().owner())) {
            return;
        }
        VmPlacement now = found.get().noun();
        var changes = new ArrayList<Change>();
        changes.add(
                FabricRecords.replacement(
                        FabricPaths.placement(spec.name()),
                        new VmPlacement(now.host(), null, now.epoch(), state, detail),
                        found.get().version()));
        for (String port : spec.ports()) {
            if (records.find(FabricPaths.port(port), PortBinding.class).isPresent()) {
                changes.add(binding(port, null, null, now.epoch()));
            }
        }
        if (records.store().commit(changes) instanceof Outcome.Conflict(var path)) {
            throw new IOException(path + " was changed by someone else; trying again");
        }
    }

    private Change binding(String port, @Nullable NodeId host, @Nullable NodeId next, long epoch)
            throws IOException {
        Found<PortBinding> found =
                records.find(FabricPaths.port(port), PortBinding.class)
                        .orElseThrow(() -> new IOException("port " + port + " is gone"));
        return FabricRecords.replacement(
                FabricPaths.port(port), found.noun().boundTo(host, next, epoch), found.version());
    }

    private Found<Volume> volume(VmSpec spec, String name) throws IOException {
        return records.find(FabricPaths.volume(name), Volume.class)
                .orElseThrow(() ->
                        new IOException(
                                "disk '%s' of VM '%s' is gone".formatted(name, spec.name())));
    }
}
