package weft.ops.pool;

import weft.coordination.FabricRecords.Found;
import weft.fabric.Attachment;
import weft.fabric.LayerChain;
import weft.fabric.Volume;
import weft.wire.holder.HolderMessage.Holding;
import weft.wire.holder.HolderMessage.NewLayers;

import java.util.Optional;

/// A volume of the cut, as it is from step 1 on.
///
/// @param chain what its holder goes on with, and the volume when the cut has come to its end: the
///   volume's, or without layers below one that has all that is seen of them
/// @param version of its record
/// @param attachment its holder's then
record CutPart(
        Volume volume,
        LayerChain chain,
        int version,
        Optional<Volume> snapshot,
        Found<Attachment> attachment) {
    NewLayers newLayers() {
        return new NewLayers(volume.id(), attachment.noun().token(), volume.sizeBytes(), chain);
    }

    /// The volume when the cut has come to its end.
    Volume sealed() {
        Volume sealed = volume.withSealedBelow(chain.top().generation());
        return chain.equals(volume.chain()) ? sealed : sealed.withChain(chain).withFlattening(null);
    }

    Holding holding() {
        return new Holding(volume.id(), attachment.noun().token());
    }
}
