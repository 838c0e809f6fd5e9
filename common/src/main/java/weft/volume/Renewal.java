package weft.volume;

import weft.fabric.LayerChain;

import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.IntSupplier;

/// Looks whether a holder is still one of those who hold the volume.
@FunctionalInterface
public interface Renewal {
    /// @param known the generation of the layer that the holder writes, at any moment
    /// @param isRefused whether requests wait for the answer; else a cut that is being made is left
    ///   alone
    CompletableFuture<Look> look(IntSupplier known, boolean isRefused);

    /// What was seen.
    ///
    /// @param news empty if there are none yet
    record Look(boolean isHolder, Optional<Renewed> news) {}

    /// What a holder goes on by when its token is not the newest any more.
    ///
    /// @param sizeBytes the volume's size then
    record Renewed(long token, LayerChain chain, long sizeBytes) {}
}
