package weft.vswitch.pipeline;

import weft.vswitch.packet.ArpView;
import weft.vswitch.packet.EthernetView;
import weft.vswitch.packet.Ipv4View;
import weft.vswitch.service.Answer;
import weft.vswitch.service.ArpResponder;
import weft.vswitch.service.DhcpServer;
import weft.vswitch.service.Station;

/// The stage that finds what the network itself is asked, and has it answered: on each host for its
/// own ports, so that there is no box in the middle that could fail.
final class LocalServices {
    private static final int ETHERNET_IPV4 = 0x0800;

    private final ArpView arp = new ArpView();
    private final Ipv4View ipv4 = new Ipv4View();
    private final DhcpServer dhcp = new DhcpServer();
    private final Answer answer = new Answer();
    private final Verdict.Reply reply = new Verdict.Reply(answer);

    /// Answers a frame of the station, or lets it pass.
    Verdict consider(EthernetView ethernet, Station station, Domain domain) {
        Verdict verdict =
                switch (ethernet.type()) {
                    case ArpView.TYPE -> arp(ethernet, station, domain);
                    case ETHERNET_IPV4 -> ipv4(ethernet, station);
                    default -> Verdict.Pass.PASS;
                };
        return verdict == Verdict.Pass.PASS && ethernet.destination() == Station.SERVICE_MAC
                ? Verdict.Drop.of(DropReason.NOT_SERVED)
                : verdict;
    }

    private Verdict arp(EthernetView ethernet, Station station, Domain domain) {
        arp.over(ethernet);
        if (arp.operation() != ArpView.REQUEST || arp.targetIpv4() == station.ipv4()) {
            return Verdict.Pass.PASS; // the last is a probe or an announcement: all may hear it
        }
        // A VM of another time may have the first address.
        long mac = domain.macOf(arp.targetIpv4());
        if (mac == Domain.NO_MAC && arp.targetIpv4() == station.serviceIpv4()) {
            mac = Station.SERVICE_MAC;
        }
        if (mac == Domain.NO_MAC) {
            return Verdict.Pass.PASS;
        }
        ArpResponder.answer(arp, station, mac, answer);
        return reply;
    }

    private Verdict ipv4(EthernetView ethernet, Station station) {
        ipv4.over(ethernet);
        if (!isForDhcpServer(ethernet)) {
            return Verdict.Pass.PASS;
        }
        return switch (dhcp.answer(ipv4, station, answer)) {
            case ANSWERED -> reply;
            case NOTED -> Verdict.Taken.TAKEN;
            case MALFORMED -> Verdict.Drop.of(DropReason.MALFORMED_PACKET);
        };
    }

    /// Whether it is for all, or for the network's own address.
    static boolean isForTheNetwork(EthernetView ethernet) {
        return EthernetView.isMulticast(ethernet.destination())
                || ethernet.destination() == Station.SERVICE_MAC;
    }

    /// A client asks all, or renews what the network's own address gave it.
    private boolean isForDhcpServer(EthernetView ethernet) {
        if (!isForTheNetwork(ethernet) || ipv4.protocol() != Ipv4View.UDP || ipv4.isFragment()) {
            return false;
        }
        int at = ipv4.payloadOffset() + 2;
        byte[] bytes = ipv4.bytes();
        return ipv4.payloadLengthBytes() >= 8
                && ((bytes[at] & 0xff) << 8 | bytes[at + 1] & 0xff) == DhcpServer.SERVER_PORT;
    }
}
