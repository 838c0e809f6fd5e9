package weft.fabric;

/// A bootable image: three read-only volumes of the pool.
///
/// @param kernel name of the volume that holds the kernel `Image`, with its exact length
/// @param initrd name of the volume that holds the initramfs, with its exact length
/// @param root name of the volume that root disks are cloned from
/// @param digest SHA-256 over kernel and initrd, hex; hosts cache by it
public record Image(
        String name,
        String kernel,
        long kernelBytes,
        String initrd,
        long initrdBytes,
        String root,
        String bootArguments,
        String digest,
        String description) {}
