package weft.vswitch.pipeline;

import weft.vswitch.service.Answer;

/// What a stage says about a frame. All verdicts exist before the frames do (per port, VTEP,
/// reason), so that deciding allocates nothing.
sealed interface Verdict {
    /// The next stage decides.
    record Pass() implements Verdict {
        static final Pass PASS = new Pass();
    }

    /// To one port here.
    record Deliver(PluggedPort port) implements Verdict {}

    /// To every port of the network here and, if it came from a port, to every VTEP that has ports
    /// of the network.
    record Flood(Domain domain) implements Verdict {}

    /// To one other host.
    record Tunnel(Vtep vtep) implements Verdict {}

    /// Back to the port it came from: an answer that the switch made.
    record Reply(Answer answer) implements Verdict {}

    /// To nobody: it was for the switch, and nothing is to be said to it.
    record Taken() implements Verdict {
        static final Taken TAKEN = new Taken();
    }

    /// Nowhere.
    record Drop(DropReason reason) implements Verdict {
        private static final Drop[] ALL = new Drop[DropReason.values().length];

        static {
            for (DropReason reason : DropReason.values()) {
                ALL[reason.ordinal()] = new Drop(reason);
            }
        }

        static Drop of(DropReason reason) {
            return ALL[reason.ordinal()];
        }
    }
}
