package weft.ops.cli.network;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;

/// What the lines of a capture say of a frame.
class FrameSummaryTest {
    private static final String ARP_REQUEST =
            "ffffffffffff52540000000a0806"
                    + "000108000604000152540000000a0a00000a0000000000000a00004d";
    private static final String PING =
            "52540000000b52540000000a0800"
                    + "4500001c00000000400100000a00000a0a00000b"
                    + "0800000000010007";

    private static FrameSummary summary(String hex) {
        return FrameSummary.of(HexFormat.of().parseHex(hex));
    }

    @Test
    void arpSaysWhoAsksForWhom() {
        FrameSummary arp = summary(ARP_REQUEST);
        assertEquals("ARP who-has 10.0.0.77 tell 10.0.0.10", arp.text());
        assertEquals("52:54:00:00:00:0a", arp.source().toString());
        assertEquals("ff:ff:ff:ff:ff:ff", arp.destination().toString());
        assertTrue(arp.isArp());
        assertEquals(
                "ARP 10.0.0.10 is-at 52:54:00:00:00:0a",
                summary(ARP_REQUEST.replace("00060400" + "01", "00060400" + "02")).text());
    }

    @Test
    void aPingSaysFromWhomToWhom() {
        FrameSummary ping = summary(PING);
        assertEquals("IPv4 10.0.0.10 > 10.0.0.11 ICMP echo request seq 7", ping.text());
        assertTrue(ping.isIcmp());
        assertFalse(ping.isArp());
    }

    @Test
    void aTypeThatNobodyKnowsIsShownAsANumber() {
        assertEquals("type 0x88b5", summary("ffffffffffff52540000000a88b5").text());
    }

    @Test
    void aFrameThatIsCutAnywhereOrLiesIsStillDescribed() {
        for (String hex : new String[] {ARP_REQUEST, PING}) {
            byte[] whole = HexFormat.of().parseHex(hex);
            for (int length = 0; length <= whole.length; length++) {
                assertFalse(FrameSummary.of(Arrays.copyOf(whole, length)).text().isEmpty());
            }
        }
        long seed = Long.getLong("weft.seed", 7);
        var random = new Random(seed);
        String[] types = {"0806", "0800", "86dd", "8100", "8035"};
        for (int i = 0; i < 2_000; i++) {
            var frame = new byte[14 + random.nextInt(80)];
            random.nextBytes(frame);
            byte[] type = HexFormat.of().parseHex(types[i % types.length]);
            System.arraycopy(type, 0, frame, 12, 2);
            assertFalse(FrameSummary.of(frame).text().isEmpty(), "seed " + seed);
        }
    }
}
