package weft.storage.disk;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;

/// One open file of a [Disk].
public interface DiskFile extends Closeable {
    /// Length in bytes.
    long sizeBytes() throws IOException;

    /// Fills the buffer from the file, up to the file's end; answers how many bytes it got.
    int read(ByteBuffer into, long positionBytes) throws IOException;

    /// Writes the buffer's remaining bytes; the file grows if needed.
    void write(ByteBuffer from, long positionBytes) throws IOException;

    /// Has the device begin with what is cached of the file, so that to force it later takes less
    /// at once; promises nothing. An error of it is told to whoever forces the file, if the file
    /// was not closed before: the system may forget a file that nobody has open, with its errors.
    default void beginWriteBack() throws IOException {}

    /// Makes everything written through any handle of this file durable.
    void force() throws IOException;

    /// Gives the range's space back where the file system can; it reads as zeroes afterwards. The
    /// file's length stays.
    void punch(long positionBytes, long lengthBytes) throws IOException;
}
