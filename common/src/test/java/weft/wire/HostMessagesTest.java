package weft.wire;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

import weft.wire.console.ConsoleFamily;
import weft.wire.console.ConsoleMessage;
import weft.wire.migration.MigrationFamily;
import weft.wire.migration.MigrationMessage;
import weft.wire.network.SwitchFamily;
import weft.wire.network.SwitchMessage;
import weft.wire.vm.VmFamily;
import weft.wire.vm.VmMessage;

import java.nio.ByteBuffer;
import java.util.UUID;

/// The messages between hosts, and between a host and those who ask for a VM or its console.
class HostMessagesTest {
    @Test
    void everyMessageComesBackAsItWasSent() throws MalformedMessage {
        for (MigrationMessage message : WireSamples.MIGRATION) {
            var family = new MigrationFamily();
            MigrationMessage came = carry(family, message);
            assertEquals(message.getClass(), came.getClass());
            assertArrayEquals(bytesOf(family, message), bytesOf(family, came));
        }
        for (ConsoleMessage message : WireSamples.CONSOLE) {
            assertEquals(message, carry(new ConsoleFamily(), message));
        }
        for (VmMessage message : WireSamples.VM) {
            assertEquals(message, carry(new VmFamily(), message));
        }
        for (SwitchMessage message : WireSamples.SWITCH) {
            assertEquals(message, carry(new SwitchFamily(), message));
        }
    }

    @Test
    void pagesComeBackWithTheirContent() throws MalformedMessage {
        var content = new byte[2 * MigrationMessage.PAGE_BYTES];
        content[5000] = 42;
        var sent =
                new MigrationMessage.Pages(
                        new UUID(1, 2), new long[] {0x80005, 0x80009}, ByteBuffer.wrap(content));
        var came =
                assertInstanceOf(MigrationMessage.Pages.class, carry(new MigrationFamily(), sent));
        assertArrayEquals(sent.pages(), came.pages());
        assertEquals(ByteBuffer.wrap(content), came.content());
    }

    @Test
    void everyCutMessageIsMalformed() {
        for (MigrationMessage message : WireSamples.MIGRATION) {
            assertEveryCutIsMalformed(new MigrationFamily(), message);
        }
        for (ConsoleMessage message : WireSamples.CONSOLE) {
            assertEveryCutIsMalformed(new ConsoleFamily(), message);
        }
        for (VmMessage message : WireSamples.VM) {
            assertEveryCutIsMalformed(new VmFamily(), message);
        }
        for (SwitchMessage message : WireSamples.SWITCH) {
            assertEveryCutIsMalformed(new SwitchFamily(), message);
        }
    }

    @Test
    void aMessageWithBytesBehindItIsMalformed() {
        var bytes = ByteBuffer.allocate(17).putLong(1).putLong(2).put((byte) 0).flip();
        assertThrows(
                MalformedMessage.class,
                () -> new MigrationFamily().decode(0x0206, new WireReader(bytes)));
    }

    @Test
    void pagesAndContentMustAgree() {
        var out = new WireWriter();
        out.putLong(1);
        out.putLong(2);
        out.putInt(2);
        out.putLong(0x80000);
        out.putLong(0x80001);
        out.putBytes(new byte[MigrationMessage.PAGE_BYTES]);
        assertThrows(
                MalformedMessage.class,
                () -> new MigrationFamily().decode(0x0202, new WireReader(out.toBytes())));
    }

    private static <M extends WireMessage> M carry(MessageFamily<M> family, M message)
            throws MalformedMessage {
        return family.decode(family.typeIdOf(message), new WireReader(bytesOf(family, message)));
    }

    private static <M extends WireMessage> byte[] bytesOf(MessageFamily<M> family, M message) {
        var out = new WireWriter();
        family.encode(message, out);
        return out.toBytes();
    }

    private static <M extends WireMessage> void assertEveryCutIsMalformed(
            MessageFamily<M> family, M message) {
        byte[] bytes = bytesOf(family, message);
        for (int length = 0; length < bytes.length; length++) {
            var cut = new WireReader(ByteBuffer.wrap(bytes, 0, length));
            assertThrows(
                    MalformedMessage.class, () -> family.decode(family.typeIdOf(message), cut));
        }
    }
}
