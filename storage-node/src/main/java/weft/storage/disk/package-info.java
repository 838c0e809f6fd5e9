/// The files of one store as the rest of the node sees them: [weft.storage.disk.Disk] names files
/// relative to the store's folder, [weft.storage.disk.FileDisk] keeps them in a real folder. The
/// only room that opens files or makes system calls; nothing here knows what the files hold, but
/// for [weft.storage.disk.FileHeader], the first block of every one of them.
///
/// Tests put a disk with torn and lost writes under the same interface.
@NullMarked
package weft.storage.disk;

import org.jspecify.annotations.NullMarked;
