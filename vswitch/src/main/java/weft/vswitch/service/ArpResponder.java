package weft.vswitch.service;

import weft.vswitch.packet.ArpView;

/// Answers requests for addresses that the fabric knows (RFC 826), so that they are not flooded to
/// all hosts of a network.
public final class ArpResponder {
    private ArpResponder() {}

    /// Makes the answer to a request of the station.
    ///
    /// @param targetMac who has the address that is asked for
    public static void answer(ArpView request, Station station, long targetMac, Answer answer) {
        var out = answer.begin(station.mac(), targetMac, ArpView.TYPE);
        out.putShort((short) (ArpView.KIND >>> 32)).putInt((int) ArpView.KIND);
        out.putShort((short) ArpView.REPLY);
        answer.address(targetMac);
        out.putInt(request.targetIpv4());
        answer.address(request.senderMac());
        out.putInt(request.senderIpv4());
        answer.end();
    }
}
