package weft.storage.disk;

import java.io.IOException;
import java.util.Collection;
import java.util.List;

/// The files of one store. Names are relative to the store's folder, with `/` between folders.
///
/// What is durable is said by each method; everything else may be lost or torn by a crash, sector
/// by sector, in any order. A file's existence is durable only after [#forceFolder(String)].
/// Thread-safe; one file's methods may be called by several threads, too.
public interface Disk {
    /// Opens a file in the way its use needs.
    DiskFile open(String name, Use use) throws IOException;

    /// How a file is used.
    enum Use {
        /// Read only, buffered; the file must exist.
        READ,
        /// Read only, aligned to [#ALIGNMENT_BYTES], from the device itself where the file system
        /// can; what was written before by other handles is seen. The file must exist.
        READ_DEVICE,
        /// Read and write, buffered; made if absent. Durable by [DiskFile#force()].
        BUFFERED,
        /// Write only, aligned to [#ALIGNMENT_BYTES], past the page cache where the file system
        /// can; the file must exist. What was written by other handles is seen there, and the other
        /// way round. Durable by [DiskFile#force()].
        DATA,
        /// Read and write, aligned to [#ALIGNMENT_BYTES], past the page cache where the file system
        /// can; made if absent. A write is durable when it returns.
        DURABLE
    }

    /// Positions, lengths and buffer addresses of aligned uses are multiples of this.
    int ALIGNMENT_BYTES = 4096;

    /// Whether the file or folder exists.
    boolean exists(String name);

    /// The names in a folder, sorted, without the folder; empty if there is none.
    List<String> list(String folder) throws IOException;

    /// Makes a folder and those above it, if absent.
    void createFolder(String folder) throws IOException;

    /// Deletes a file or an empty folder; without effect if absent.
    void delete(String name) throws IOException;

    /// Makes what was created and deleted in the folder durable.
    void forceFolder(String folder) throws IOException;

    /// Makes the contents of all these files durable; those that are gone are skipped.
    void forceFiles(Collection<String> names) throws IOException;

    /// What new files may still take, in bytes, as the file system says.
    ///
    /// @throws IOException also if the store's folder is not there any more, or is another: whoever
    ///   asks every now and then notices that the disk is gone
    long freeBytes() throws IOException;
}
