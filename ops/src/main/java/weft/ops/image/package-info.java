/// A bootable guest made from Debian's own packages, in Java alone and without privileges.
///
/// [weft.ops.image.DebianMicro] is the road from a mirror to three files:
///
/// ```
/// AptSources → mirror        DebianArchive: InRelease ─ ReleaseSignature → Packages.xz → packages
/// Downloads: a cache by SHA-256        DebFile: ar, xz, tar        KernelModule: what needs what
/// Initramfs (CpioWriter): kernel modules, busybox, guest files        Ext2Image: the seed of a disk
/// ImageCache: what was made, by digest
/// ```
///
/// [weft.ops.image.DebianPrograms] is that to roots with programs: PackageClosure says which
/// packages.
///
/// Whatever comes from the net or from an archive is bounded and checked before it is used. Nothing
/// here knows the command line, nor the pool that images end up in.
@NullMarked
package weft.ops.image;

import org.jspecify.annotations.NullMarked;
