package weft.vswitch.service;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import static weft.vswitch.service.DhcpMessage.address;

import org.junit.jupiter.api.Test;

import weft.fabric.Ipv4Interface;
import weft.fabric.MacAddress;
import weft.vswitch.packet.EthernetView;
import weft.vswitch.packet.Ipv4View;
import weft.vswitch.service.DhcpServer.Outcome;

import java.util.List;
import java.util.Set;

class DhcpServerTest {
    private static final int DISCOVER = 1;
    private static final int OFFER = 2;
    private static final int REQUEST = 3;
    private static final int DECLINE = 4;
    private static final int ACK = 5;
    private static final int NAK = 6;
    private static final int RELEASE = 7;
    private static final int INFORM = 8;
    private static final long MAC = 0x5254_0012_3456L;
    private static final int OWN = address("10.0.0.10");
    private static final int SERVICE = address("10.0.0.1");

    private final Station station =
            Station.of("web1-0", new MacAddress(MAC), Ipv4Interface.parse("10.0.0.10/24"), 1450);
    private final DhcpServer server = new DhcpServer();
    private final Answer answer = new Answer();

    private Outcome outcome(byte[] frame) {
        var ip = new Ipv4View().over(new EthernetView().over(frame, 0, frame.length));
        assertTrue(ip.isComplete());
        return server.answer(ip, station, answer);
    }

    private DhcpMessage answerTo(DhcpMessage request) {
        assertEquals(Outcome.ANSWERED, outcome(request.frame()));
        DhcpMessage reply = DhcpMessage.read(answer.bytes(), answer.lengthBytes());
        assertEquals(67, reply.fromPort);
        assertEquals(68, reply.toPort);
        assertEquals(SERVICE, reply.fromAddress);
        assertEquals(SERVICE, reply.number(54));
        assertEquals(request.transaction, reply.transaction);
        assertEquals(request.flags, reply.flags);
        assertEquals(MAC, reply.mac);
        return reply;
    }

    private static DhcpMessage request(int type) {
        return DhcpMessage.request(MAC, type);
    }

    @Test
    void aDiscoveryIsOfferedTheAddressOfThePort() {
        DhcpMessage offer = answerTo(request(DISCOVER));
        assertEquals(OFFER, offer.number(53));
        assertEquals(OWN, offer.yourAddress);
        assertEquals(OWN, offer.toAddress, "the client takes unicast");
        assertEquals(MAC, offer.toMac);
        assertEquals(address("255.255.255.0"), offer.number(1));
        assertEquals(86_400, offer.number(51));
        assertEquals(Set.of(53, 54, 51, 1), offer.options.keySet());
    }

    @Test
    void whoCannotTakeUnicastGetsABroadcast() {
        DhcpMessage request = request(DISCOVER);
        request.flags = 0x8000;
        DhcpMessage offer = answerTo(request);
        assertEquals(-1, offer.toAddress);
        assertEquals(0xffff_ffff_ffffL, offer.toMac);
        assertEquals(OWN, offer.yourAddress);
    }

    @Test
    void theOwnAddressIsAcknowledgedInEveryStateOfAClient() {
        DhcpMessage selecting = request(REQUEST).withInt(50, OWN).withInt(54, SERVICE);
        DhcpMessage rebooting = request(REQUEST).withInt(50, OWN);
        DhcpMessage renewing = request(REQUEST);
        renewing.clientAddress = OWN;
        renewing.fromAddress = OWN;
        for (DhcpMessage request : List.of(selecting, rebooting, renewing)) {
            DhcpMessage reply = answerTo(request);
            assertEquals(ACK, reply.number(53));
            assertEquals(OWN, reply.yourAddress);
            assertEquals(request.clientAddress, reply.clientAddress);
            assertEquals(OWN, reply.toAddress);
        }
    }

    @Test
    void whoRenewsIsAnsweredByUnicastWhateverItsFlagSays() {
        DhcpMessage renewing = request(REQUEST);
        renewing.clientAddress = OWN;
        renewing.flags = 0x8000;
        assertEquals(OWN, answerTo(renewing).toAddress);
    }

    @Test
    void anotherAddressIsRefusedByBroadcast() {
        DhcpMessage selecting = request(REQUEST).withInt(50, OWN + 1).withInt(54, SERVICE);
        DhcpMessage rebooting = request(REQUEST).withInt(50, address("192.168.1.7"));
        DhcpMessage renewing = request(REQUEST);
        renewing.clientAddress = OWN + 1;
        DhcpMessage nothing = request(REQUEST);
        for (DhcpMessage request : List.of(selecting, rebooting, renewing, nothing)) {
            DhcpMessage reply = answerTo(request);
            assertEquals(NAK, reply.number(53));
            assertEquals(0, reply.yourAddress);
            assertEquals(-1, reply.toAddress);
            assertEquals(Set.of(53, 54), reply.options.keySet());
        }
    }

