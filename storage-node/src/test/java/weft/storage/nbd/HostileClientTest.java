package weft.storage.nbd;

import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/// What hostile clients were found to do.
class HostileClientTest {
    private static HostileClient transmitting() {
        var client = new HostileClient(false);
        client.begin(NbdProtocol.FLAG_FIXED_NEWSTYLE | NbdProtocol.FLAG_NO_ZEROES);
        client.want(NbdProtocol.OPT_GO, "disk", 0, 0);
        return client;
    }

    @Test
    void refusalsDoNotPileUpForAClientThatReadsNone() {
        try (var client = transmitting()) {
            client.stopReading();
            for (int i = 0; i < 3 * NbdTransmission.REQUESTS_MAX; i++) {
                client.request(0, 5, 0, 0, i);
            }
            client.read();
            assertTrue(client.isOpen());
        }
    }
}
