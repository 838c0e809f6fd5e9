package weft.vmhost.device;

import com.google.errorprone.annotations.concurrent.GuardedBy;

import java.time.Duration;

/// The far end of the serial line: what the guest has printed (the last part of it, for terminals
/// that attach later) and what was typed and not yet read.
///
/// Any number of terminals may read; each keeps its own position. The guest never waits for them:
/// the oldest output is overwritten, and a terminal that lags sees how much it has lost. Input is
/// bounded and refused when full, so that a paste cannot grow without end. Safe for all threads.
public final class SerialConsole {
    /// Output that is kept: a full boot log of a Debian kernel is about 20 KiB.
    public static final int OUTPUT_BYTES_MAX = 256 * 1024;

    /// Input that waits for the guest: a generous line.
    public static final int INPUT_BYTES_MAX = 4096;

    private static final Runnable NOBODY = () -> {};

    private final byte[] output = new byte[OUTPUT_BYTES_MAX];
    private final byte[] input = new byte[INPUT_BYTES_MAX];
    private long outputEnd;
    private int inputStart;
    private int inputLength;
    private boolean closed;
    private boolean deaf;
    private int waiting;
    private volatile Runnable inputListener = NOBODY;

    /// One read by a terminal.
    ///
    /// @param nextPosition where its next read goes on
    /// @param lostBytes how many bytes had been overwritten before they were read
    /// @param lengthBytes how many bytes were copied
    public record Chunk(long nextPosition, long lostBytes, int lengthBytes) {}

    /// The guest prints a byte.
    public synchronized void print(int octet) {
        output[(int) (outputEnd % OUTPUT_BYTES_MAX)] = (byte) octet;
        outputEnd++;
        if (waiting > 0) {
            notifyAll();
        }
    }

    /// The position behind the newest byte.
    public synchronized long outputEnd() {
        return outputEnd;
    }

    /// The position of the oldest byte that is still kept.
    public synchronized long outputStart() {
        return Math.max(0, outputEnd - OUTPUT_BYTES_MAX);
    }

    /// Copies what was printed from `position` on; waits at most the given time if there is nothing
    /// yet, and may come back early with nothing. A closed console answers at once.
    public synchronized Chunk read(long position, byte[] into, Duration patience)
            throws InterruptedException {
        if (position >= outputEnd && !closed) {
            waitAtMost(patience);
        }
        long start = Math.max(position, Math.max(0, outputEnd - OUTPUT_BYTES_MAX));
        int length = (int) Math.max(0, Math.min(into.length, outputEnd - start));
        for (int i = 0; i < length; i++) {
            into[i] = output[(int) ((start + i) % OUTPUT_BYTES_MAX)];
        }
        return new Chunk(start + length, start - position, length);
    }

    /// From now on what is typed goes nowhere.
    public synchronized void stopListening() {
        deaf = true;
    }

    /// Types as much as there is room for.
    ///
    /// @return how many bytes were taken
    public int type(byte[] bytes, int offset, int lengthBytes) {
        int taken;
        synchronized (this) {
            if (deaf) {
                return lengthBytes;
            }
            taken = Math.min(lengthBytes, INPUT_BYTES_MAX - inputLength);
            for (int i = 0; i < taken; i++) {
                input[(inputStart + inputLength++) % INPUT_BYTES_MAX] = bytes[offset + i];
            }
        }
        if (taken > 0) {
            inputListener.run();
        }
        return taken;
    }

    /// Waits for room for input, at most the given time; may come back early.
    ///
    /// @return whether there is room
    public synchronized boolean awaitInputRoom(Duration patience) throws InterruptedException {
        if (inputLength == INPUT_BYTES_MAX && !closed) {
            waitAtMost(patience);
        }
        return inputLength < INPUT_BYTES_MAX;
    }

    @SuppressWarnings("WaitNotInLoop") // Callers loop: coming back early is part of the contract.
    @GuardedBy("this")
    private void waitAtMost(Duration patience) throws InterruptedException {
        waiting++;
        try {
            wait(Math.max(1, patience.toMillis()));
        } finally {
            waiting--;
        }
    }

    /// The oldest typed byte, or -1.
    public synchronized int takeInput() {
        if (inputLength == 0) {
            return -1;
        }
        int octet = input[inputStart] & 0xff;
        inputStart = (inputStart + 1) % INPUT_BYTES_MAX;
        inputLength--;
        if (waiting > 0) {
            notifyAll();
        }
        return octet;
    }

    /// Whether something was typed and not yet taken.
    public synchronized boolean hasInput() {
        return inputLength > 0;
    }

    /// Who hears that something was typed: the device that takes it, one only.
    public void onInput(Runnable listener) {
        inputListener = listener;
    }

    /// Lets waiting terminals go: nothing will be printed any more.
    public synchronized void close() {
        closed = true;
        notifyAll();
    }

    /// Whether [#close()] was called; what is left can still be read.
    public synchronized boolean isClosed() {
        return closed;
    }
}
