package weft.ops.pool;

import weft.coordination.FabricRecords.Found;
import weft.fabric.Attachment;
import weft.fabric.Volume;
import weft.wire.holder.HolderMessage.Holding;
import weft.wire.holder.HolderMessage.NewLayers;

import java.util.Optional;

/// A volume of the cut, as it is from step 1 on.
///
/// @param sealed the volume when the cut has come to its end: its holder goes on with these layers
/// @param version of its record
/// @param attachment its holder's then
record CutPart(
        Volume volume,
        Volume sealed,
        int version,
        Optional<Volume> snapshot,
        Found<Attachment> attachment) {
    NewLayers newLayers() {
        return new NewLayers(
                volume.id(), attachment.noun().token(), volume.sizeBytes(), sealed.chain());
    }

    Holding holding() {
        return new Holding(volume.id(), attachment.noun().token());
    }
}
