package weft.ops.image;

/// A package as the archive's index describes it.
///
/// @param depends the `Depends` field as it stands
/// @param path below the mirror
record DebianPackage(
        String name, String version, String depends, String path, long sizeBytes, Digest digest) {}
