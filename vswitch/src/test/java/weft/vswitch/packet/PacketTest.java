package weft.vswitch.packet;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import weft.fabric.MacAddress;

import java.util.HexFormat;

class PacketTest {
    @Test
    void theVxlanHeaderIsTheOneOfRfc7348() {
        byte[] out = new byte[VxlanHeader.SIZE_BYTES];
        VxlanHeader.emit(0x123456, out, 0);
        assertEquals("0800000012345600", HexFormat.of().formatHex(out));
        assertEquals(0x123456, VxlanHeader.vni(out, 0, 8));
    }

    @Test
    void reservedBitsAreIgnoredAndAClearFlagOrAShortHeaderIsNoVxlan() {
        byte[] reserved = HexFormat.of().parseHex("ffffffff00000aff");
        assertEquals(10, VxlanHeader.vni(reserved, 0, 8));
        byte[] noFlag = HexFormat.of().parseHex("f7ffffff00000aff");
        assertEquals(VxlanHeader.NO_VNI, VxlanHeader.vni(noFlag, 0, 8));
        assertEquals(VxlanHeader.NO_VNI, VxlanHeader.vni(reserved, 0, 7));
        assertEquals(VxlanHeader.NO_VNI, VxlanHeader.vni(reserved, 0, 0));
    }

    @Test
    void theAnnouncementIsQemusByteForByte() {
        byte[] frame = RarpAnnouncement.of(MacAddress.parse("52:54:00:12:34:56"));
        assertEquals(
                "ffffffffffff525400123456"
                        + "8035"
                        + "0001080006040003"
                        + "52540012345600000000"
                        + "52540012345600000000"
                        + "00".repeat(18),
                HexFormat.of().formatHex(frame));
    }

    @Test
    void aViewReadsAddressesTypesAndTags() {
        byte[] frame = HexFormat.of().parseHex("00" + "0180c200000f" + "52540012fffe" + "8100000a");
        var view = new EthernetView().over(frame, 1, frame.length - 1);
        assertEquals(0x0180_c200_000fL, view.destination());
        assertEquals(0x5254_0012_fffeL, view.source());
        assertTrue(view.isTagged());
        assertTrue(EthernetView.isReserved(view.destination()));
        assertFalse(EthernetView.isReserved(0x0180_c200_0010L));
        assertTrue(EthernetView.isMulticast(0xffff_ffff_ffffL));
        assertFalse(view.over(frame, 1, 13).isComplete());
    }
}