    @Test
    void whatIsForAnotherServerOrGivesBackIsNotAnswered() {
        DhcpMessage another = request(REQUEST).withInt(50, OWN).withInt(54, SERVICE + 1);
        assertEquals(Outcome.NOTED, outcome(another.frame()));
        assertEquals(Outcome.NOTED, outcome(request(DECLINE).withInt(50, OWN).frame()));
        assertEquals(Outcome.NOTED, outcome(request(RELEASE).frame()));
    }

    @Test
    void whoHasAnAddressIsToldTheRestWithoutALease() {
        DhcpMessage inform = request(INFORM).with(55, (byte) 26, (byte) 58, (byte) 51);
        inform.clientAddress = OWN;
        DhcpMessage reply = answerTo(inform);
        assertEquals(ACK, reply.number(53));
        assertEquals(0, reply.yourAddress);
        assertEquals(1450, reply.number(26));
        assertEquals(Set.of(53, 54, 1, 26), reply.options.keySet());
    }

    @Test
    void whatIsAskedForComesOnceInTheOrderAskedFor() {
        DhcpMessage request =
                request(DISCOVER)
                        .with(
                                55,
                                (byte) 26,
                                (byte) 1,
                                (byte) 12,
                                (byte) 26,
                                (byte) 28,
                                (byte) 59,
                                (byte) 58,
                                (byte) 3,
                                (byte) 252);
        DhcpMessage offer = answerTo(request);
        assertEquals(
                List.of(53, 54, 51, 1, 26, 12, 28, 59, 58), List.copyOf(offer.options.keySet()));
        assertEquals(1450, offer.number(26));
        assertEquals("web1", offer.text(12));
        assertEquals(address("10.0.0.255"), offer.number(28));
        assertEquals(43_200, offer.number(58));
        assertEquals(75_600, offer.number(59));
    }

    /// RFC 6842.
    @Test
    void theClientsIdentifierComesBackAlsoWithARefusal() {
        byte[] identifier = {(byte) 255, 1, 2, 3, 4, 5, 6, 7};
        assertArrayEquals(
                identifier, answerTo(request(DISCOVER).with(61, identifier)).options.get(61));
        assertArrayEquals(
                identifier,
                answerTo(request(REQUEST).withInt(50, 1).with(61, identifier)).options.get(61));
    }

    @Test
    void aLongIdentifierAndEveryOptionFitIntoAnAnswer() {
        byte[] everything = new byte[255];
        for (int i = 0; i < everything.length; i++) {
            everything[i] = (byte) i;
        }
        DhcpMessage reply =
                answerTo(request(DISCOVER).with(61, new byte[255]).with(55, everything));
        assertArrayEquals(new byte[255], reply.options.get(61));
    }

    @Test
    void whatIsNoRequestOfThisStationIsNotAnswered() {
        DhcpMessage relayed = request(DISCOVER);
        relayed.relay = OWN;
        DhcpMessage anothers = DhcpMessage.request(MAC + 1, DISCOVER);
        for (DhcpMessage bad :
                List.of(
                        relayed,
                        anothers,
                        request(OFFER),
                        request(0),
                        request(200),
                        request(DISCOVER).with(53),
                        request(DISCOVER).with(53, (byte) 1, (byte) 1),
                        request(DISCOVER).with(50, (byte) 1),
                        request(DISCOVER).with(54, new byte[5]))) {
            assertEquals(Outcome.MALFORMED, outcome(bad.frame()));
        }
        byte[] noCookie = request(DISCOVER).frame();
        noCookie[14 + 20 + 8 + 236] = 0;
        assertEquals(Outcome.MALFORMED, outcome(noCookie));
        byte[] beyond = request(DISCOVER).with(55, new byte[4]).frame();
        beyond[beyond.length - 6] = 6; // the last option is longer than what is left
        assertEquals(Outcome.MALFORMED, outcome(beyond));
    }

    @Test
    void aMessageWithoutAnEndIsReadAsFarAsItGoes() {
        byte[] frame = request(DISCOVER).frame();
        frame[frame.length - 1] = 0;
        assertEquals(Outcome.ANSWERED, outcome(frame));
    }

    /// Cut anywhere, it is a request or none, and never read beyond its end.
    @Test
    void aMessageThatBreaksOffIsNotReadBeyondItsEnd() {
        byte[] whole =
                request(DISCOVER).with(55, (byte) 1, (byte) 26).with(61, new byte[7]).frame();
        for (int cut = 34; cut < whole.length; cut++) {
            byte[] frame = java.util.Arrays.copyOf(whole, cut);
            frame[14 + 2] = (byte) (cut - 14 >> 8);
            frame[14 + 3] = (byte) (cut - 14);
            assertEquals(Outcome.MALFORMED, outcome(frame), "UDP's length says more: " + cut);
        }
        assertFalse(answer.lengthBytes() > 0, "nothing was answered");
    }
}
