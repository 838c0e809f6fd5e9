package weft.fabric;

import java.util.ArrayList;
import java.util.List;

/// The layers of a volume, top first, each up to its *visible end*: what a layer has beyond it is
/// not the volume's any more. A shrink draws in the ends of all layers there are; what is written
/// when the volume has grown again is in later ones.
///
/// Ends never grow, and none is above that of the layer over it.
///
/// @param ends of each layer, in bytes, multiples of 4096; empty if none has one
public record LayerChain(List<VolumeId> layers, List<Long> ends) {
    /// A layer is seen as far as it reaches.
    public static final long NO_END = Long.MAX_VALUE;

    public LayerChain {
        layers = List.copyOf(layers);
        ends = ends.stream().allMatch(end -> end == NO_END) ? List.of() : List.copyOf(ends);
        boolean each = ends.isEmpty() || ends.size() == layers.size();
        if (layers.isEmpty() || !each || !ends.stream().allMatch(LayerChain::isEnd)) {
            throw new IllegalArgumentException("layers %s with ends %s".formatted(layers, ends));
        }
    }

    private static boolean isEnd(long end) {
        return end == NO_END || end >= 0 && end % ChunkKey.BLOCK_BYTES == 0;
    }

    /// All of each layer.
    public static LayerChain of(List<VolumeId> layers) {
        return new LayerChain(layers, List.of());
    }

    /// The layer that is written.
    public VolumeId top() {
        return layers.getFirst();
    }

    /// Up to where the layer is seen; 0 if it is not of the chain.
    public long endOf(VolumeId layer) {
        int index = layers.indexOf(layer);
        return index < 0 ? 0 : end(index);
    }

    private long end(int index) {
        return ends.isEmpty() ? NO_END : ends.get(index);
    }

    /// The layers that are seen at an offset, top first; the top is always one of them.
    public List<VolumeId> at(long offsetBytes) {
        if (ends.isEmpty() || sees(offsetBytes)) {
            return layers;
        }
        List<VolumeId> seen = new ArrayList<>();
        for (int i = 0; i < layers.size(); i++) {
            if (i == 0 || offsetBytes < end(i)) {
                seen.add(layers.get(i));
            }
        }
        return seen;
    }

    private boolean sees(long offsetBytes) {
        for (long end : ends) {
            if (end <= offsetBytes) {
                return false;
            }
        }
        return true;
    }

    /// Up to where the layers are those that are seen at an offset.
    public long sameUntil(long offsetBytes) {
        if (ends.isEmpty()) {
            return NO_END;
        }
        long nearest = NO_END;
        for (long end : ends) {
            if (end > offsetBytes) {
                nearest = Math.min(nearest, end);
            }
        }
        return nearest;
    }

    /// With one more layer, which is written from now on.
    public LayerChain below(VolumeId top) {
        List<VolumeId> more = new ArrayList<>(layers);
        more.addFirst(top);
        if (ends.isEmpty()) {
            return of(more);
        }
        List<Long> moreEnds = new ArrayList<>(ends);
        moreEnds.addFirst(NO_END);
        return new LayerChain(more, moreEnds);
    }

    /// With no end beyond the given one.
    public LayerChain endingAt(long endBytes) {
        List<Long> drawnIn = new ArrayList<>();
        for (int i = 0; i < layers.size(); i++) {
            drawnIn.add(Math.min(end(i), endBytes));
        }
        return new LayerChain(layers, drawnIn);
    }

    /// The layers above one that has all that is seen of those below it, and that one.
    public LayerChain downTo(VolumeId lowest) {
        int count = layers.indexOf(lowest) + 1;
        return new LayerChain(
                layers.subList(0, count), ends.isEmpty() ? ends : ends.subList(0, count));
    }

    /// The layers below one.
    public LayerChain under(VolumeId layer) {
        int from = layers.indexOf(layer) + 1;
        return new LayerChain(
                layers.subList(from, layers.size()),
                ends.isEmpty() ? ends : ends.subList(from, layers.size()));
    }

    /// Without a layer that was merged into the one below it, which is seen as far as that was.
    public LayerChain merged(VolumeId upper) {
        int index = layers.indexOf(upper);
        if (index < 0) {
            return this;
        }
        List<VolumeId> fewer = new ArrayList<>(layers);
        fewer.remove(index);
        if (ends.isEmpty()) {
            return of(fewer);
        }
        List<Long> fewerEnds = new ArrayList<>(ends);
        fewerEnds.remove(index + 1);
        return new LayerChain(fewer, fewerEnds);
    }
}
