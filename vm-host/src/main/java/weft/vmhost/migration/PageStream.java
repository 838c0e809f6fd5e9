package weft.vmhost.migration;

import weft.transport.PeerConnection;
import weft.vmhost.memory.DirtyPages;
import weft.vmhost.memory.GuestMemory;
import weft.wire.WireMessage;
import weft.wire.migration.MigrationMessage;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/// Sends pages of a guest's RAM, a bounded number of messages ahead of the destination's answers.
/// Pages that are zero travel as numbers; in the first round, when the destination's RAM is still
/// all zero, not at all. Belongs to the thread that migrates.
final class PageStream {
    /// Messages under way: 8 MiB, which covers the bandwidth-delay product of 10 Gb/s and 6 ms.
    private static final int WINDOW_MESSAGES = 8;

    private static final int ANSWER_TIMEOUT_SECONDS = 10;

    private final UUID migration;
    private final GuestMemory memory;
    private final PeerConnection destination;
    private final Deque<CompletableFuture<WireMessage>> underWay = new ArrayDeque<>();
    private final Progress progress;
    private long sentBytes;

    /// Hears how much was sent, after each message; may throw to call the migration off.
    @FunctionalInterface
    interface Progress {
        void sent(long totalBytes) throws IOException;
    }

    PageStream(UUID migration, GuestMemory memory, PeerConnection destination, Progress progress) {
        this.migration = migration;
        this.memory = memory;
        this.destination = destination;
        this.progress = progress;
    }

    /// What is done with a page that is all zero.
    enum ZeroPolicy {
        /// The destination has not been sent this page yet: it is zero there.
        SKIP,
        /// It may have been sent with content before.
        SEND
    }

    /// Sends the pages as they are now, and waits until the destination has taken them all.
    void send(DirtyPages pages, ZeroPolicy zeroPolicy) throws IOException {
        var batch = new Batch(zeroPolicy);
        var failure = new IOException[1];
        pages.forEach(address -> {
            if (failure[0] == null) {
                try {
                    batch.add(address);
                } catch (IOException e) {
                    failure[0] = e;
                }
            }
        });
        if (failure[0] != null) {
            throw failure[0];
        }
        batch.flush();
        while (!underWay.isEmpty()) {
            awaitOldest();
        }
    }

    /// Bytes of page content sent so far.
    long sentBytes() {
        return sentBytes;
    }

    /// Pages on their way into one message.
    private final class Batch {
        private final ZeroPolicy zeroPolicy;
        private final long[] pages = new long[MigrationMessage.PAGES_MAX];
        private final long[] zeroPages = new long[MigrationMessage.PAGES_MAX];
        private ByteBuffer content = newContent();
        private int pageCount;
        private int zeroCount;

        Batch(ZeroPolicy zeroPolicy) {
            this.zeroPolicy = zeroPolicy;
        }

        void add(long address) throws IOException {
            int start = content.position();
            content.limit(start + GuestMemory.PAGE_BYTES);
            memory.read(address, content);
            if (isZero(content.array(), start)) {
                content.position(start);
                if (zeroPolicy == ZeroPolicy.SEND) {
                    zeroPages[zeroCount++] = address >>> GuestMemory.PAGE_SHIFT;
                }
            } else {
                pages[pageCount++] = address >>> GuestMemory.PAGE_SHIFT;
            }
            if (pageCount == pages.length || zeroCount == zeroPages.length) {
                flush();
            }
        }

        void flush() throws IOException {
            if (pageCount > 0) {
                // The transport keeps the content until it is written: the next batch gets its own.
                post(
                        new MigrationMessage.Pages(
                                migration, Arrays.copyOf(pages, pageCount), content.flip()));
                sentBytes += (long) pageCount * GuestMemory.PAGE_BYTES;
                pageCount = 0;
                content = newContent();
            }
            if (zeroCount > 0) {
                post(
                        new MigrationMessage.ZeroPages(
                                migration, Arrays.copyOf(zeroPages, zeroCount)));
                zeroCount = 0;
            }
            progress.sent(sentBytes);
        }

        private static ByteBuffer newContent() {
            return ByteBuffer.allocate(MigrationMessage.PAGES_MAX * GuestMemory.PAGE_BYTES);
        }

        private static boolean isZero(byte[] bytes, int start) {
            return Arrays.mismatch(
                            bytes, start, start + GuestMemory.PAGE_BYTES, ZEROES, 0, ZEROES.length)
                    < 0;
        }
    }

    private static final byte[] ZEROES = new byte[GuestMemory.PAGE_BYTES];

    private void post(MigrationMessage message) throws IOException {
        if (underWay.size() == WINDOW_MESSAGES) {
            awaitOldest();
        }
        underWay.addLast(destination.request(message));
    }

    private void awaitOldest() throws IOException {
        WireMessage answer = answerTo(underWay.removeFirst());
        if (!(answer instanceof MigrationMessage.Taken taken)
                || !taken.migration().equals(migration)) {
            throw new IOException("the destination did not take the pages: " + answer);
        }
    }

    /// Waits for an answer, with a limit.
    static WireMessage answerTo(CompletableFuture<WireMessage> request) throws IOException {
        try {
            return request.get(ANSWER_TIMEOUT_SECONDS, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            Throwable cause = e.getCause();
            throw new IOException(
                    "the destination is gone: " + (cause == null ? e : cause.getMessage()), e);
        } catch (TimeoutException e) {
            throw new IOException(
                    "the destination did not answer within " + ANSWER_TIMEOUT_SECONDS + " s", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }
}
