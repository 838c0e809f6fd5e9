package weft.vmhost.virtio.net;

/// A bounded queue of frames between the switch's loop and the device loop. Memory is made once a
/// slot is first used, for the frame that it held longest.
final class FrameRing {
    private final byte[][] frames;
    private final int[] lengths;
    private final int frameBytesMax;
    private int start;
    private int count;

    FrameRing(int slots, int frameBytesMax) {
        frames = new byte[slots][];
        lengths = new int[slots];
        this.frameBytesMax = frameBytesMax;
        java.util.Arrays.fill(frames, new byte[0]);
    }

    /// Copies the frame in; false if it is too long or there is no room.
    synchronized boolean offer(byte[] frame, int offset, int lengthBytes) {
        if (lengthBytes > frameBytesMax || count == frames.length) {
            return false;
        }
        int slot = (start + count) % frames.length;
        if (frames[slot].length < lengthBytes) {
            frames[slot] = new byte[Math.min(frameBytesMax, Math.max(256, 2 * lengthBytes))];
        }
        System.arraycopy(frame, offset, frames[slot], 0, lengthBytes);
        lengths[slot] = lengthBytes;
        count++;
        return true;
    }

    synchronized boolean isEmpty() {
        return count == 0;
    }

    /// Copies the oldest frame out; there must be one, and it stays.
    ///
    /// @return its length
    synchronized int peek(byte[] into) {
        assert count > 0;
        int length = lengths[start];
        System.arraycopy(frames[start], 0, into, 0, length);
        return length;
    }

    /// Forgets the oldest frame, if there is one.
    synchronized void drop() {
        if (count > 0) {
            start = (start + 1) % frames.length;
            count--;
        }
    }

    synchronized void clear() {
        count = 0;
    }
}
