package weft.storage.nbd;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;

/// The bytes that docs/protocols/nbd.md shows are the bytes the codec reads and writes.
class NbdBytesTest {
    private static final NbdRequest READ = new NbdRequest(0, NbdProtocol.CMD_READ, 42, 4096, 512);

    private static byte[] example(String ending) throws IOException {
        Path document = Path.of("..", "docs", "protocols", "nbd.md");
        String line =
                Files.readAllLines(document).stream()
                        .filter(text -> text.endsWith(ending))
                        .findFirst()
                        .orElseThrow();
        String hex = line.substring(0, line.length() - ending.length()).replace(" ", "");
        return ByteBufUtil.decodeHexDump(hex.toLowerCase(Locale.ROOT));
    }

    private static byte[] bytesOf(ByteBuf buffer) {
        return ByteBufUtil.getBytes(buffer);
    }

    @Test
    void theRequestOfTheDocumentIsParsed() throws IOException {
        byte[] bytes = example("READ 512 bytes at 4096");
        assertEquals(READ, NbdRequest.parse(Unpooled.wrappedBuffer(bytes)).orElseThrow());
        bytes[0]++;
        assertTrue(NbdRequest.parse(Unpooled.wrappedBuffer(bytes)).isEmpty());
    }

    @Test
    void theRepliesOfTheDocumentAreWritten() throws IOException {
        ByteBuf simple = Unpooled.buffer();
        NbdReply.write(simple, READ, NbdProtocol.EINVAL, false);
        assertEquals(Arrays.toString(example("EINVAL")), Arrays.toString(bytesOf(simple)));

        ByteBuf structured = Unpooled.buffer();
        int header = NbdReply.readHeaderBytes(true);
        structured.writeZero(header + 512);
        NbdReply.setReadHeader(structured, READ, true);
        assertEquals(header + 512, structured.readableBytes());
        byte[] expected = example("512 bytes follow");
        assertEquals(
                Arrays.toString(expected),
                Arrays.toString(bytesOf(structured.readSlice(expected.length))));
    }

    @Test
    void aReadThatFailsOrIsEmptyHasAStructuredEnd() {
        ByteBuf failed = Unpooled.buffer();
        NbdReply.write(failed, READ, NbdProtocol.EIO, true);
        assertEquals(
                "668e33ef00018001000000000000002a00000006000000050000",
                ByteBufUtil.hexDump(failed));
        ByteBuf empty = Unpooled.buffer();
        NbdReply.write(empty, READ, NbdProtocol.OK, true);
        assertEquals("668e33ef00010000000000000000002a00000000", ByteBufUtil.hexDump(empty));
    }
}
