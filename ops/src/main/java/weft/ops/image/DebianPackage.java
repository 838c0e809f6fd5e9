package weft.ops.image;

/// A package as the archive's index describes it.
///
/// @param depends the fields `Pre-Depends` and `Depends` as they stand, joined by a comma
/// @param path below the mirror
record DebianPackage(
        String name, String version, String depends, String path, long sizeBytes, Digest digest) {}
