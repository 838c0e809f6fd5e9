package weft.storage.nbd;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
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

    @Test
    void aClientThatDisconnectsAgainAndAgainAndReadsNothingIsClosedOnce() {
        try (var client = new HostileClient(false)) {
            client.begin(NbdProtocol.FLAG_FIXED_NEWSTYLE | NbdProtocol.FLAG_NO_ZEROES);
            client.want(NbdProtocol.OPT_GO, "disk", 0, 0);
            client.stopReading();
            for (int i = 0; i < 3 * NbdTransmission.REQUESTS_MAX && client.isOpen(); i++) {
                client.request(0, NbdProtocol.CMD_DISC, 0, 0, i);
            }
            assertTrue(client.isOpen());
            // It does not wait for ever, either.
            client.pass(30);
            client.pass(31);
            assertFalse(client.isOpen());
        }
    }

    @Test
    void bytesThatMakeNoOptionYetWriteNothing() {
        try (var client = new HostileClient(false)) {
            client.stopReading();
            client.begin(NbdProtocol.FLAG_FIXED_NEWSTYLE | NbdProtocol.FLAG_NO_ZEROES);
            client.cutInto(1);
            client.option(77, new byte[8000]);
            assertTrue(client.isOpen());
        }
    }

    @Test
    void aClientThatNegotiatesForEverIsClosed() {
        try (var client = new HostileClient(false)) {
            client.begin(NbdProtocol.FLAG_FIXED_NEWSTYLE | NbdProtocol.FLAG_NO_ZEROES);
            for (int i = 1; i < NbdSession.NEGOTIATION_SECONDS_MAX; i++) {
                client.option(NbdProtocol.OPT_LIST, new byte[0]);
                client.pass(1);
                assertTrue(client.isOpen(), "after " + i + " s");
            }
            client.option(NbdProtocol.OPT_LIST, new byte[0]);
            client.pass(1);
            assertFalse(client.isOpen());
        }
    }

    @Test
    void whoWaitsForAVolumeToBeOpenedIsNotClosed() {
        try (var client = new HostileClient(false)) {
            client.begin(NbdProtocol.FLAG_FIXED_NEWSTYLE | NbdProtocol.FLAG_NO_ZEROES);
            client.want(NbdProtocol.OPT_GO, "slow", 0, 0);
            client.pass(NbdSession.NEGOTIATION_SECONDS_MAX);
            client.pass(1);
            assertTrue(client.isOpen());
        }
    }

    @Test
    void aClientThatUsesADiskMayBeSilent() {
        try (var client = transmitting()) {
            client.pass(10 * NbdSession.NEGOTIATION_SECONDS_MAX);
            assertTrue(client.isOpen());
        }
    }

    @Test
    void whatADiskHoldsIsToldToWhoNegotiatedIt() {
        var client = new HostileClient(false);
        try (client) {
            client.begin(NbdProtocol.FLAG_FIXED_NEWSTYLE | NbdProtocol.FLAG_NO_ZEROES);
            client.option(NbdProtocol.OPT_STRUCTURED_REPLY, new byte[0]);
            client.contexts(NbdProtocol.OPT_SET_META_CONTEXT, "disk", 0, "base:allocation");
            client.want(NbdProtocol.OPT_GO, "disk", 0, 0);
            client.request(0, NbdProtocol.CMD_WRITE, 5000, 1, 1);
            client.request(0, NbdProtocol.CMD_BLOCK_STATUS, 4095, 8194, 2);
        }
        assertEquals(1, client.statusCount());
    }
}
