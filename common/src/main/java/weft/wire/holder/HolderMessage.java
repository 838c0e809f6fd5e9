package weft.wire.holder;

import weft.fabric.ChunkKey;
import weft.fabric.LayerChain;
import weft.fabric.Volume;
import weft.fabric.VolumeId;
import weft.wire.WireMessage;

import java.util.List;

/// What is asked of a volume's holder, and its answers.
public sealed interface HolderMessage extends WireMessage {
    /// The most volumes of one cut.
    int VOLUMES_MAX = 256;

    /// From now on stamp changes with these layers; answered by [Switched].
    ///
    /// @param cut names the cut in the messages that follow
    /// @param holdMillis how long at most to withhold the completions of changes stamped so, if
    ///   [Settle] does not come before; 0: not at all
    record Switch(long cut, int holdMillis, List<NewLayers> volumes) implements HolderMessage {
        /// The longest that a completion is withheld.
        public static final int HOLD_MILLIS_MAX = 500;

        public Switch {
            if (holdMillis < 0 || holdMillis > HOLD_MILLIS_MAX) {
                throw new IllegalArgumentException("hold of " + holdMillis + " ms");
            }
            volumes = List.copyOf(volumes);
            if (volumes.isEmpty() || volumes.size() > VOLUMES_MAX) {
                throw new IllegalArgumentException(volumes.size() + " volumes");
            }
        }
    }

    /// A volume's layers after a cut.
    ///
    /// @param token of the attachment by which the process holds the volume
    /// @param sizeBytes the volume's size from now on
    record NewLayers(VolumeId volume, long token, long sizeBytes, LayerChain chain) {
        public NewLayers {
            checkSize(sizeBytes);
            if (!chain.top().volume().equals(volume) || chain.layers().size() > Volume.LAYERS_MAX) {
                throw new IllegalArgumentException(volume + ": layers " + chain.layers());
            }
        }
    }

    private static void checkSize(long sizeBytes) {
        if (sizeBytes <= 0 || sizeBytes % ChunkKey.BLOCK_BYTES != 0) {
            throw new IllegalArgumentException("size " + sizeBytes);
        }
    }

    /// What became of each volume, in the order of the question.
    ///
    /// @param alone whether all placement groups of the volumes refused earlier holders before it
    ///   did anything: by these tokens, and as far as the volumes reach
    record Switched(List<Standing> standings, boolean alone) implements HolderMessage {
        public Switched {
            standings = List.copyOf(standings);
        }
    }

    /// How a process stands to a volume. Codes are their order: append only.
    enum Standing {
        /// It has it open and stamps the new layers.
        SWITCHED,
        /// It had it open by this token and closed it; nothing of it is under way.
        CLOSED,
        /// It does not know the volume by this token (yet), or not what became of its last changes.
        UNKNOWN
    }

    /// Stop withholding, and answer [Settled] when all changes with earlier stamps have ended.
    record Settle(long cut, List<Holding> volumes) implements HolderMessage {
        public Settle {
            volumes = List.copyOf(volumes);
            if (volumes.size() > VOLUMES_MAX) {
                throw new IllegalArgumentException(volumes.size() + " volumes");
            }
        }
    }

    /// A volume as a process holds it.
    ///
    /// @param token of the attachment
    record Holding(VolumeId volume, long token) {}

    /// All have ended.
    ///
    /// @param held whether completions were withheld until it was asked; if not, the cut is void
    /// @param clean whether it is known what became of each change; if not, some may still come
    record Settled(boolean held, boolean clean) implements HolderMessage {}

    /// The volume has grown; answered by [Switched] with one standing, and alone is not looked at.
    ///
    /// @param top its top layer then: a process with another one has not heard of a cut yet, or the
    ///   question is older than one
    record Resize(VolumeId volume, long token, long sizeBytes, VolumeId top)
            implements HolderMessage {
        public Resize {
            checkSize(sizeBytes);
        }
    }
}
