package weft.transport;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class NodeAddressTest {
    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                ":",
                "a",
                "a:",
                ":80",
                "80",
                "a:b",
                "a:-1",
                "a:+80",
                "a:65536",
                "a:000080",
                "a:99999999999",
                "a:80 ",
                "a:80:"
            })
    void whatIsNotHostAndPortIsNoAddress(String text) {
        assertTrue(NodeAddress.parse(text).isEmpty(), text);
        assertTrue(NodeAddress.unresolved(text).isEmpty(), text);
    }

    @ParameterizedTest
    @ValueSource(strings = {"127.0.0.1:0", "127.0.0.1:80", "127.0.0.1:65535"})
    void anAddressIsReadAsItWasWritten(String text) {
        var address = NodeAddress.parse(text).orElseThrow();
        assertFalse(address.isUnresolved());
        assertEquals(text, NodeAddress.format(address));
    }

    @Test
    void aHostIsNotLookedUpUnlessItIsAskedFor() {
        var address = NodeAddress.unresolved("localhost:80").orElseThrow();
        assertTrue(address.isUnresolved());
        assertEquals("localhost:80", NodeAddress.format(address));
    }
}
