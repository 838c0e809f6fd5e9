package weft.ops.image;

import java.nio.file.Path;

/// A bootable image in the cache, ready to become volumes of a pool.
///
/// @param kernel the RISC-V `Image`
/// @param rootSeed what a new root disk begins with: a small file system that the guest grows to
///   the size of its disk at the first boot
/// @param digest over kernel and initrd, the same as [weft.fabric.Image]'s
/// @param bootArguments kernel command line that every VM of this image needs
public record ImageFiles(
        String name,
        Path kernel,
        Path initrd,
        Path rootSeed,
        Digest digest,
        String bootArguments,
        String description) {}
