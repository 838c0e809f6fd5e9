package weft.ops.image;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;

/// Ends with an error when a compressed file turns out longer than anything it could honestly hold.
final class BoundedInputStream extends FilterInputStream {
    private final long bytesMax;
    private final String what;
    private long readBytes;

    BoundedInputStream(InputStream in, long bytesMax, String what) {
        super(in);
        this.bytesMax = bytesMax;
        this.what = what;
    }

    @Override
    public int read() throws IOException {
        int value = super.read();
        count(value < 0 ? 0 : 1);
        return value;
    }

    @Override
    public int read(byte[] buffer, int offset, int length) throws IOException {
        int n = super.read(buffer, offset, length);
        count(Math.max(0, n));
        return n;
    }

    private void count(int bytes) throws IOException {
        readBytes += bytes;
        if (readBytes > bytesMax) {
            throw new IOException("%s unpacks to more than %d bytes".formatted(what, bytesMax));
        }
    }
}
