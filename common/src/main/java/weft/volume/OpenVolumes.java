package weft.volume;

import com.google.errorprone.annotations.concurrent.GuardedBy;

import org.jspecify.annotations.Nullable;

import weft.fabric.VolumeId;
import weft.transport.Caller;
import weft.transport.Endpoint;
import weft.transport.Service;
import weft.wire.WireMessage;
import weft.wire.holder.HolderFamily;
import weft.wire.holder.HolderMessage;
import weft.wire.holder.HolderMessage.Holding;
import weft.wire.holder.HolderMessage.NewLayers;
import weft.wire.holder.HolderMessage.Standing;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;

/// The volumes that this process has open for writing, for those who cut or resize them.
///
/// Withholding: a cut over the volumes of several processes is consistent if no change outside it
/// was answered before the last process had switched. So each holds back its answers until it is
/// told that all have; who is not told in time goes on by itself and says so, and the cut is void.
///
/// Alone: who cuts need not tell all placement groups of a holder's token if the holder knows that
/// they know it.
public final class OpenVolumes implements Endpoint {
    /// Of how many volumes is remembered that they were closed, and that they are fenced.
    private static final int REMEMBERED_MAX = 4096;

    /// Of what was put last.
    private static final class Remembered<T> extends LinkedHashMap<VolumeId, T> {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<VolumeId, T> eldest) {
            return size() > REMEMBERED_MAX;
        }
    }

    /// The placement groups of a volume, up to there, refuse holders by lower tokens.
    private record Fence(long token, long extentBytes) {
        boolean covers(long heldBy, long bytes) {
            return token >= heldBy && extentBytes >= bytes;
        }
    }

    /// Answers held back for one cut.
    private static final class Hold {
        final CompletableFuture<Void> released = new CompletableFuture<>();

        /// Returns whether they were held until now.
        boolean release() {
            return released.complete(null);
        }
    }

    private final BiConsumer<Duration, Runnable> later;

    @GuardedBy("this")
    private final Map<VolumeId, RemoteVolume> open = new HashMap<>();

    @GuardedBy("this")
    private final Map<VolumeId, Long> closed = new Remembered<>();

    @GuardedBy("this")
    private final Map<VolumeId, Fence> fences = new Remembered<>();

    @GuardedBy("this")
    private final Map<Long, Hold> holds = new HashMap<>();

    /// Nothing is open yet.
    public OpenVolumes() {
        this((delay, task) ->
                CompletableFuture.delayedExecutor(delay.toMillis(), TimeUnit.MILLISECONDS)
                        .execute(task));
    }

    /// Nothing is open yet.
    ///
    /// @param later runs a task after a while
    public OpenVolumes(BiConsumer<Duration, Runnable> later) {
        this.later = later;
    }

    /// What peers may ask of it.
    public Service service() {
        return new Service(new HolderFamily(), this);
    }

    /// The process has it open for writing: it is asked about it from now on.
    public synchronized void opened(RemoteVolume volume) {
        VolumeId id = volume.record().id();
        RemoteVolume other = open.get(id);
        if (other == null || other.token() <= volume.token()) {
            open.put(id, volume);
        }
    }

    /// @param clean whether it is known what became of all its changes
    synchronized void closed(RemoteVolume volume, boolean clean) {
        VolumeId id = volume.record().id();
        if (open.remove(id, volume) && clean) {
            closed.remove(id);
            closed.put(id, volume.token());
        }
    }

    /// All placement groups into which the volume reaches up to there know the token: earlier
    /// holders are refused for ever.
    public synchronized void fenced(VolumeId volume, long token, long extentBytes) {
        Fence known = fences.get(volume);
        if (known == null || !known.covers(token, extentBytes) && token >= known.token()) {
            fences.remove(volume);
            fences.put(volume, new Fence(token, extentBytes));
        }
    }

    @Override
    public void onMessage(WireMessage message, Caller caller) {
        switch (message) {
            case HolderMessage.Switch cut -> caller.reply(switched(cut));
            case HolderMessage.Settle settle -> settle(settle, caller);
            case HolderMessage.Resize resize -> caller.reply(resized(resize));
            default -> caller.garbage("not a question to the holder of a volume");
        }
    }

    private HolderMessage switched(HolderMessage.Switch cut) {
        var hold = new Hold();
        boolean alone = areAlone(cut.volumes());
        List<Standing> standings = new ArrayList<>();
        for (NewLayers wanted : cut.volumes()) {
            RemoteVolume volume = find(wanted.volume(), wanted.token());
            if (volume == null) {
                standings.add(standingOf(wanted.volume(), wanted.token()));
            } else {
                boolean done = volume.switchTo(wanted, hold.released);
                standings.add(done ? Standing.SWITCHED : Standing.UNKNOWN);
            }
        }
        // Several volumes of this process are switched one after the other: held at least so long.
        if (cut.holdMillis() > 0) {
            synchronized (this) {
                holds.put(cut.cut(), hold);
            }
            later.accept(
                    Duration.ofMillis(cut.holdMillis()),
                    () -> {
                        synchronized (this) {
                            holds.remove(cut.cut(), hold);
                        }
                        var _ = hold.release();
                    });
        } else {
            var _ = hold.release();
        }
        return new HolderMessage.Switched(standings, alone);
    }

    /// Of those that are not, all groups are told now, for the next question.
    private boolean areAlone(List<NewLayers> volumes) {
        boolean alone = true;
        for (NewLayers one : volumes) {
            RemoteVolume volume = find(one.volume(), one.token());
            long bytes = Math.max(one.sizeBytes(), volume == null ? 0 : volume.sizeBytes());
            if (!isFenced(one.volume(), one.token(), bytes)) {
                alone = false;
                if (volume != null) {
                    volume.pool().fence(volume);
                }
            }
        }
        return alone;
    }

    private synchronized boolean isFenced(VolumeId id, long token, long bytes) {
        Fence fence = fences.get(id);
        return fence != null && fence.covers(token, bytes);
    }

    private synchronized @Nullable RemoteVolume find(VolumeId id, long token) {
        RemoteVolume volume = open.get(id);
        return volume != null && volume.token() == token ? volume : null;
    }

    private synchronized Standing standingOf(VolumeId id, long token) {
        return closed.getOrDefault(id, -1L) == token ? Standing.CLOSED : Standing.UNKNOWN;
    }

    private void settle(HolderMessage.Settle settle, Caller caller) {
        Hold hold;
        List<RemoteVolume> volumes = new ArrayList<>();
        boolean lost = false;
        synchronized (this) {
            hold = holds.remove(settle.cut());
            for (Holding one : settle.volumes()) {
                RemoteVolume volume = find(one.volume(), one.token());
                if (volume != null) {
                    volumes.add(volume);
                } else {
                    lost |= standingOf(one.volume(), one.token()) != Standing.CLOSED;
                }
            }
        }
        boolean held = hold != null && hold.release();
        boolean allKnown = !lost;
        CompletableFuture.allOf(
                        volumes.stream()
                                .map(RemoteVolume::settled)
                                .toArray(CompletableFuture[]::new))
                .thenRun(() -> {
                    boolean clean = volumes.stream().allMatch(RemoteVolume::isClean);
                    caller.reply(new HolderMessage.Settled(held, allKnown && clean));
                });
    }

    private HolderMessage resized(HolderMessage.Resize resize) {
        RemoteVolume volume = find(resize.volume(), resize.token());
        if (volume == null) {
            Standing standing = standingOf(resize.volume(), resize.token());
            return new HolderMessage.Switched(List.of(standing), false);
        }
        boolean done = volume.grown(resize.sizeBytes(), resize.top());
        Standing standing = done ? Standing.SWITCHED : Standing.UNKNOWN;
        return new HolderMessage.Switched(List.of(standing), false);
    }
}
