package weft.vmhost.agent;

import weft.fabric.GroupRule;
import weft.transport.Caller;
import weft.transport.Endpoint;
import weft.vswitch.VSwitch;
import weft.vswitch.port.ConnectionReport;
import weft.vswitch.port.PortReport;
import weft.vswitch.port.SwitchReport;
import weft.wire.WireMessage;
import weft.wire.network.SwitchMessage;

import java.util.List;
import java.util.Map;

/// Answers what people ask about this host's switch.
final class SwitchInquiry implements Endpoint {
    private final VSwitch vswitch;

    SwitchInquiry(VSwitch vswitch) {
        this.vswitch = vswitch;
    }

    @Override
    public void onMessage(WireMessage message, Caller caller) {
        switch (message) {
            case SwitchMessage.AskPorts(String after) -> ports(after, caller);
            case SwitchMessage.AskTotals() -> caller.reply(totals());
            case SwitchMessage.AskConnections(String port, int from) ->
                    connections(port, from, caller);
            default -> caller.fail("not a question about a switch");
        }
    }

    private void ports(String after, Caller caller) {
        var _ =
                vswitch.ports(after, SwitchMessage.PORTS_MAX)
                        .whenComplete((reports, failure) -> {
                            if (reports == null) {
                                caller.fail(String.valueOf(failure));
                                return;
                            }
                            var ports = reports.stream().map(SwitchInquiry::port).toList();
                            caller.reply(new SwitchMessage.Ports(ports));
                        });
    }

    private void connections(String port, int from, Caller caller) {
        var _ =
                vswitch.connections(port, from, SwitchMessage.CONNECTIONS_MAX)
                        .whenComplete((reports, failure) -> {
                            if (reports == null) {
                                caller.fail(String.valueOf(failure));
                                return;
                            }
                            var all = reports.stream().map(SwitchInquiry::connection).toList();
                            caller.reply(new SwitchMessage.Connections(all));
                        });
    }

    private static SwitchMessage.Connection connection(ConnectionReport report) {
        return new SwitchMessage.Connection(
                report.number(),
                report.protocol(),
                report.initiator() == GroupRule.Direction.OUT,
                report.localAddress(),
                report.localPort(),
                report.remoteAddress(),
                report.remotePort(),
                report.state(),
                report.ageNanos() / 1_000_000,
                report.idleNanos() / 1_000_000,
                report.framesOut(),
                report.framesIn());
    }

    private static SwitchMessage.Port port(PortReport report) {
        return new SwitchMessage.Port(
                report.id(),
                report.network(),
                report.mac(),
                SwitchMessage.State.valueOf(report.state().name()),
                report.counters().framesFromDevice(),
                report.counters().bytesFromDevice(),
                report.counters().framesToDevice(),
                report.counters().bytesToDevice(),
                drops(report.drops()));
    }

    private SwitchMessage totals() {
        SwitchReport report = vswitch.report();
        return new SwitchMessage.Totals(
                report.received(),
                report.forwarded(),
                report.answered(),
                drops(report.drops()),
                drops(report.tunnelDrops()));
    }

    private static List<SwitchMessage.Drops> drops(Map<String, Long> counts) {
        return counts.entrySet().stream()
                .map(one -> new SwitchMessage.Drops(one.getKey(), one.getValue()))
                .toList();
    }
}
